"""The sections about what was decided on answers: operating point, calibration, failures."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from medxfer.data.manifest import Split
from medxfer.evaluation.calibration import BINNING
from medxfer.evaluation.conformal import PROMISE
from medxfer.evaluation.failures import barely_right, confidently_wrong
from medxfer.evaluation.positive import positive_class
from medxfer.evaluation.prevalence import at_prevalence
from medxfer.evaluation.uncertain import outside
from medxfer.reports.blocks import (
    Block,
    Chart,
    Section,
    Table,
    Text,
    count,
    facts_table,
    interval,
    number,
    share,
)
from medxfer.reports.gathering import Judged, Recorded
from medxfer.reports.svg import Line, plot

_PREVALENCES = (0.01, 0.05, 0.1, 0.3)
_MOST_FAILURES = 12
_TWO = 2


def operating_section(recorded: Recorded) -> Section:
    """What was decided about answers: how and on what it was chosen, and what it comes to."""
    decided, final = recorded.decisions, recorded.final
    temperature, point = decided.temperature, decided.operating_point
    facts = [("Output", "a probability for each class, which sum to 1")]
    if temperature:
        state = "on" if temperature.on else "off"
        if temperature.after_training:
            state += (
                f" by itself, since training did not count all images alike: {temperature.effect}"
            )
        facts.append((
            "Temperature",
            f"{temperature.value:.3f}, fitted on {temperature.images:,} validation images on "
            f"{temperature.time:%Y-%m-%d %H:%M} UTC; {state}",
        ))  # fmt: skip
    else:
        facts.append(("Temperature", "not fitted: probabilities as the network gives them"))
    if point and recorded.decisions.point:
        asked = "" if point.value is None else f" {point.value:g}"
        facts += [
            ("Rule", f"{point.rule}{asked}, chosen on {point.n:,} validation images on "
                     f"{recorded.decisions.point.time:%Y-%m-%d %H:%M} UTC"),
            ("Threshold", f"{number(decided.threshold)} of '{_positive(recorded)}'"),
            ("On validation", f"sensitivity {point.sensitivity:.3f}, "
                              f"specificity {point.specificity:.3f}"),
        ]  # fmt: skip
    else:
        facts.append(("Operating point", "none chosen: the most probable class is called"))
    facts += _abstaining(recorded)
    blocks: list[Block] = [facts_table("In force", facts)]
    if final:
        blocks += _predictive_values(final)
    return Section("operating", "Operating point", tuple(blocks))


def calibration_section(recorded: Recorded) -> Section | None:
    """Whether probabilities mean what they say; None where that cannot be told."""
    final = recorded.final
    checked = final.part.calibration if final else None
    if final is None or checked is None:
        return None
    facts = [
        (
            "Images",
            f"{final.split.words}: {count(checked.n)} of {count(checked.patients)} patients",
        ),
        ("Expected calibration error", interval(checked.error)),
        ("It would stay below, if every probability were right", number(checked.error_if_right)),
        ("Brier score", interval(checked.brier)),
    ]
    for line in checked.lines:
        facts += [
            (f"Slope, {line.name} (1 is right)", interval(line.slope)),
            (f"Intercept, {line.name} (0 is right)", interval(line.intercept)),
            (f"In the large, {line.name} (0 is right)", interval(line.in_the_large)),
        ]
    blocks: list[Block] = [
        _reliability(final.split, checked.bins),
        facts_table("Calibration", facts),
    ]
    blocks.append(Text(BINNING))
    if recorded.coverage:
        covered = recorded.coverage
        held = [("Promised", number(covered.promised, 2)), ("Measured", interval(covered.overall))]
        held += [(f"Measured, {name}", interval(each)) for name, each in covered.by_class.items()]
        held += [("Classes in a set, on average", number(covered.mean_size, 2)),
                 ("Sets of a single class", interval(covered.single)),
                 ("Empty sets", interval(covered.empty))]  # fmt: skip
        blocks += [facts_table("Conformal sets calibrated on validation, measured on test", held)]
        blocks.append(Text(PROMISE))
    return Section("calibration", "Calibration", tuple(blocks))


def failures_section(recorded: Recorded) -> Section | None:
    """The answers most confidently wrong, and those barely right, by image id."""
    final = recorded.final
    if final is None:
        return None
    predictions = final.predictions
    known = predictions.truth >= 0
    wrong = int((known & (predictions.truth != predictions.predicted)).sum())
    text = Text(
        f"{share(wrong, int(known.sum()))} of the {final.split.words} images were called wrongly. "
        "Images are named by their id in the workspace only."
    )
    return Section(
        "failures",
        "Failures",
        (
            text,
            _cases("Confidently wrong", confidently_wrong(predictions, most=_MOST_FAILURES)),
            _cases("Barely right", barely_right(predictions, most=_MOST_FAILURES)),
        ),
    )


def _abstaining(recorded: Recorded) -> Iterator[tuple[str, str]]:
    decided, final = recorded.decisions, recorded.final
    band, line, sets = decided.band, decided.band_line, decided.sets
    if band is None or line is None:
        yield "Uncertain band", "none: every image gets an answer"
    else:
        yield (
            "Uncertain band",
            f"no answer from {number(band.low)} to below {number(band.high)} of "
            f"'{_positive(recorded)}', the narrowest with {100 * line.accuracy:g} % right answers "
            f"on {band.n:,} validation images, chosen on {line.time:%Y-%m-%d %H:%M} UTC",
        )
        if final:
            found = outside(final.predictions, band)
            yield (
                f"With it on {final.split.words}",
                f"left to a person {interval(found.uncertain)}; of the answers right "
                f"{interval(found.accuracy)}, sensitivity {interval(found.sensitivity)}, "
                f"specificity {interval(found.specificity)}",
            )
    if sets:
        within = ", within each class" if sets.by_class else ""
        yield (
            "Conformal sets",
            f"hold the truth in {100 * (1 - sets.error_rate):g} %{within}; calibrated on "
            f"{sets.n:,} validation images (see Calibration)",
        )


def _predictive_values(final: Judged) -> Iterator[Block]:
    figures = final.part.estimates
    if "sensitivity" not in figures or "specificity" not in figures:
        return
    rows = []
    for prevalence in _PREVALENCES:
        ppv, npv = at_prevalence(figures["sensitivity"], figures["specificity"], prevalence)
        rows.append((f"{100 * prevalence:g} %", interval(ppv), interval(npv)))
    caption = f"What a call would be worth at another prevalence ({final.split.words} figures)"
    yield Table(caption, ("Prevalence", "PPV", "NPV"), tuple(rows))


def _reliability(split: Split, bins: pd.DataFrame) -> Chart:
    title = f"Reliability diagram, {split.words}"
    told = "; ".join(
        f"claimed {row.probability:.2f}, came true {row.observed:.2f} of {row.n}"
        for row in bins.itertuples()
    )
    columns = (bins[name].to_numpy(dtype=np.float64).tolist()
               for name in ("probability", "observed", "low", "high"))  # fmt: skip
    claimed, observed, low, high = columns
    line = Line("share that came true, 95 % interval", claimed, observed, low, high, dots=True)
    axes = ("Probability claimed", "Share that came true")
    return Chart(title, told, plot(title, told, [line], axes, diagonal=True))


def _cases(caption: str, table: pd.DataFrame) -> Table:
    rows = tuple(
        (str(row["image"]), str(row["truth"]), str(row["prediction"]), number(row["confidence"]))
        for _, row in table.iterrows()
    )
    return Table(caption, ("Image id", "Truth", "Called", "Probability"), rows, words=3)


def _positive(recorded: Recorded) -> str:
    classes = recorded.started.classes if recorded.started else ()
    finding = recorded.run.config.positive
    return classes[positive_class(classes, finding)] if len(classes) == _TWO else ""
