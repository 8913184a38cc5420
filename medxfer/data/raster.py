"""PNG, JPEG, TIFF and BMP, through Pillow."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO

from PIL import Image, ImageOps, JpegImagePlugin
from PIL.ImageFile import ImageFile

from medxfer.data.picture import (
    MAX_PIXELS,
    Picture,
    Wanted,
    check_size,
    cut_short,
    damaged,
    too_large,
)
from medxfer.data.pixels import to_rgb, white_is_zero
from medxfer.errors import ImageError

Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_DECODER_FAULTS = (
    OSError, ValueError, TypeError, SyntaxError, ArithmeticError, LookupError, EOFError,
    AttributeError, RuntimeError, AssertionError, struct.error, zlib.error, Warning,
)  # fmt: skip
"""What Pillow's decoders are known to raise on damaged files."""


def with_pillow(
    plugin: Callable[[BytesIO], ImageFile],
) -> Callable[[bytes, str, Wanted], Picture]:
    """A reader through exactly one of Pillow's formats, so that no other can be reached."""

    def read(data: bytes, name: str, wanted: Wanted) -> Picture:
        try:
            with plugin(BytesIO(data)) as image:
                check_size(image.size, name)
                _check_single(image, name)
                notes = _depth_note(image)
                reduction = _reduced(image, wanted.at_least)
                image.load()
                upright, turned = _upright(image)
                pixels, changed, deep = to_rgb(
                    upright, name, inverted=white_is_zero(image), deep=wanted.deep
                )
                notes += turned + changed
                return Picture(pixels, image.mode, str(image.format), notes, reduction, deep=deep)
        except _BOMB as error:
            raise too_large(name) from error
        except _DECODER_FAULTS as error:
            raise _fault(name, error) from error

    return read


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


def _fault(name: str, error: BaseException) -> ImageError:
    words = str(error).lower()
    if "truncated" in words or "not enough image data" in words or isinstance(error, EOFError):
        return cut_short(name)
    return damaged(name)
