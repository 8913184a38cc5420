"""Files to pictures: the one place where pixels are read, for training and for heatmaps alike."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import BmpImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL.ImageFile import ImageFile

from medxfer.data.pixels import Pixels, to_rgb, white_is_zero
from medxfer.data.sniffing import HEAD, is_dicom, looks_like
from medxfer.errors import ImageError
from medxfer.registry import Registry

MAX_PIXELS = 50_000_000
MAX_BYTES = 256 * 2**20

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

_RGB_BYTES = 3
_GIGABYTE = 1e9
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_DECODER_FAULTS = (
    OSError, ValueError, TypeError, SyntaxError, ArithmeticError, LookupError, EOFError,
    MemoryError, AttributeError, RuntimeError, AssertionError, struct.error, zlib.error, Warning,
)  # fmt: skip
"""What Pillow's decoders are known to raise on damaged files."""


@dataclass(frozen=True)
class Picture:
    """One decoded picture.

    `pixels` is (height, width, 3) RGB, 0 to 255, upright; a grey picture has three equal
    channels. `mode` and `format` say how it was stored, `notes` what was changed on the way.
    """

    pixels: Pixels
    mode: str
    format: str
    notes: tuple[str, ...] = ()
    reduction: int = 1
    """How many times smaller than stored a JPEG was decoded: 1, 2, 4 or 8."""


@dataclass(frozen=True)
class Reader:
    """One file format: recognised by its first bytes, then read from all of them."""

    recognises: Callable[[bytes], bool]
    read: Callable[[bytes, str, int | None], Picture]
    """From the bytes, the name for messages and the short side that suffices, if not all of it."""


READERS: Registry[Reader] = Registry("picture format")
"""In the order in which they are asked: a DICOM preamble may begin like a TIFF."""


def read_picture(path: Path) -> Picture:
    """Read and decode a file in full.

    Raises:
        ImageError: naming the file and what is wrong with it.
    """
    return read_picture_bytes(read_bytes(path), path.name)


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


def read_picture_bytes(data: bytes, name: str, at_least: int | None = None) -> Picture:
    """Decode a picture held in memory; `name` is used in messages only.

    Where no more than `at_least` pixels of the short side are needed, a larger JPEG is decoded at
    a half, a quarter or an eighth of its size, which is several times faster.

    Raises:
        ImageError: naming the file and what is wrong with it.
    """
    head = data[:HEAD]
    for format_name in READERS:
        if READERS[format_name].recognises(head):
            return READERS[format_name].read(data, name, at_least)
    raise ImageError(
        f"{name} is not a picture medxfer can read: it looks like {looks_like(head)}.",
        "Save it as PNG, JPEG, TIFF or BMP.",
    )


def _refuse_dicom(data: bytes, name: str, at_least: int | None) -> Picture:
    raise ImageError(
        f"{name} is a DICOM file; reading DICOM comes in a later version.",
        "Export it as PNG (16 bits keep all grey levels).",
    )


def _with_pillow(
    plugin: Callable[[BytesIO], ImageFile],
) -> Callable[[bytes, str, int | None], Picture]:
    """A reader through exactly one of Pillow's formats, so that no other can be reached."""

    def read(data: bytes, name: str, at_least: int | None) -> Picture:
        try:
            with plugin(BytesIO(data)) as image:
                _check_size(image.size, name)
                _check_single(image, name)
                notes = _depth_note(image)
                reduction = _reduced(image, at_least)
                image.load()
                upright, turned = _upright(image)
                pixels, changed = to_rgb(upright, name, inverted=white_is_zero(image))
                notes += turned + changed
                return Picture(pixels, image.mode, str(image.format), notes, reduction)
        except _BOMB as error:
            raise _too_large(name, "") from error
        except _DECODER_FAULTS as error:
            raise _damaged(name, error) from error

    return read


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        needed = width * height * _RGB_BYTES / _GIGABYTE
        shape = f"{width:,} × {height:,}"
        raise _too_large(name, f" It would need {needed:,.1f} GB when opened ({shape}).")


def _check_single(image: ImageFile, name: str) -> None:
    pages = getattr(image, "n_frames", 1)
    if pages > 1:
        raise ImageError(
            f"{name} contains {pages} pages or frames, and only single pictures are used.",
            "Save the one you need as a picture of its own.",
        )


def _reduced(image: ImageFile, at_least: int | None) -> int:
    """Let a JPEG decode smaller, no shorter than `at_least`; how many times smaller that is."""
    if at_least is None or not isinstance(image, JpegImagePlugin.JpegImageFile):
        return 1
    width = image.width
    image.draft(image.mode, (at_least, at_least))
    return round(width / image.width)


def _depth_note(image: ImageFile) -> tuple[str, ...]:
    """Pillow keeps only the upper 8 of 16 bits a colour; a grey picture keeps them all."""
    stored = str([tile.args for tile in image.tile])
    deep_colour = image.mode not in ("F", "I") and not image.mode.startswith("I;")
    if deep_colour and ";16" in stored:
        return ("16 bits a colour were cut to 8; store grey pictures as grey to keep them",)
    return ()


def _upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    try:
        return ImageOps.exif_transpose(image), ()
    except _DECODER_FAULTS:
        return image, ("its orientation mark is damaged and was not used",)


def _too_large(name: str, detail: str) -> ImageError:
    return ImageError(
        f"{name} is too large.{detail} The limit is {MAX_PIXELS // 1_000_000} megapixels.",
        "Export it smaller.",
    )


def _damaged(name: str, error: BaseException) -> ImageError:
    fault = str(error).lower()
    if "truncated" in fault or "not enough image data" in fault or isinstance(error, EOFError):
        return ImageError(
            f"{name} ends before the picture does.", "Copy or export it again from its source."
        )
    return ImageError(
        f"{name} is damaged: the picture in it cannot be decoded.",
        "Copy or export it again from its source.",
    )


def _starts_with(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


READERS.register("DICOM")(Reader(is_dicom, _refuse_dicom))
READERS.register("PNG")(
    Reader(_starts_with(b"\x89PNG\r\n\x1a\n"), _with_pillow(PngImagePlugin.PngImageFile))
)
READERS.register("JPEG")(
    Reader(_starts_with(b"\xff\xd8\xff"), _with_pillow(JpegImagePlugin.JpegImageFile))
)
READERS.register("TIFF")(
    Reader(
        _starts_with(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
        _with_pillow(TiffImagePlugin.TiffImageFile),
    )
)
READERS.register("BMP")(Reader(_starts_with(b"BM"), _with_pillow(BmpImagePlugin.BmpImageFile)))
