"""Label doubts: images whose label a simple model on their features speaks against."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medxfer.audit import confident
from medxfer.audit.finding import Finding
from medxfer.audit.out_of_fold import FEWEST_PATIENTS, Features, Indices, out_of_fold
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.proportion import proportion
from medxfer.evaluation.severity import Severity

CHECK = "label_doubts"
_MANY = 0.05
"""Share of labels called wrong from which on it is more than a note. From two normal classes fewer
are called so if one label in a hundred is wrong, and more if one in twenty is."""
_LEARNABLE = 0.7
"""How far from chance to perfect the balanced accuracy is at least, by the lower end of its
interval. From here on most labels that are called wrong are, if one in twenty is and the classes
are two normal distributions; halfway to perfect it is only one in five (`test_label_doubts`)."""
_NAMED = 3


@dataclass(frozen=True)
class LabelDoubts:
    """What is doubtful about the labels, or why nothing can be said."""

    table: pd.DataFrame | None
    """One row an image, the most doubtful first; None if nothing can be said.

    `row` is its place in what was asked about; `label` the one given; `suggested` the likeliest
    class, which may be the given one; `doubt` from 0 to 1, NaN where the image was not judged;
    `rank` from 1; `likely_wrong` whether confident learning counts it as mislabelled.
    """
    joint: pd.DataFrame | None = None
    """Estimated shares of the judged images by given label (rows) and true one (columns)."""
    balanced_accuracy: Estimate | None = None
    """Of the simple model against the given labels, on patients it had not seen."""
    reason: str = ""
    """Why nothing was said, or which images were left out."""

    @property
    def share_wrong(self) -> float | None:
        """Estimated share of wrong labels; None where nothing can be said."""
        return None if self.joint is None else float(1 - np.trace(self.joint.to_numpy()))

    @property
    def learnable(self) -> bool:
        """Whether the features surely tell the classes apart well enough to doubt a label."""
        if self.balanced_accuracy is None or self.joint is None:
            return False
        chance, low = 1 / len(self.joint), self.balanced_accuracy.low
        return low is not None and low >= chance + _LEARNABLE * (1 - chance)

    @property
    def _accuracy(self) -> str:
        told = self.balanced_accuracy
        if told is None or told.low is None or told.high is None:
            return "not known"
        return f"{told.value:.2f} ({told.low:.2f} to {told.high:.2f})"

    def finding(self, settled: Collection[int] = ()) -> Finding | None:
        """What there is to say, in a sentence; None if no label is doubtful.

        `settled` are rows whose label a person looked at and called right: they do not count.
        """
        if self.table is None or self.joint is None:
            return _nothing_said(self.reason)
        if not self.learnable:
            return _nothing_said(
                "On patients it had not seen, a simple model on the network's features has a "
                f"balanced accuracy of {self._accuracy}: too little to doubt labels by."
            )
        likely = self.table[self.table["likely_wrong"]]
        wrong = int((~likely["row"].isin(settled)).sum())
        if not wrong:
            return None
        images = int(self.table["doubt"].notna().sum())
        return Finding(
            CHECK,
            Severity.SERIOUS if wrong >= _MANY * images else Severity.NOTE,
            f"{wrong:,} of {images:,} labels may be wrong by what the network sees in images of "
            f"other patients{_pairs(self.joint, images)}{_settled(len(likely) - wrong)}. A simple "
            f"model on it has a balanced accuracy of {self._accuracy} on patients it had not seen: "
            "some of these are its own mistakes.",
            "Look at them, the most doubtful first; relabel or exclude those that are wrong.",
        )


def label_doubts(
    features: Features,
    labels: Sequence[str],
    patients: Sequence[str],
    classes: Sequence[str],
    seed: int = 0,
) -> LabelDoubts:
    """The labels of n images with pooled `features` (n, d), ranked by how doubtful they are.

    Confident learning over probabilities out of fold, by patient. Images of a class with fewer
    than `FEWEST_PATIENTS` patients are not judged; if fewer than two classes are left, nothing is.
    """
    given = np.asarray(labels, dtype=object)
    people, _ = pd.factorize(np.asarray(patients, dtype=object))
    having = {name: len(np.unique(people[given == name])) for name in classes}
    rare = [name for name in classes if 0 < having[name] < FEWEST_PATIENTS]
    kept = [name for name in classes if having[name] >= FEWEST_PATIENTS]
    reason = _too_few(rare) if rare else ""
    if len(kept) < 2:  # noqa: PLR2004  (a label can only be doubted in favour of another)
        return LabelDoubts(None, reason=reason or "There is only one class to compare.")
    judged = np.flatnonzero(np.isin(given, kept))
    targets = np.array([kept.index(label) for label in given[judged]], dtype=np.int64)
    probabilities = out_of_fold(features[judged], targets, people[judged], seed)
    known = np.isfinite(probabilities).all(axis=1)
    judged, targets, probabilities = judged[known], targets[known], probabilities[known]
    if len(np.unique(targets)) < len(kept):
        return LabelDoubts(None, reason=_too_few(sorted(set(kept) - set(given[judged]))))
    table = _ranked(given, judged, targets, probabilities, np.array(kept, dtype=object))
    shares = pd.DataFrame(confident.joint(probabilities, targets), index=kept, columns=kept)
    right = probabilities.argmax(axis=1) == targets
    return LabelDoubts(table, shares, _balanced_accuracy(right, targets, people[judged]), reason)


def _balanced_accuracy(right: NDArray[np.bool_], targets: Indices, people: Indices) -> Estimate:
    """The mean over the classes of how many of their images are right, with its 95 % interval.

    Its ends follow from those of the classes, which count patients (Zou and Donner, "Construction
    of confidence limits about effect measures", Statistics in Medicine 2008).
    """
    classes = [proportion(right, targets == each, people).estimate for each in np.unique(targets)]
    ends = [(each.value, each.low, each.high) for each in classes]
    value, low, high = np.array(ends, dtype=np.float64).T  # what is not defined becomes NaN
    below, above = (float(np.linalg.norm(value - end)) / len(ends) for end in (low, high))
    middle = float(value.mean())
    if np.isnan(below):
        return Estimate(middle)
    return Estimate(middle, middle - below, middle + above)


def _ranked(
    given: NDArray[np.object_],
    judged: Indices,
    targets: Indices,
    probabilities: NDArray[np.float64],
    names: NDArray[np.object_],
) -> pd.DataFrame:
    suggested, doubt = given.copy(), np.full(len(given), np.nan)
    wrong = np.zeros(len(given), dtype=bool)
    suggested[judged] = names[probabilities.argmax(axis=1)]
    doubt[judged] = confident.doubt(probabilities, targets)
    likely = confident.confident_label(probabilities, targets)
    wrong[judged] = (likely >= 0) & (likely != targets)
    table = pd.DataFrame(
        {
            "row": np.arange(len(given)),
            "label": pd.Series(given, dtype="str"),
            "suggested": pd.Series(suggested, dtype="str"),
            "doubt": doubt,
            "likely_wrong": wrong,
        }
    )
    table = table.sort_values("doubt", ascending=False, kind="stable", na_position="last")
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table.reset_index(drop=True)


def _pairs(joint: pd.DataFrame, images: int) -> str:
    """The commonest confusions, as ": an estimated 12 NORMAL are PNEUMONIA, …"."""
    counts, names = joint.to_numpy() * images, [str(name) for name in joint.index]
    np.fill_diagonal(counts, 0)
    found = [
        (counts[pair], names[pair[0]], names[pair[1]])
        for pair in zip(*np.nonzero(counts >= 1), strict=True)
    ]
    words = [f"{count:.0f} of '{was}' are '{true}'" for count, was, true in sorted(found)[::-1]]
    return f" (estimated: {', '.join(words[:_NAMED])})" if words else ""


def _settled(labels: int) -> str:
    return f"; {labels:,} more were looked at and called right" if labels else ""


def _too_few(names: Sequence[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in names)
    return f"Labels of {listed} could not be judged: fewer than {FEWEST_PATIENTS} patients."


def _nothing_said(reason: str) -> Finding:
    return Finding(
        CHECK,
        Severity.NOTE,
        f"Labels could not be checked. {reason}",
        "Have a second person read a sample of the images.",
    )
