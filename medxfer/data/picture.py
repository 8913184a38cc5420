"""A decoded picture, and the sentences for a file that gives none."""

from __future__ import annotations

from dataclasses import dataclass, field

from medxfer.data.depth import Deep
from medxfer.data.pixels import Pixels
from medxfer.errors import ImageError

MAX_PIXELS = 50_000_000
MAX_BYTES = 256 * 2**20

_RGB_BYTES = 3
_GIGABYTE = 1e9


@dataclass(frozen=True)
class Wanted:
    """How much of a file is needed.

    Where no more than `at_least` pixels of the short side are, a larger JPEG is decoded at a half,
    a quarter or an eighth of its size, which is several times faster. Of a file of several frames
    `frame` is the one wanted, counted from 1; without it the middle one is given. With `deep` the
    grey values beyond 8 bits come along, for the viewer.
    """

    at_least: int | None = None
    frame: int | None = None
    deep: bool = False


EVERYTHING = Wanted()


@dataclass(frozen=True)
class Origin:
    """What a DICOM file says beside its pixels.

    `tags` are the technical ones of `tags.ALLOWED`, in values that name nobody. The fields that
    are not shown identify a person or could: they are compared and hashed, and never kept.
    """

    tags: dict[str, str]
    patient: str = field(repr=False)
    instance: str = field(repr=False)
    model: str = field(repr=False)
    may_show_names: bool
    """Names or dates may be burnt into the pixels: it says so, or its kind often has them."""
    preamble: str
    """What its first bytes look like if not like DICOM, in words; else ""."""


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
    frames: int = 1
    """How many pictures the file holds; this is one of them."""
    frame: int = 1
    """Which of them, counted from 1."""
    origin: Origin | None = None
    """Of a DICOM file only."""
    spacing: tuple[float, float] | None = None
    """Millimetres between rows and between columns, where the file says so."""
    spacing_note: str = ""
    """Where that holds, such as "at the detector"; "" where nothing is to be said."""
    deep: Deep | None = None
    """The grey values beyond 8 bits, where there are any and they were wanted."""


def middle_frame(frames: int) -> int:
    """The picture of several that is used where none is asked for, counted from 1."""
    return (frames + 1) // 2


def chosen_frame(frames: int, wanted: int | None, name: str) -> int:
    """The frame asked for, else the middle one; ImageError if there is no such frame."""
    if wanted is None:
        return middle_frame(frames)
    if not 1 <= wanted <= frames:
        raise ImageError(f"{name} has no picture {wanted:,}.", f"Choose one of 1 to {frames:,}.")
    return wanted


def frame_note(frames: int, frame: int) -> str:
    """What is said of a picture that is one of several in its file."""
    return f"it holds {frames:,} pictures; number {frame:,} is used"


def check_size(size: tuple[int, int], name: str) -> None:
    """Refuse a picture that is too large, by its width and height, before it is decoded."""
    width, height = size
    if width * height > MAX_PIXELS:
        needed = width * height * _RGB_BYTES / _GIGABYTE
        shape = f"{width:,} × {height:,}"
        raise too_large(name, f" It would need {needed:,.1f} GB when opened ({shape}).")


def too_large(name: str, detail: str = "") -> ImageError:
    return ImageError(
        f"{name} is too large.{detail} The limit is {MAX_PIXELS // 1_000_000} megapixels.",
        "Export it smaller.",
    )


def cut_short(name: str, detail: str = "") -> ImageError:
    return ImageError(
        f"{name} ends before the picture does{detail}.",
        "Copy or export it again from its source.",
    )


def needs_memory(name: str) -> ImageError:
    return ImageError(
        f"{name} needs more memory to be opened than a picture may take.", "Export it smaller."
    )


def damaged(name: str) -> ImageError:
    return ImageError(
        f"{name} is damaged: the picture in it cannot be decoded.",
        "Copy or export it again from its source.",
    )
