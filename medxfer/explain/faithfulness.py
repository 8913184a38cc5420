"""How far to trust one heatmap: three checks of this map, this picture and this network.

1. Removal. Deletion and insertion curves (`curves`): the gap between their areas must be greater
   than that of each of `RANDOM` random maps (the same heat elsewhere, `baselines.moved`), and not
   more than `BEHIND` smaller than that of a blob in the centre.
2. Occlusion. The rank correlation with an occlusion map (`occlusion`) must be greater than that
   of 95 % of `MOVED` random maps.
3. Stability. After small shifts the map must stay the same: a mean correlation of `STABLE`.

"Well supported" is all three, "not supported" is neither removal nor occlusion, all else is
"partly supported". An empty map is not supported.

Why so. A map that has nothing to do with the answer is as good as its own random copies, so it
passes removal once in `RANDOM` + 1 times and occlusion once in 20, and is called well supported
less than once in 20 times. Two checks that ask the network in different ways must agree because
each can be fooled: altered pictures are unlike any the network has learnt from. The centre blob
stands for what a map of any centred picture gets for free. Stability alone says nothing of
where the network looks: an unstable map is a doubt, a stable one no support.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from medxfer.explain import curves, occlusion, stability
from medxfer.explain.altered import Floats, Question, Still, answers
from medxfer.explain.baselines import centre_blob, moved
from medxfer.explain.curves import Curves
from medxfer.explain.heatmap import Explanation, explain
from medxfer.explain.methods import SLOW
from medxfer.explain.placing import Heat, in_view
from medxfer.models.preprocessing import seen_box, to_input

RANDOM = 5
"""Random maps that are tried on the network; each costs ten passes."""
MOVED = 199
"""Random maps that are compared with the occlusion map, which costs nothing."""
BEHIND = 0.02
"""Area by which a map may fall short of the centre blob; where the finding lies in the middle
the two are the same, and a map of a few cells is coarser."""
STABLE = 0.7
"""Least mean correlation of a stable map: half of its variation (0.7 squared) comes back."""
ALPHA = 0.05

Pixels = NDArray[np.uint8]
Mapping = Callable[[Pixels], Heat]
"""The heatmap (H, W) of any picture (H, W, 3), made in the same way as the one in question."""


class Verdict(StrEnum):
    """What the checks say of one heatmap, in plain words."""

    WELL = "well supported"
    PARTLY = "partly supported"
    NOT = "not supported by the checks"


@dataclass(frozen=True)
class Step:
    """How far the checks are: passes through the network."""

    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """The figures behind the verdict of one heatmap.

    `own`, `centre` and each of `random` are deletion and insertion curves. `lost` is the
    occlusion map, log-odds lost by place. `agreement` is the rank correlation with it, -1 to 1,
    that of the centre blob is `centre_agreement`, and `by_chance` the part of random maps that
    agree at least as well. `stability` has one correlation a shift, none if it was not asked for.
    `empty` is a heatmap without any heat.
    """

    own: Curves
    centre: Curves
    random: tuple[Curves, ...]
    lost: Floats
    agreement: float
    centre_agreement: float
    by_chance: float
    stability: tuple[float, ...]
    empty: bool

    @property
    def removal_holds(self) -> bool:
        """The answer goes with this map's pixels more than with those of the other maps."""
        beaten = all(self.own.gap > other.gap for other in self.random)
        return not self.empty and beaten and self.own.gap >= self.centre.gap - BEHIND

    @property
    def occlusion_holds(self) -> bool:
        """The map is hot where covering the picture costs the answer."""
        return not self.empty and self.by_chance <= ALPHA

    @property
    def stable(self) -> bool:
        """The map stays the same after small shifts."""
        return bool(self.stability) and float(np.mean(self.stability)) >= STABLE

    @property
    def verdict(self) -> Verdict:
        """By the rule of this module."""
        if not (self.removal_holds or self.occlusion_holds):
            return Verdict.NOT
        holds = self.removal_holds and self.occlusion_holds and self.stable
        return Verdict.WELL if holds else Verdict.PARTLY


def check(
    model: nn.Module, pixels: Pixels, explanation: Explanation
) -> Generator[Step, None, Faithfulness]:
    """Check the heatmap of a picture (H, W, 3) that `explain` made with this network.

    Yields how far it is. The network is left as it was, and is free for others meanwhile but for
    moments.

    Raises:
        ExplainError: the network gives no finite number.
    """
    asked = Question(explanation.target, explanation.against)
    shifts = stability.SHIFTS[: 1 if explanation.method in SLOW else None]
    again = partial(_again, model, explanation)
    return (yield from check_map(model, pixels, explanation.heatmap, asked, again, shifts))


def check_map(
    model: nn.Module,
    pixels: Pixels,
    heatmap: Heat,
    question: Question,
    again: Mapping | None = None,
    shifts: Sequence[tuple[int, int]] = stability.SHIFTS,
    seed: int = 0,
) -> Generator[Step, None, Faithfulness]:
    """Check any heatmap (H, W), 0 to 1, of a picture (H, W, 3); raises as `check`.

    `again` makes the heatmap of a shifted picture; without it stability is not tried. The random
    maps are drawn from `seed`.
    """
    generator = np.random.default_rng(seed)
    view, heat = to_input(pixels), in_view(heatmap)
    heats = [heat, centre_blob(), *(moved(heat, generator) for _ in range(RANDOM))]
    empty = curves.emptied(view)
    ends, places = 2, occlusion.CELLS**2
    count = ends + curves.between() * len(heats) + places
    views: Iterator[Tensor] = chain(
        (view, empty), curves.altered(view, empty, heats), occlusion.covered(view, empty)
    )
    tried = [(again, shift) for shift in shifts] if again else []
    done, total = 0, count + len(tried)
    asking = answers(Still(model), question, views, count)
    while True:
        try:
            done += next(asking)
        except StopIteration as end:
            evidence: Floats = end.value
            break
        yield Step(done, total)
    likenesses = []
    for made_by, shift in tried:
        likenesses.append(_likeness(pixels, heatmap, made_by, shift))
        done += 1
        yield Step(done, total)
    pieces = np.split(evidence[ends:-places], len(heats))
    of_maps = [curves.curves(piece, *map(float, evidence[:ends])) for piece in pieces]
    lost = occlusion.loss(float(evidence[0]), evidence[-places:])
    agreement = occlusion.agreement(occlusion.mean_heat(heat), lost)
    others = (occlusion.mean_heat(moved(heat, generator)) for _ in range(MOVED))
    as_good = sum(occlusion.agreement(other, lost) >= agreement for other in others)
    return Faithfulness(
        own=of_maps[0],
        centre=of_maps[1],
        random=tuple(of_maps[2:]),
        lost=lost,
        agreement=agreement,
        centre_agreement=occlusion.agreement(occlusion.mean_heat(centre_blob()), lost),
        by_chance=(1 + as_good) / (MOVED + 1),
        stability=tuple(likenesses),
        empty=not heat.any(),
    )


def _likeness(pixels: Pixels, heatmap: Heat, again: Mapping, shift: tuple[int, int]) -> float:
    height, width = heatmap.shape
    other = again(stability.shifted(pixels, shift))
    return stability.likeness(heatmap, other, shift, seen_box(width, height))


def _again(model: nn.Module, explanation: Explanation, pixels: Pixels) -> Heat:
    return explain(
        model, pixels, explanation.classes, target=explanation.target, against=explanation.against,
        method=explanation.method, stage=explanation.stage,
    ).heatmap  # fmt: skip
