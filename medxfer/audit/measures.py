"""What can be told of a picture without knowing what it shows: brightness, borders, marks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Levels = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]

_BLACK, _WHITE = 2, 253
"""Grey levels of 255 up to which a pixel is black, from which it is white."""
_DARK = 10
"""Grey levels; a frame as dark as this on average is no part of what was scanned."""
_FRAME = 0.03
"""Of the shorter side: how wide the outermost frame is that is looked at."""
_PLAIN = 3.0
"""Grey levels of standard deviation below which a row or column belongs to a plain border."""
_CORNER = 0.2
"""Of each side: where tags, names and side markers stand."""
_BRIGHT = 240
_EDGE = 40.0
"""Grey levels between neighbours but one: letters have such edges, tissue hardly."""
_CORNERS = ("top left", "top right", "bottom left", "bottom right")
_WINDOW, _BESIDE = 5, 3
"""Pixels: the side of a window that may be in a mark, and how far beside it the mark has ended;
what lies between is blurred by scaling and compression."""
_FLAT, _JUMP, _BLACKISH = 5, 15, 16
"""Grey levels within a window of a mark at most, between it and its surroundings at least, and
up to which a mark is a black one. Measured: of 430 chests 370 have no such place, and 0.98 of those
that were stamped with a grey tag of a tenth of their width have one, wherever it is."""
_CONSTANT = 0.5
"""Grey levels of standard deviation; a picture with less shows nothing."""


def grey(picture: Pixels) -> Floats:
    """Brightness, 0 to 255, (height, width), of a picture (channels, height, width)."""
    if len(picture) == 1:
        return np.asarray(picture[0], dtype=np.float32)
    red, green, blue = picture.astype(np.float32)
    return np.asarray(0.299 * red + 0.587 * green + 0.114 * blue, dtype=np.float32)


def measures(picture: Pixels) -> dict[str, float]:
    """The measures of a picture (channels, height, width), by name: shares of 0 to 1, grey levels.

    All but `sharpness`, `constant` and `colour` can tell a label only by the way a picture was
    made, exported or marked.
    """
    levels = grey(picture)
    spread = float(levels.std())
    return {
        "mean": float(levels.mean()),
        "spread": spread,
        "black share": float((levels <= _BLACK).mean()),
        "white share": float((levels >= _WHITE).mean()),
        "colour": _colour(picture),
        **_borders(levels),
        **_corners(levels),
        **_marks(levels),
        "sharpness": sharpness(levels),
        "constant": float(spread < _CONSTANT),
    }


def sharpness(levels: Floats) -> float:
    """Variance of the Laplacian over the variance of the picture: low where it is blurred.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000; divided by
    the picture's variance so that contrast does not count as sharpness. 0 for a picture with no
    contrast or fewer than 3 pixels a side.
    """
    variance = float(levels.var())
    if min(levels.shape) < 3 or variance < _CONSTANT**2:  # noqa: PLR2004  (neighbours on both sides)
        return 0.0
    inner = levels[1:-1, 1:-1]
    laplacian = (
        levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:] - 4 * inner
    )
    return float(laplacian.var()) / variance


def _colour(picture: Pixels) -> float:
    """Mean distance between the largest and the smallest channel, grey levels."""
    if len(picture) == 1:
        return 0.0
    return float((picture.max(axis=0) - picture.min(axis=0)).mean())


def _borders(levels: Floats) -> dict[str, float]:
    """How dark the frame is, and the share of the picture that plain borders take on each side."""
    height, width = levels.shape
    wide = max(1, round(_FRAME * min(height, width)))
    frame = np.concatenate([
        levels[:wide].ravel(), levels[-wide:].ravel(),
        levels[:, :wide].ravel(), levels[:, -wide:].ravel(),
    ])  # fmt: skip
    rows, columns = levels.std(axis=1) < _PLAIN, levels.std(axis=0) < _PLAIN
    return {
        "frame mean": float(frame.mean()),
        "frame dark share": float((frame <= _DARK).mean()),
        "border top": _leading(rows),
        "border bottom": _leading(rows[::-1]),
        "border left": _leading(columns),
        "border right": _leading(columns[::-1]),
    }


def _leading(plain: npt.NDArray[np.bool_]) -> float:
    """The share of true values before the first false one."""
    return float((np.argmin(plain) if not plain.all() else len(plain)) / len(plain))


def _corners(levels: Floats) -> dict[str, float]:
    """Of each corner: its brightness, the share of nearly white pixels and of letter-like edges."""
    height, width = levels.shape
    high, wide = max(3, round(_CORNER * height)), max(3, round(_CORNER * width))
    parts = (
        levels[:high, :wide], levels[:high, -wide:], levels[-high:, :wide], levels[-high:, -wide:],
    )  # fmt: skip
    found: dict[str, float] = {}
    for name, part in zip(_CORNERS, parts, strict=True):
        found[f"{name} mean"] = float(part.mean())
        found[f"{name} bright share"] = float((part >= _BRIGHT).mean())
        found[f"{name} edge share"] = _edges(part)
    return found


def _edges(part: Floats) -> float:
    across = np.abs(part[:, 2:] - part[:, :-2])
    down = np.abs(part[2:] - part[:-2])
    strong = sum(int((difference > _EDGE).sum()) for difference in (across, down))
    return float(strong / max(1, across.size + down.size))


def _marks(levels: Floats) -> dict[str, float]:
    """Of windows all over the picture, the share that lies in the corner of a flat patch.

    Such a window is of one grey level, and the picture jumps both across and down from it: so
    ends what was drawn or pasted, a tag, a label or a covered name, and hardly anything scanned.
    """
    marks = np.zeros(1, dtype=np.bool_)
    black = marks
    if min(levels.shape) >= _WINDOW + _BESIDE:
        whole = np.rint(levels).astype(np.int16)
        tall, wide = _least_and_most(whole, whole, 0), _least_and_most(whole, whole, 1)
        low, high = _least_and_most(*tall, 1)
        down = _jumps(low.T, high.T, *(part.T for part in wide)).T
        marks = (high - low <= _FLAT) & down & _jumps(low, high, *tall)
        black = marks & (high <= _BLACKISH)
    return {"flat marks": float((marks & ~black).mean()), "black marks": float(black.mean())}


def _least_and_most(low: Levels, high: Levels, axis: int) -> tuple[Levels, Levels]:
    """The least of `low` and the most of `high` in every run of `_WINDOW` pixels along the axis."""
    runs = low.shape[axis] - _WINDOW + 1
    along = [
        np.s_[at : at + runs] if axis == 0 else np.s_[:, at : at + runs] for at in range(_WINDOW)
    ]
    least, most = low[along[0]].copy(), high[along[0]].copy()
    for here in along[1:]:
        np.minimum(least, low[here], out=least)
        np.maximum(most, high[here], out=most)
    return least, most


def _jumps(low: Levels, high: Levels, beside_low: Levels, beside_high: Levels) -> Flags:
    """Whether the picture jumps to the left or right of each window, all along its side."""
    found = np.zeros(low.shape, dtype=np.bool_)
    last = low.shape[1] - _BESIDE
    for here, there in (
        (np.s_[:, _BESIDE:], np.s_[:, :last]),
        (np.s_[:, :last], np.s_[:, _WINDOW - 1 + _BESIDE :]),
    ):
        up = beside_low[there] - high[here] >= _JUMP
        found[here] |= up | (low[here] - beside_high[there] >= _JUMP)
    return found
