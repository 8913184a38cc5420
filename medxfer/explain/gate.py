"""Is a picture like the scans a network learned from? Asked before anything is predicted.

Each side of a picture (`sides`) is compared with the training scans: distance from the fifth
nearest of them in standardised features (Sun et al., "Out-of-Distribution Detection with Deep
Nearest Neighbors", ICML 2022), for layout from their mean. Its unit is how far validation scans
stray; the side that strays most decides. `benchmarks/familiarity.py` holds what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from medxfer.errors import ExplainError
from medxfer.explain.depths import Vectors
from medxfer.explain.familiarity import NEIGHBOURS, Check, Familiarity, Similar
from medxfer.explain.sides import Side

Floats = NDArray[np.float64]

REFUSED = 0.05
"""Share of familiar scans, seen as other devices might show them, that is refused."""
CONFIDENCE = "confidence"
"""The check of the network's own answer, beside those of the sides."""

_NEIGHBOUR = 5
_FLOOR = {Side.COLOUR: 0.02}
"""Added to a distance: among grey pictures all are 0, and a tint of less is none."""
_LEAST = {Side.COLOUR: math.log(2)}
_LEAST_ELSE = math.log(1.15)
"""The least unit of a side, however alike all scans are."""
_CONFIDENCE_SLACK = 2.0
"""Familiar scans may be hard: the energy of the logits counts half."""
_NEVER = 0.01
"""Of the mean spread: what a feature spreads at least, so that one that never moved is no judge."""


@dataclass(frozen=True)
class Unit:
    """How a raw figure is counted: 0 where familiar scans usually are, 1 where they rarely get."""

    usual: float
    rarely: float
    logarithmic: bool = True

    def of(self, raw: Floats) -> Floats:
        """Raw figures (n,) in units."""
        if self.logarithmic:
            return np.log(raw / self.usual) / math.log(self.rarely / self.usual)
        return (raw - self.usual) / (self.rarely - self.usual)


@dataclass(frozen=True)
class Looks:
    """What the checks go by of n pictures: vectors (n, d) by side, and energies (n,)."""

    sides: Mapping[Side, Vectors]
    energy: Floats

    def __len__(self) -> int:
        return len(self.energy)


@dataclass(frozen=True)
class Gate:
    """What a run knows of the scans it learned from.

    `vectors` are those of n training scans by side, `images` and `labels` their ids and classes.
    `units` has one for every side and for `CONFIDENCE`. A picture whose score exceeds `limit` is
    unfamiliar; `known` are the scores of validation scans, rising.
    """

    vectors: Mapping[Side, Vectors]
    images: tuple[str, ...]
    labels: tuple[str, ...]
    units: Mapping[str, Unit]
    limit: float
    known: Floats

    def scores(self, looks: Looks) -> dict[str, Floats]:
        """In how many units each of n pictures strays, (n,) by check.

        Raises:
            ExplainError: a figure is not a finite number.
        """
        found = {
            str(side): self.units[side].of(space.distances(looks.sides[side]))
            for side, space in self._spaces.items()
        }
        found[CONFIDENCE] = self.units[CONFIDENCE].of(looks.energy)
        if not all(np.isfinite(score).all() for score in found.values()):
            raise ExplainError(
                "The model gave no valid number for this picture, so nothing is said about it.",
                "Its weights are damaged or training diverged; use another run.",
            )
        return found

    def judge(self, looks: Looks) -> list[Familiarity]:
        """Each picture: familiar or not, by which checks, and the training scans most like it."""
        scores = self.scores(looks)
        score = combined(scores)
        near = self._spaces[Side.SHAPE].nearest(looks.sides[Side.SHAPE], NEIGHBOURS)
        usual = self.units[Side.SHAPE].usual
        return [
            Familiarity(
                familiar=bool(score[row] <= self.limit),
                score=float(score[row]),
                limit=self.limit,
                farther_than=float(np.searchsorted(self.known, score[row]) / len(self.known)),
                checks=tuple(
                    Check(name, float(found[row]), bool(found[row] <= self.limit))
                    for name, found in sorted(scores.items(), key=lambda item: -item[1][row])
                ),
                similar=tuple(
                    Similar(self.images[place], self.labels[place], float(distance) / usual)
                    for place, distance in zip(near[0][row], near[1][row], strict=True)
                ),
            )
            for row in range(len(looks))
        ]

    @cached_property
    def _spaces(self) -> dict[Side, Space]:
        return {side: Space(side, self.vectors[side]) for side in Side}


def fit(
    training: Looks,
    images: Sequence[str],
    labels: Sequence[str],
    validation: Looks,
    varied: Looks,
) -> Gate:
    """The gate of a run from what its network makes of its own scans.

    `validation` are scans the network did not learn from, as they are; `varied` are the same ones
    as other devices might show them, in any order and number. The limit refuses `REFUSED` of
    `varied`, or with fewer than 19 of them only what strays farther than all.

    Raises:
        ExplainError: there are too few scans, or a figure is not a finite number.
    """
    if len(training) < _NEIGHBOUR or not len(validation) or not len(varied):
        raise ExplainError(
            f"Whether a scan is familiar cannot be learned from {len(training)} training and "
            f"{len(validation)} validation images.",
            f"Use a data set with {_NEIGHBOUR} or more training images and a validation part.",
        )
    vectors = training.sides
    spaces = {side: Space(side, vectors[side]) for side in Side}
    units = {
        str(side): _side_unit(
            side,
            space.distances(validation.sides[side]),
            space.distances(varied.sides[side]),
        )
        for side, space in spaces.items()
    }
    units[CONFIDENCE] = _energy_unit(validation.energy, varied.energy)
    gate = Gate(vectors, tuple(images), tuple(labels), units, math.inf, np.empty(0))
    limit = _quantile(combined(gate.scores(varied)))
    return replace(gate, limit=limit, known=np.sort(combined(gate.scores(validation))))


def combined(scores: Mapping[str, Floats]) -> Floats:
    """(n,): the check that strays most decides."""
    return np.asarray(np.max(list(scores.values()), axis=0), dtype=np.float64)


class Space:
    """The training vectors (m, d) of one side, ready to be compared with.

    Features are standardised by the training vectors, so that each counts alike; those of layout
    and colour are of one kind and stay as they are.
    """

    def __init__(self, side: Side, reference: Vectors) -> None:
        self.side = side
        self._centre = reference.mean(axis=0, dtype=np.float64)
        self._spread = np.ones(reference.shape[1])
        if side not in (Side.LAYOUT, Side.COLOUR):
            spread = reference.std(axis=0, dtype=np.float64)
            self._spread = np.maximum(spread, _NEVER * spread.mean()) + 1e-12
        self._reference = self._standardised(reference)
        self._squared = np.square(self._reference).sum(axis=1)

    def distances(self, vectors: Vectors) -> Floats:
        """(n,): how far vectors (n, d) lie from the training scans."""
        if self.side is Side.LAYOUT:
            found = np.linalg.norm(self._standardised(vectors), axis=1)
        else:
            found = self.nearest(vectors, _NEIGHBOUR)[1][:, -1]
        return np.asarray(found + _FLOOR.get(self.side, 1e-9), dtype=np.float64)

    def nearest(self, vectors: Vectors, k: int) -> tuple[NDArray[np.int64], Floats]:
        """The k nearest training vectors to vectors (n, d): places and distances, (n, k).

        Of equals the first comes first.
        """
        asked = self._standardised(vectors)
        squared = np.square(asked).sum(axis=1)[:, np.newaxis] + self._squared
        between = np.maximum(squared - 2 * (asked @ self._reference.T), 0)
        places = np.argsort(between, axis=1, kind="stable")[:, :k].astype(np.int64)
        return places, np.sqrt(np.take_along_axis(between, places, axis=1))

    def _standardised(self, vectors: Vectors) -> Floats:
        return np.asarray((vectors - self._centre) / self._spread, dtype=np.float64)


def _side_unit(side: Side, plain: Floats, varied: Floats) -> Unit:
    usual = float(np.median(plain))
    at_least = usual * math.exp(_LEAST.get(side, _LEAST_ELSE))
    return Unit(usual, max(_quantile(varied), at_least))


def _energy_unit(plain: Floats, varied: Floats) -> Unit:
    usual = float(np.median(plain))
    strays = max(_quantile(plain), _quantile(varied)) - usual
    return Unit(usual, usual + max(_CONFIDENCE_SLACK * strays, 1e-6), logarithmic=False)


def _quantile(figures: Floats) -> float:
    """What `REFUSED` of the figures exceed; of few, the largest."""
    rank = math.ceil((len(figures) + 1) * (1 - REFUSED))
    return float(np.sort(figures)[min(rank, len(figures)) - 1])
