"""Stored grey values to 8 bits, as DICOM defines it: modality, then window, then display.

Every step is applied to a table of all values that occur, not to the picture, so that a picture
of 50 megapixels takes little more memory than its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.multival import MultiValue

from medxfer.errors import ImageError

Values = NDArray[np.float64]
"""One value for each step of a table."""

_STEPS = 1 << 16
_PIECE = 1 << 22  # pixels worked on at once
_TAIL = 0.001
"""Share of the pixels at either end that a range chosen from the picture leaves out."""
_BYTE, _WORD = 8, 16
_SIGMOID, _EXACT = "SIGMOID", "LINEAR_EXACT"


@dataclass(frozen=True)
class Table:
    """A look-up table: `entries` from 0 to 1 for the values from `first` on."""

    first: int
    entries: Values

    def __call__(self, values: Values) -> Values:
        place = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        found: Values = self.entries[place.astype(np.int64)]
        return found


@dataclass(frozen=True)
class Window:
    """Which values are shown as black and as white, and what lies between."""

    centre: float
    width: float
    function: str

    @property
    def ends(self) -> tuple[float, float]:
        if self.function == _EXACT:
            return self.centre - self.width / 2, self.centre + self.width / 2
        low = self.centre - 0.5 - (self.width - 1) / 2
        return low, low + self.width - 1


@dataclass(frozen=True)
class Meaning:
    """How a frame's stored values are to be shown; `bits` is None for floating point."""

    bits: int | None
    signed: bool
    inverted: bool
    slope: float
    intercept: float
    modality: Table | None
    shown: Table | Window | None
    padding: int | None
    notes: tuple[str, ...]


def meaning_of(dataset: Dataset, index: int, inverted: bool, bits: int | None) -> Meaning:
    """What a data set says of frame `index`; what it says wrongly is left out with a note."""
    notes: list[str] = []
    rescale = _group(dataset, index, "PixelValueTransformationSequence")
    slope, intercept = _first(rescale, "RescaleSlope"), _first(rescale, "RescaleIntercept")
    if "RescaleSlope" in rescale and not slope:
        notes.append("its rescale slope is 0 or no number and was not used")
        slope = intercept = None
    modality = _table(dataset, "ModalityLUTSequence", notes)
    shown: Table | Window | None = _table(dataset, "VOILUTSequence", notes)
    if shown is None:
        shown = _window(_group(dataset, index, "FrameVOILUTSequence"), notes)
    padding = dataset.get("PixelPaddingValue")
    return Meaning(
        bits=bits,
        signed=bool(dataset.get("PixelRepresentation")),
        inverted=inverted,
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        modality=modality,
        shown=shown,
        padding=padding if isinstance(padding, int) else None,
        notes=tuple(notes),
    )


def to_grey(
    values: NDArray[Any], meaning: Meaning, name: str
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The picture as (height, width), 0 to 255, black to white, and notes.

    Raises:
        ImageError: it holds no finite value.
    """
    steps, place, notes = _steps(values, name)
    counts = np.zeros(len(steps), dtype=np.int64)
    for piece in _pieces(values):
        counts += np.bincount(place(piece).ravel(), minlength=len(steps))
    shown, more = _shown(steps, counts, meaning)
    grey = np.empty(values.shape, dtype=np.uint8)
    for piece, out in zip(_pieces(values), _pieces(grey), strict=True):
        out[...] = shown[place(piece)]
    return grey, (*meaning.notes, *notes, *more)


def _steps(values: NDArray[Any], name: str) -> tuple[Values, Any, tuple[str, ...]]:
    """All values that may occur, a function from pixels to their places among them, and notes.

    Floating point and wide integers are cut into 65,536 steps.
    """
    if values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if high - low < _STEPS:
            return (
                np.arange(low, high + 1, dtype=np.float64),
                lambda v: v.astype(np.int64) - low,
                (),
            )
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        raise ImageError(f"{name} holds no valid number.", "Export it again.")
    bottom, top = float(finite.min()), float(finite.max())
    steps = np.linspace(bottom, top, _STEPS) if top > bottom else np.array([bottom])
    scale = (len(steps) - 1) / (top - bottom) if top > bottom else 0.0

    def place(piece: NDArray[Any]) -> NDArray[np.int64]:
        known = np.nan_to_num(piece.astype(np.float64), nan=bottom, posinf=top, neginf=bottom)
        return np.rint((known - bottom) * scale).astype(np.int64)

    whole = finite.size == values.size
    return steps, place, () if whole else ("invalid numbers are shown as the smallest value",)


def _shown(
    steps: Values, counts: NDArray[np.int64], meaning: Meaning
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The grey level of each step."""
    mapped = _mapped(steps, meaning)
    notes: tuple[str, ...] = ()
    scaled = _through(mapped, meaning)
    if scaled is not None and not _tells_apart(scaled, mapped, counts):
        scaled, notes = None, ("its window shows nothing of the picture and was not used",)
    if scaled is None:
        low, high, said = _range(steps, mapped, counts, meaning)
        # The end that is black is the upper one for MONOCHROME1; so a picture and its inverse
        # give the same figures to the last bit.
        span = high - low if high > low else 1.0
        scaled = ((high - mapped) if meaning.inverted else (mapped - low)) / span
        notes += said
    levels = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    return levels, notes


def _mapped(steps: Values, meaning: Meaning) -> Values:
    """Values of the modality, such as Hounsfield units."""
    if meaning.modality is not None:
        return meaning.modality(steps)
    return steps * meaning.slope + meaning.intercept


def _through(mapped: Values, meaning: Meaning) -> Values | None:
    """Black 0 to white 1 by the file's own table or window; None if it has none."""
    shown = meaning.shown
    if shown is None:
        return None
    if isinstance(shown, Table):
        scaled = shown(mapped)
    elif shown.function == _SIGMOID:
        with np.errstate(over="ignore"):
            scaled = 1 / (1 + np.exp(-4 * (mapped - shown.centre) / shown.width))
    else:
        low, high = shown.ends
        # A window one value wide is a threshold.
        scaled = (mapped - low) / (high - low) if high > low else (mapped > low).astype(np.float64)
        if meaning.inverted:
            scaled = (high - mapped) / (high - low) if high > low else 1 - scaled
        return np.clip(scaled, 0, 1)
    return 1 - scaled if meaning.inverted else scaled


def _tells_apart(scaled: Values, mapped: Values, counts: NDArray[np.int64]) -> bool:
    """Whether different values of the picture are still different when shown."""
    used = counts > 0
    return bool(np.ptp(scaled[used]) > 0 or np.ptp(mapped[used]) == 0)


def _range(
    steps: Values, mapped: Values, counts: NDArray[np.int64], meaning: Meaning
) -> tuple[float, float, tuple[str, ...]]:
    """The values shown as black and white where the file names none: as `pixels.to_rgb` does.

    The bits in use if the picture fills half of them (8 bits: always), else what the picture
    holds but for its tails. Padding is no part of the picture.
    """
    counts = np.where(steps == meaning.padding, 0, counts)
    if not counts.any():
        return float(mapped[0]), float(mapped[0]), ()
    # A negative slope turns the order of the steps around.
    order = np.argsort(mapped, kind="stable")
    seen, ordered = counts[order], mapped[order]
    tail = _TAIL * seen.sum()
    low = float(ordered[np.argmax(np.cumsum(seen) >= tail)])
    high = float(ordered[::-1][np.argmax(np.cumsum(seen[::-1]) >= tail)])
    if meaning.bits and not meaning.signed and meaning.modality is None:
        ends = np.array([0.0, 2.0**meaning.bits - 1]) * meaning.slope + meaning.intercept
        if meaning.bits <= _BYTE or high - low >= np.ptp(ends) / 2:
            return float(ends.min()), float(ends.max()), ()
    if high <= low:
        low, high = float(ordered[seen > 0][0]), float(ordered[seen > 0][-1])
    return low, high, (f"values {low:g} to {high:g} are shown as 0 to 255",)


def _group(dataset: Dataset, index: int, sequence: str) -> Dataset:
    """What holds a frame's own values: its functional group, the shared one, or the data set."""
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in (*own[index : index + 1], *shared[:1]):
        if items := group.get(sequence):
            found: Dataset = items[0]
            return found
    return dataset


def _window(source: Dataset, notes: list[str]) -> Window | None:
    if source.get("WindowCenter") is None and source.get("WindowWidth") is None:
        return None
    centre, width = _first(source, "WindowCenter"), _first(source, "WindowWidth")
    function = str(source.get("VOILUTFunction") or "LINEAR").strip().upper()
    least = 1.0 if function not in (_EXACT, _SIGMOID) else np.finfo(float).tiny
    if centre is None or width is None or width < least:
        notes.append("its window is no valid one and was not used")
        return None
    return Window(centre, width, function)


def _table(dataset: Dataset, sequence: str, notes: list[str]) -> Table | None:
    """The first table of a sequence."""
    items = dataset.get(sequence)
    if not items:
        return None
    try:
        count, first, bits = (int(value) for value in items[0].LUTDescriptor)
        found = items[0].LUTData
        little = dataset.original_encoding[1] is not False
        kind: Literal["<u2", ">u2"] = "<u2" if little else ">u2"
        entries = np.frombuffer(found, kind) if isinstance(found, bytes) else np.array(found)
    except (AttributeError, TypeError, ValueError):
        entries, count, first, bits = np.array([]), 1, 0, 0
    count = count or _STEPS
    if entries.ndim != 1 or not 1 < len(entries) <= count or not _BYTE <= bits <= _WORD:
        notes.append("one of its tables is damaged and was not used")
        return None
    scale = 1.0 if sequence == "ModalityLUTSequence" else 2.0**bits - 1
    if scale > 1 and entries.max() > scale:
        scale = float(entries.max())
    return Table(first, entries.astype(np.float64) / scale)


def _first(dataset: Dataset, keyword: str) -> float | None:
    """The first number of an element; None if there is none, or it is none."""
    try:
        value = dataset.get(keyword)
        if isinstance(value, MultiValue):
            value = value[0]
        number = float(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def _pieces(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Rows of a picture, some millions of pixels at a time."""
    rows = max(1, _PIECE // values.shape[1])
    return (values[at : at + rows] for at in range(0, len(values), rows))
