"""What a file is, judged by its first bytes and never by its name."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import Literal

HEAD = 1024
"""Bytes from the start of a file that the tests here look at."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a damaged PNG picture"),
    (b"\xff\xd8", "a damaged JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop document"),
    (b"DDS ", "a DDS texture"),
    (b"BLP", "a BLP texture"),
    (b"qoif", "a QOI picture"),
    (b"%!PS", "a PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x00\x05\x16\x07", "a macOS companion file"),
    (b"SIMPLE  =", "a FITS picture"),
)  # fmt: skip
GZIP = b"\x1f\x8b"
_GZIP_BITS = 31
NIFTI1_SIZE, NIFTI2_SIZE = 348, 540
"""Bytes of the header, which begins with this number."""
_NIFTI1_MAGIC, _NIFTI2_MAGIC = (b"n+1\x00", b"ni1\x00"), (b"n+2\x00", b"ni2\x00")
_WEB_PAGE = (b"<!doctype html", b"<html", b"<head", b"<body")
_DRAWING = b"<svg"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_EXPLICIT_ELEMENTS = (b"\x02\x00", b"\x08\x00")


def is_dicom(head: bytes) -> bool:
    """Whether the file is DICOM, with its 128-byte preamble or (old files) without."""
    if head[128:132] == b"DICM":
        return True
    value_kind = head[4:6]
    return head[:2] in _EXPLICIT_ELEMENTS and value_kind.isalpha() and value_kind.isupper()


def is_nifti(head: bytes) -> bool:
    """Whether the file is NIfTI, also packed by gzip, or one half of a pair."""
    if head.startswith(GZIP):
        with suppress(zlib.error):
            head = zlib.decompressobj(_GZIP_BITS).decompress(head, HEAD)
    size = sized(head)
    if size == NIFTI1_SIZE:
        return head[344:348] in _NIFTI1_MAGIC
    return size == NIFTI2_SIZE and head[4:8] in _NIFTI2_MAGIC


def sized(head: bytes) -> int:
    """The size of its header that a NIfTI file begins with, in either order of bytes; else 0."""
    sizes = (NIFTI1_SIZE, NIFTI2_SIZE)
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    found = (int.from_bytes(head[:4], order) for order in orders)
    return next((size for size in found if size in sizes), 0)


def hidden_in(preamble: bytes) -> str:
    """What the 128 bytes before a DICOM header pretend to be, in words; "" if nothing known."""
    if preamble.startswith(_TIFF):
        return "a TIFF picture"
    start = preamble.lstrip().lower()
    if start.startswith((*_WEB_PAGE, b"<script", b"<?xml", b"#!")):
        return "a web page or a script"
    return next((words for mark, words in _SIGNATURES if preamble.startswith(mark)), "")


def looks_like(head: bytes) -> str:
    """What a file that is no usable picture seems to be, in words that follow "looks like"."""
    if not head:
        return "an empty file"
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp":
        return "an AVIF or HEIC picture or a film"
    if not head.strip(b"\x00"):
        return "nothing but zeros"
    return _text(head) or "an unknown kind of file"


def _text(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if _DRAWING in start[:512]:
        return "an SVG drawing"
    if start.startswith(_WEB_PAGE):
        return "a web page"
    try:
        # The cut at HEAD may halve a character: only its last bytes may be wrong.
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return ""
        text = head[: error.start].decode("utf-8")
    return "plain text" if all(c.isprintable() or c in "\r\n\t\f" for c in text) else ""
