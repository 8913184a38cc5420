"""Many heatmaps seen at once: the mean map of a class, and the sheet of a confusion-matrix cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medxfer.data.manifest import Split
from medxfer.errors import ExplainError
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Tell
from medxfer.explain.average import MeanMap
from medxfer.explain.heatmap import METHODS
from medxfer.explain.overlay import blend
from medxfer.explain.sheet import contact_sheet, tiles_of_cell
from medxfer.paths import Workspace
from medxfer.runs.asked import UNUSABLE, Asked, Counter, Pixels, drawn, manifest_of
from medxfer.runs.decisions import decisions, judged
from medxfer.runs.heatmaps import MOST_MEAN, check_open
from medxfer.runs.results import load_predictions
from medxfer.runs.worth import METHOD_NAMES
from medxfer.working import ended

_OPACITY = 0.7
_CORNERS = ("top left", "top right", "bottom left", "bottom right")
_PLACES = {
    "centre": "in the centre",
    "left": "at the left",
    "right": "at the right",
    "top": "at the top",
    "bottom": "at the bottom",
    **{corner: f"at the {corner}" for corner in _CORNERS},
}


@dataclass(frozen=True, eq=False)
class MeanOfClass:
    """The mean heatmap of a class over images that belong to it, or were `called` it.

    `among` are all such images of the part; `unreadable` were left out of the mean.
    """

    name: str
    called: bool
    method: str
    mean: MeanMap
    among: int
    unreadable: int

    @property
    def sentence(self) -> str:
        """Where most of the heat lies, for a person."""
        shares = self.mean.shares()
        place = max(shares, key=shares.__getitem__)
        even = 1 / len(shares)
        if not any(shares.values()):
            return f"Nothing in these images speaks for {self.name}: every heatmap is empty."
        said = (
            f"The most heat lies {_PLACES[place]}: {100 * shares[place]:.0f} % of it in that ninth "
            f"of what the network sees, {shares[place] / even:.1f} times as much as if it were "
            f"spread evenly ({100 * even:.0f} %)."
        )
        if place in _CORNERS:
            said += " Look whether something lies there in every picture, such as a side marker."
        return said

    @property
    def pixels(self) -> Pixels:
        """RGB (224, 448, 3): the mean picture, beside it the same under the mean heatmap."""
        picture = self.mean.picture
        return np.hstack([picture, blend(picture, self.mean.heatmap, _OPACITY)])

    def caption(self, split: Split) -> str:
        """What the picture shows, in a sentence."""
        used = self.mean.count
        of = f"{used:,} of {self.among:,}" if used < self.among else f"{used:,}"
        how = "called" if self.called else "of the class"
        empty = f"; empty heatmaps: {self.mean.empty:,}" if self.mean.empty else ""
        return (
            f"Mean of {of} {split.words} images {how} {self.name}, beside it the same under their "
            f"mean heatmap of {self.name} ({METHOD_NAMES.get(self.method, self.method)}){empty}."
        )


@dataclass(frozen=True, eq=False)
class Sheet:
    """RGB (H, W, 3) of `images` of the `among` in one cell of the confusion matrix."""

    truth: str
    called: str
    method: str
    pixels: Pixels
    images: int
    among: int
    unreadable: int

    def caption(self, split: Split) -> str:
        """What the sheet shows, in a sentence or two."""
        of = f"{self.images} of {self.among:,}" if self.images < self.among else f"{self.images}"
        said = (
            f"{self.truth}, called {self.called}: {of} {split.words} images, the most confident "
            f"answers first. Each beside itself under its heatmap of {self.called} "
            f"({METHOD_NAMES.get(self.method, self.method)})."
        )
        return f"{said} Could not be used: {self.unreadable}." if self.unreadable else said


def mean_of_class(
    workspace: Workspace,
    run: str,
    name: str,
    split: Split = Split.VALIDATION,
    method: str = "gradcam",
    tell: Tell = lambda *_: None,
    *,
    called: bool = False,
) -> MeanOfClass:
    """The mean heatmap of the class `name`, over its images or over those `called` it.

    Raises:
        ExplainError: there is no such class or image, or none can be read.
        Others as `checked`; RunError also if the run has no predictions of the part.
    """
    _ = METHODS[method]
    answers = _answers(workspace, run, split)
    cls = class_index(answers.classes, name)
    places = np.flatnonzero((answers.predicted if called else answers.truth) == cls)
    how = "was called" if called else "belongs to"
    if not len(places):
        raise ExplainError(
            f"No {split.words} image {how} the class '{name}'.", "Choose another class."
        )
    asked = Asked.of(workspace, run, manifest_of(workspace, run), method)
    some = drawn(len(places), MOST_MEAN)
    count = Counter(tell, "Averaging heatmaps", len(some))
    mean, problems = MeanMap(), list[str]()
    for file in answers.facts["file"].iloc[places[some]]:
        try:
            pixels = asked.read(file)
            mean.add(pixels, asked.explained(pixels, cls).heatmap)
        except UNUSABLE as error:
            problems.append(error.problem)
        count()
    if not mean.count:
        raise ExplainError(
            f"None of {len(some)} images can be used. {problems[0]}",
            "Put the files back, or import the data set again.",
        )
    return MeanOfClass(name, called, method, mean, len(places), len(problems))


def sheet_of_cell(
    workspace: Workspace,
    run: str,
    truth: int,
    called: int,
    split: Split = Split.VALIDATION,
    method: str = "gradcam",
    tell: Tell = lambda *_: None,
) -> Sheet:
    """The images of one cell with their heatmaps, the most confident answers first, at most 24.

    `truth` and `called` are class indices. An image that cannot be used says so in its place.

    Raises:
        ExplainError: the cell is empty.
        Others as `mean_of_class`.
    """
    _ = METHODS[method]
    answers = _answers(workspace, run, split)
    inside = (answers.truth == truth) & (answers.predicted == called)
    if not inside.any():
        names = answers.classes
        raise ExplainError(
            f"No {split.words} image of '{names[truth]}' was called '{names[called]}'.",
            "Choose another cell of the confusion matrix.",
        )
    asked = Asked.of(workspace, run, manifest_of(workspace, run), method)
    steps = tiles_of_cell(asked.model, answers, truth, called, asked.read, method=method)
    tiles = ended(steps, lambda step: tell("Making heatmaps", step.done, step.total))
    unreadable = sum(tile.pixels is None for tile in tiles)
    pair = answers.classes[truth], answers.classes[called]
    return Sheet(*pair, method, contact_sheet(tiles), len(tiles), int(inside.sum()), unreadable)


def class_index(classes: tuple[str, ...], name: str) -> int:
    """Which of the classes is meant; ExplainError names them all if none is."""
    if name not in classes:
        raise ExplainError(
            f"The run knows no class '{name}'.", f"Its classes are {', '.join(classes)}."
        )
    return classes.index(name)


def _answers(workspace: Workspace, run: str, split: Split) -> Predictions:
    check_open(workspace, run, split)
    return judged(load_predictions(workspace, run, split), decisions(workspace, run))
