"""Files to pictures: the one place where pixels are read, for training and for heatmaps alike.

A file that medxfer meets for the first time is decoded in a child process (`quarantine`), which a
hostile or damaged one may hang, crash or fill without harm. A file that was decoded at import and
still has the hash it had then may be decoded in this process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from medxfer.data import quarantine
from medxfer.data.picture import EVERYTHING, MAX_BYTES, MAX_PIXELS, Picture, Wanted, needs_memory
from medxfer.data.raster import with_pillow
from medxfer.data.sniffing import HEAD, is_dicom, is_nifti, looks_like
from medxfer.errors import ImageError
from medxfer.registry import Registry

__all__ = [
    "MAX_PIXELS",
    "READERS",
    "Picture",
    "Reader",
    "Wanted",
    "decode",
    "read_bytes",
    "read_known_bytes",
    "read_picture",
    "read_picture_bytes",
]


@dataclass(frozen=True)
class Reader:
    """One file format: recognised by its first bytes, then read from all of them."""

    recognises: Callable[[bytes], bool]
    read: Callable[[bytes, str, Wanted], Picture]
    """From the bytes, the name for messages and what is wanted of them."""


READERS: Registry[Reader] = Registry("picture format")
"""In the order in which they are asked: a DICOM preamble may begin like a TIFF."""


def read_picture(path: Path, wanted: Wanted = EVERYTHING) -> Picture:
    """Read and decode a file in full.

    Raises:
        ImageError: naming the file and what is wrong with it.
    """
    return read_picture_bytes(read_bytes(path), path.name, wanted)


def read_bytes(path: Path) -> bytes:
    """A picture file's bytes; ImageError if it cannot be read or is larger than `MAX_BYTES`."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImageError(
                f"{path.name} is too large: {size / 2**20:,.0f} MiB, the limit is "
                f"{MAX_BYTES // 2**20} MiB.",
                "Export it smaller or compressed.",
            )
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{path.name} cannot be read: {error.strerror or error}.",
            "Check that it is there and that you may read it.",
        ) from error


def read_picture_bytes(data: bytes, name: str, wanted: Wanted = EVERYTHING) -> Picture:
    """Decode a picture held in memory in a child process; `name` is used in messages only.

    Raises:
        ImageError: naming the file and what is wrong with it.
    """
    return quarantine.decoded(data, name, wanted)


def read_known_bytes(data: bytes, name: str, wanted: Wanted = EVERYTHING) -> Picture:
    """The same of a file that was decoded at import and has not changed, without the detour.

    DICOM and NIfTI take it all the same: their decoders warn and log in words of the file, and
    what they say in a child is heard by nobody.

    Raises:
        ImageError: as `read_picture_bytes`.
    """
    if is_dicom(data[:HEAD]) or is_nifti(data[:HEAD]):
        return quarantine.decoded(data, name, wanted)
    try:
        return decode(data, name, wanted)
    except MemoryError as error:
        raise needs_memory(name) from error


def decode(data: bytes, name: str, wanted: Wanted = EVERYTHING) -> Picture:
    """Decode a picture in this very process, by the format its first bytes show.

    Raises:
        ImageError: naming the file and what is wrong with it.
        MemoryError: it needs more than this process may have.
    """
    head = data[:HEAD]
    for format_name in READERS:
        if READERS[format_name].recognises(head):
            return READERS[format_name].read(data, name, wanted)
    raise ImageError(
        f"{name} is not a picture medxfer can read: it looks like {looks_like(head)}.",
        "Save it as PNG, JPEG, TIFF, BMP, DICOM or NIfTI.",
    )


def _read_dicom(data: bytes, name: str, wanted: Wanted) -> Picture:
    # pydicom takes a third of a second to import, and only the child needs it.
    from medxfer.data.dicom import read_dicom

    return read_dicom(data, name, wanted)


def _read_nifti(data: bytes, name: str, wanted: Wanted) -> Picture:
    try:
        from medxfer.data.nifti import read_nifti
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("nibabel"):
            raise
        raise ImageError(
            f"{name} is a NIfTI volume, and nibabel, which reads those, is not installed.",
            "Install it with `pip install nibabel`, or export slices as PNG or DICOM.",
        ) from error
    return read_nifti(data, name, wanted)


def _starts_with(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


READERS.register("DICOM")(Reader(is_dicom, _read_dicom))
READERS.register("NIfTI")(Reader(is_nifti, _read_nifti))
READERS.register("PNG")(
    Reader(_starts_with(b"\x89PNG\r\n\x1a\n"), with_pillow(PngImagePlugin.PngImageFile))
)
READERS.register("JPEG")(
    Reader(_starts_with(b"\xff\xd8\xff"), with_pillow(JpegImagePlugin.JpegImageFile))
)
READERS.register("TIFF")(
    Reader(
        _starts_with(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
        with_pillow(TiffImagePlugin.TiffImageFile),
    )
)
READERS.register("BMP")(Reader(_starts_with(b"BM"), with_pillow(BmpImagePlugin.BmpImageFile)))
