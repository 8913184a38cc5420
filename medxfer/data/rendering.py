"""Stored grey values to 8 bits, as DICOM defines it: modality, then window, then display.

Every step is applied to a table of all values that occur, not to the picture, so that a picture
of 50 megapixels takes little more memory than its values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxfer.data.depth import STEPS, Deep, deep_of
from medxfer.data.meaning import SIGMOID, Meaning, Table, Values, Window
from medxfer.errors import ImageError

_PIECE = 1 << 22  # pixels worked on at once
_TAIL = 0.001
"""Share of the pixels at either end that a range chosen from the picture leaves out."""
_BYTE = 8


@dataclass(frozen=True)
class Grey:
    """A picture (height, width) from black 0 to white 255, notes, and what is deeper, if asked."""

    levels: NDArray[np.uint8]
    deep: Deep | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Shown:
    """Each step from black 0 to white 1, and the values that are; None where a table says it."""

    scaled: Values
    ends: tuple[float, float] | None
    notes: tuple[str, ...]


def to_grey(values: NDArray[Any], meaning: Meaning, name: str, *, deep: bool = False) -> Grey:
    """A picture of stored values; `deep` has no part in its 8 bits.

    Raises:
        ImageError: it holds no finite value.
    """
    steps, place, notes = _steps(values, name)
    counts = np.zeros(len(steps), dtype=np.int64)
    for piece in _pieces(values):
        counts += np.bincount(place(piece).ravel(), minlength=len(steps))
    mapped = _mapped(steps, meaning)
    shown = _shown(steps, mapped, counts, meaning)
    levels = np.rint(np.clip(shown.scaled, 0, 1) * 255).astype(np.uint8)
    kept = _deepened(mapped, shown, meaning) if deep and meaning.is_deep else None
    return Grey(
        _looked_up(values, place, levels),
        kept and replace(kept, values=_looked_up(values, place, kept.values)),
        (*meaning.notes, *notes, *shown.notes),
    )


def _looked_up(values: NDArray[Any], place: Any, table: NDArray[Any]) -> NDArray[Any]:
    """The table's entry of each pixel."""
    found = np.empty(values.shape, dtype=table.dtype)
    for piece, out in zip(_pieces(values), _pieces(found), strict=True):
        out[...] = table[place(piece)]
    return found


def _deepened(mapped: Values, shown: _Shown, meaning: Meaning) -> Deep | None:
    """The 16-bit value of each step, in place of a picture's."""
    if shown.ends is None:
        through = np.rint(shown.scaled * (STEPS - 1)).astype(np.uint16)
        return deep_of(through, 0.0, 1.0, (0.0, STEPS - 1.0), turned=False)
    if meaning.modality is not None:
        entries = np.clip(np.rint(mapped), 0, STEPS - 1).astype(np.uint16)
        return deep_of(entries, 0.0, 1.0, shown.ends, turned=meaning.inverted)
    counts = np.arange(len(mapped)).astype(np.uint16)
    several = len(mapped) > 1
    step = float(mapped[-1] - mapped[0]) / (len(mapped) - 1) if several else meaning.slope
    turned = (step < 0) != meaning.inverted
    return deep_of(counts, float(mapped[0]), step, shown.ends, turned=turned, unit=meaning.unit)


def _steps(values: NDArray[Any], name: str) -> tuple[Values, Any, tuple[str, ...]]:
    """All values that may occur, a function from pixels to their places among them, and notes.

    Floating point and wide integers are cut into 65,536 steps.
    """
    if values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if high - low < STEPS:
            return (
                np.arange(low, high + 1, dtype=np.float64),
                lambda v: v.astype(np.int64) - low,
                (),
            )
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        raise ImageError(f"{name} holds no valid number.", "Export it again.")
    bottom, top = float(finite.min()), float(finite.max())
    steps = np.linspace(bottom, top, STEPS) if top > bottom else np.array([bottom])
    scale = (len(steps) - 1) / (top - bottom) if top > bottom else 0.0

    def place(piece: NDArray[Any]) -> NDArray[np.int64]:
        known = np.nan_to_num(piece.astype(np.float64), nan=bottom, posinf=top, neginf=bottom)
        return np.rint((known - bottom) * scale).astype(np.int64)

    whole = finite.size == values.size
    return steps, place, () if whole else ("invalid numbers are shown as the smallest value",)


def _shown(steps: Values, mapped: Values, counts: NDArray[np.int64], meaning: Meaning) -> _Shown:
    """How each step is shown: as the file says, or by the range the picture fills."""
    notes: tuple[str, ...] = ()
    scaled = _through(mapped, meaning)
    if scaled is not None:
        if _tells_apart(scaled, mapped, counts):
            ends = meaning.shown.ends if isinstance(meaning.shown, Window) else None
            return _Shown(scaled, ends, ())
        notes = ("its window shows nothing of the picture and was not used",)
    low, high, said = _range(steps, mapped, counts, meaning)
    # The end that is black is the upper one for MONOCHROME1; so a picture and its inverse
    # give the same figures to the last bit.
    span = high - low if high > low else 1.0
    scaled = ((high - mapped) if meaning.inverted else (mapped - low)) / span
    return _Shown(scaled, (low, high), (*notes, *said))


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
    elif shown.function == SIGMOID:
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


def _pieces(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Rows of a picture, some millions of pixels at a time."""
    rows = max(1, _PIECE // values.shape[1])
    return (values[at : at + rows] for at in range(0, len(values), rows))
