"""How far to trust one heatmap: what its checks found, in words, figures and curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medxfer.reports import svg
from medxfer.reports.blocks import Block, Chart, Points, Table, Text, Tone, number

if TYPE_CHECKING:  # a page that offers downloads must not pay for torch before it has a heatmap
    from medxfer.explain.curves import Curves
    from medxfer.explain.faithfulness import Faithfulness

_BY = " by the checks"
_CERTAIN = 0.9
"""Probability from which on an answer counts as the network's answer even when blurred."""
_AXES = ("share of the picture", "probability")


def trust_sentence(checks: Faithfulness | None) -> str:
    """The verdict, for a person; None: the heatmap was not checked."""
    if checks is None:
        return "This heatmap was not checked."
    return f"This heatmap is {checks.verdict.removesuffix(_BY)}{_BY}."


def trust_warning(checks: Faithfulness) -> str:
    """What is said where the answer hardly needs the picture at all; else ""."""
    whole, blurred = float(checks.own.deletion[0]), float(checks.own.deletion[-1])
    if min(whole, blurred) < _CERTAIN:
        return ""
    return (
        "The answer hardly needs what the picture shows: with all of it blurred the probability "
        f"is still {blurred:.3f}, so no map of single places can explain it."
    )


def trust_points(checks: Faithfulness) -> tuple[str, ...]:
    """What each check found, one sentence a check, with the figures that decide it."""
    empty = ("The heatmap is empty, so the first two checks cannot be passed.",)
    points = (_removal(checks), _occlusion(checks), _stability(checks))
    return (*empty, *points) if checks.empty else points


def trust_values(checks: Faithfulness) -> dict[str, Any]:
    """Every figure behind the verdict, as it stands in JSON."""
    from medxfer.explain.curves import FRACTIONS

    shifts = list(checks.stability)
    return {
        "verdict": str(checks.verdict),
        "sentences": list(trust_points(checks)),
        "warning": trust_warning(checks),
        "empty": checks.empty,
        "removal": {
            "passed": checks.removal_holds,
            "shares": list(FRACTIONS),
            "own": _curves(checks.own),
            "centre": _curves(checks.centre),
            "random": [_curves(other) for other in checks.random],
        },
        "occlusion": {
            "passed": checks.occlusion_holds,
            "agreement": checks.agreement,
            "centre_agreement": checks.centre_agreement,
            "by_chance": checks.by_chance,
            "lost": checks.lost.tolist(),
        },
        "stability": {
            "passed": checks.stable if shifts else None,
            "mean": float(np.mean(shifts)) if shifts else None,
            "likeness": shifts,
        },
    }


def trust_blocks(checks: Faithfulness) -> tuple[Block, ...]:
    """The checks for a page: a sentence each, the curves, and the figures."""
    own, centre = checks.own, checks.centre
    table = Table(
        "Figures behind the checks",
        ("", "this heatmap", "blob in the centre", "random maps"),
        (
            ("Area under the curve of removal, small is good", number(own.deletion_area),
             number(centre.deletion_area),
             _range([other.deletion_area for other in checks.random])),
            ("Area under the curve of giving back, great is good", number(own.insertion_area),
             number(centre.insertion_area),
             _range([other.insertion_area for other in checks.random])),
            ("Gap between the two areas", number(own.gap), number(centre.gap),
             _range([other.gap for other in checks.random])),
            ("Rank correlation with the occlusion map", number(checks.agreement),
             number(checks.centre_agreement), ""),
        ),
    )  # fmt: skip
    warning = trust_warning(checks)
    warned = (Text(warning, Tone.WARNING),) if warning else ()
    return (*warned, Points(trust_points(checks)), *_charts(checks), table)


def _removal(checks: Faithfulness) -> str:
    found = (
        "the answer goes with the places this map calls important more than with those of "
        f"{len(checks.random)} random maps, and not clearly less than with a blob in the centre"
        if checks.removal_holds
        else "the answer goes with the places of a random map, or of a blob in the centre, at "
        "least as much as with those this map calls important"
    )
    gaps = [other.gap for other in checks.random]
    return (
        f"Removal, {_passed(checks.removal_holds)}: {found} (gap between the curves "
        f"{checks.own.gap:.3f}; random maps {_range(gaps)}, centre {checks.centre.gap:.3f})."
    )


def _occlusion(checks: Faithfulness) -> str:
    found = (
        "the map is hot where covering the picture costs the answer"
        if checks.occlusion_holds
        else "the map is hardly hotter where covering the picture costs the answer than by chance"
    )
    return (
        f"Covering, {_passed(checks.occlusion_holds)}: {found} (rank correlation "
        f"{checks.agreement:.3f}; {100 * checks.by_chance:.1f} % of random maps agree as well)."
    )


def _stability(checks: Faithfulness) -> str:
    from medxfer.explain.faithfulness import STABLE

    if not checks.stability:
        return "Small shifts: not tried."
    found = "the map stays the same" if checks.stable else "the map changes"
    return (
        f"Small shifts, {_passed(checks.stable)}: {found} when the picture is moved a little "
        f"(mean correlation {float(np.mean(checks.stability)):.3f}; {STABLE} is needed)."
    )


def _passed(holds: bool) -> str:
    return "passed" if holds else "not passed"


def _curves(found: Curves) -> dict[str, Any]:
    return {
        "deletion": found.deletion.tolist(),
        "insertion": found.insertion.tolist(),
        "deletion_area": found.deletion_area,
        "insertion_area": found.insertion_area,
        "gap": found.gap,
    }


def _charts(checks: Faithfulness) -> tuple[Chart, Chart]:
    own, centre, random = checks.own, checks.centre, checks.random
    removed = _chart(
        "Removal, hottest places first", "A true map makes the probability fall early.",
        own.deletion, centre.deletion, [other.deletion for other in random],
    )  # fmt: skip
    given_back = _chart(
        "Giving back, hottest places first", "A true map makes the probability rise early.",
        own.insertion, centre.insertion, [other.insertion for other in random],
    )  # fmt: skip
    return removed, given_back


def _chart(
    title: str,
    meaning: str,
    own: NDArray[np.float64],
    centre: NDArray[np.float64],
    random: Sequence[NDArray[np.float64]],
) -> Chart:
    from medxfer.explain.curves import FRACTIONS

    others = np.stack(random)
    mean, low, high = (found.tolist() for found in (others.mean(0), others.min(0), others.max(0)))
    lines = [
        svg.Line("this heatmap", FRACTIONS, own.tolist(), dots=True),
        svg.Line("blob in the centre", FRACTIONS, centre.tolist()),
        svg.Line(f"{len(random)} random maps: mean and range", FRACTIONS, mean, low, high),
    ]
    told = "; ".join(
        f"{line.label}: {', '.join(f'{value:.2f}' for value in line.y)}" for line in lines
    )
    shares = ", ".join(f"{100 * share:.0f} %" for share in FRACTIONS)
    description = f"{meaning} Probability at {shares} of the picture. {told}."
    return Chart(title, description, svg.plot(title, description, lines, _AXES))


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}"
