"""Pictures that stand apart from the rest of their data set, each with a reason in plain words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from medxfer.audit.appearance import Appearance
from medxfer.data.manifest import Manifest

COLUMNS = ("image", "reason", "value")

_NEARLY = 0.98
"""Share of black or of white pixels from which a picture is nearly empty."""
_FAR = 5.0
"""Robust standard deviations from the median beyond which a value is odd; of a million values
that follow a normal distribution fewer than one is."""
_MAD = 1.4826
"""Standard deviations in a median absolute deviation of a normal distribution."""
_BLUR_FLOOR = 0.25
"""Natural logarithm of sharpness: a narrower spread is not taken for the data set's own."""
_SIZE_FLOOR, _ASPECT_FLOOR = 0.2, 0.05
"""Of the logarithms of the shorter side and of the aspect ratio, likewise."""
_TINY = 64
"""Pixels of the shorter side under which little can be seen, unless all are so small."""
_MOST = 0.05
"""Of a data set; what more pictures than this have is another kind of picture, and not odd."""
_NEGATIVE = -0.42
"""Correlation with the mean picture of the class. Measured on eight packs: below it are two brains
and two eyes on white ground, of 3,849 pictures; of 160 chests turned negative 98 % are."""
_ALIKE = 0.6
"""Median correlation with it from which pictures are alike enough to tell a negative."""
_AT_LEAST = 20
"""Pictures from which there is a distribution to stand apart from."""
_CHUNK = 4096

Flags = npt.NDArray[np.bool_]


def quality(manifest: Manifest, appearance: Appearance) -> pd.DataFrame:
    """Columns image (id), reason and value, a row for each reason; a picture may have several.

    Empty pictures are judged by fixed limits; sharpness, size and shape against the median of the
    data set, in robust standard deviations (median absolute deviation), so that a data set is not
    reported for being what it is. Values are those the reason speaks of.
    """
    facts = manifest.table.iloc[appearance.rows].reset_index(drop=True)
    found = [
        pd.DataFrame({"image": facts["image"][odd], "reason": reason, "value": values[odd]})
        for odd, reason, values in _judgements(facts, appearance)
    ]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))
    place = pd.Series(np.arange(len(facts)), index=facts["image"].to_numpy())
    order = np.argsort(table["image"].map(place).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _judgements(
    facts: pd.DataFrame, appearance: Appearance
) -> Iterator[tuple[Flags, str, npt.NDArray[np.float64]]]:
    """Which pictures, why, and the values of all."""
    measures = appearance.measures.astype(np.float64)
    constant = measures["constant"].to_numpy() > 0
    mean = measures["mean"].to_numpy()
    yield constant, "shows one single grey level", mean
    for name, words in (("black share", "black"), ("white share", "white")):
        share = measures[name].to_numpy()
        yield ~constant & (share >= _NEARLY), f"is nearly all {words}", share
    sharpness = measures["sharpness"].to_numpy()
    shown = ~constant & (sharpness > 0)
    blurred = _away(np.log(np.where(shown, sharpness, 1.0)), shown, _BLUR_FLOOR) < -_FAR
    yield (
        _few(shown & blurred),
        "is far more blurred than the rest",
        sharpness,
    )
    yield from _odd_sizes(facts)
    correlation = _with_mean_picture(facts["label"].to_numpy(dtype=str), appearance.thumbs)
    yield (
        ~constant & (correlation < _NEGATIVE),
        "has dark and bright the other way round than its class: a negative, or laid on white",
        correlation,
    )


def _odd_sizes(
    facts: pd.DataFrame,
) -> Iterator[tuple[Flags, str, npt.NDArray[np.float64]]]:
    sides = facts[["width", "height"]].to_numpy(dtype=np.float64)
    shorter = sides.min(axis=1)
    everyone = np.ones(len(sides), dtype=bool)
    small = _away(np.log(shorter), everyone, _SIZE_FLOOR) < -_FAR
    small |= (shorter < _TINY) & (np.median(shorter) >= 2 * _TINY if len(shorter) else False)
    yield _few(small), "is far smaller than the rest (pixels of the shorter side)", shorter
    aspect = sides[:, 0] / sides[:, 1]
    odd = np.abs(_away(np.log(aspect), everyone, _ASPECT_FLOOR)) > _FAR
    yield _few(odd), "has another shape than the rest (width over height)", aspect


def _few(odd: Flags) -> Flags:
    """None of them if there are too many to be odd."""
    return odd & (odd.mean() <= _MOST) if len(odd) else odd


def _away(values: npt.NDArray[np.float64], among: Flags, floor: float) -> npt.NDArray[np.float64]:
    """Distances from the median in robust standard deviations, at least `floor` each.

    0 for all where there are too few to say.
    """
    if among.sum() < _AT_LEAST:
        return np.zeros(len(values))
    middle = np.median(values[among])
    deviation = _MAD * np.median(np.abs(values[among] - middle))
    return np.asarray((values - middle) / max(float(deviation), floor))


def _with_mean_picture(
    labels: npt.NDArray[np.str_], thumbs: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """Correlation of each picture with the mean of its class, (n,).

    0 for all of a class that is too small, or whose pictures are not alike.
    """
    found = np.zeros(len(labels))
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        if len(own) < _AT_LEAST:
            continue
        correlation = _correlations(thumbs, own)
        if np.median(correlation) >= _ALIKE:
            found[own] = correlation
    return found


def _correlations(
    thumbs: npt.NDArray[np.uint8], own: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Of these pictures with their mean, a few thousand in memory at a time; 0 without contrast."""
    chunks = [own[at : at + _CHUNK] for at in range(0, len(own), _CHUNK)]
    total = sum(thumbs[chunk].sum(axis=0, dtype=np.float64) for chunk in chunks)
    mean = np.asarray(total).ravel() / len(own)
    mean = (mean - mean.mean()) / max(float(mean.std()), 1e-9)
    found = []
    for chunk in chunks:
        flat = thumbs[chunk].reshape(len(chunk), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        found.append(flat @ mean.astype(np.float32) / (flat.std(axis=1) + 1e-3) / len(mean))
    return np.concatenate(found).astype(np.float64)
