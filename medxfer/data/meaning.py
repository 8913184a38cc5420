"""What a DICOM file says of its grey values: modality, then window or table, then display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.multival import MultiValue

from medxfer.data.tags import group_of, text

Values = NDArray[np.float64]
"""One value for each step of a table."""

SIGMOID, EXACT = "SIGMOID", "LINEAR_EXACT"
_STEPS = 1 << 16
_BYTE, _WORD = 8, 16
_HOUNSFIELD = "HU"


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
        if self.function == EXACT:
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
    unit: str
    """Of the modality's values, "" where it has no name."""
    notes: tuple[str, ...]

    @property
    def is_deep(self) -> bool:
        """Whether 8 bits are too few for its values."""
        return self.bits is None or self.bits > _BYTE


def meaning_of(dataset: Dataset, index: int, inverted: bool, bits: int | None) -> Meaning:
    """What a data set says of frame `index`; what it says wrongly is left out with a note."""
    notes: list[str] = []
    rescale = group_of(dataset, index, "PixelValueTransformationSequence")
    slope, intercept = _first(rescale, "RescaleSlope"), _first(rescale, "RescaleIntercept")
    if "RescaleSlope" in rescale and not slope:
        notes.append("its rescale slope is 0 or no number and was not used")
        slope = intercept = None
    modality = _table(dataset, "ModalityLUTSequence", notes)
    shown: Table | Window | None = _table(dataset, "VOILUTSequence", notes)
    if shown is None:
        shown = _window(group_of(dataset, index, "FrameVOILUTSequence"), notes)
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
        unit=_unit(dataset, rescale, modality),
        notes=tuple(notes),
    )


def _unit(dataset: Dataset, rescale: Dataset, modality: Table | None) -> str:
    """Hounsfield units of CT, where the file says how its values become such."""
    rescaled = modality is None and _first(rescale, "RescaleIntercept") is not None
    hounsfield = text(rescale, "RescaleType").upper() in ("", _HOUNSFIELD)
    return _HOUNSFIELD if rescaled and hounsfield and text(dataset, "Modality") == "CT" else ""


def _window(source: Dataset, notes: list[str]) -> Window | None:
    if source.get("WindowCenter") is None and source.get("WindowWidth") is None:
        return None
    centre, width = _first(source, "WindowCenter"), _first(source, "WindowWidth")
    function = str(source.get("VOILUTFunction") or "LINEAR").strip().upper()
    least = 1.0 if function not in (EXACT, SIGMOID) else np.finfo(float).tiny
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
