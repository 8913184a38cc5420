"""What a run's heatmaps are worth, as checked once: a value, and in words. Needs no torch."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from medxfer import __version__
from medxfer.data.manifest import Split
from medxfer.evaluation.estimate import Estimate

SCHEMA = 1
ALIKE = 0.5
"""Rank correlation; maps of wholly random weights must be less like the real ones than that."""
_NO_MARKS = (
    "No image of this part has a mask or a box, so whether the heatmaps lie on findings cannot be "
    "said."
)
METHOD_NAMES = {
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "layercam": "Layer-CAM",
    "xgradcam": "XGrad-CAM",
    "smoothgradcam++": "Smooth Grad-CAM++",
    "scorecam": "Score-CAM",
}


class Dependence(StrEnum):
    """Whether heatmaps follow what the network learned."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


class OnMarks(BaseModel):
    """How well heatmaps lie on the findings that are marked; as `explain.pointing.Localisation`.

    All figures are 0 to 1 but for the gains. `unusable` images have a mark or a picture that
    cannot be read, for the `reason` of the first; `marked` are all that have a mark, of which
    some may not have been drawn, and `blank` ones have a mask that marks nothing.
    """

    model_config = ConfigDict(frozen=True)

    marked: int
    pictures: int
    patients: int
    unseen: int
    blank: int
    unusable: int
    reason: str
    pointing: Estimate
    centre_pointing: Estimate
    pointing_gain: Estimate
    energy: Estimate
    centre_energy: Estimate
    energy_gain: Estimate
    area: float

    @property
    def sentences(self) -> tuple[str, ...]:
        """For a person, what matters most first; no file is named."""
        left = list[str]()
        if self.unusable:
            left.append(f"Marked images that could not be used: {self.unusable:,}.")
        if self.unseen:
            left.append(
                f"Images whose mark lies outside the square that the network sees: {self.unseen:,}."
            )
        if not self.pictures:
            return ("No marked finding could be compared with a heatmap.", *left)
        told = self.pictures + self.unseen + self.blank + self.unusable
        of = f" (drawn at random from {self.marked:,})" if told < self.marked else ""
        return (
            f"The hottest point lies on the marked finding in {percent(self.pointing)} of "
            f"{_images(self.pictures)}{of}; the centre of the picture would in "
            f"{percent(self.centre_pointing)}. {_better(self.pointing_gain)}",
            f"{percent(self.energy)} of the heat lies inside the marks; of a round spot in the "
            f"centre it would be {percent(self.centre_energy)}, of heat spread evenly "
            f"{100 * self.area:.0f} %.",
            *left,
        )


class Checks(BaseModel):
    """The checks of a run's heatmaps on one part of its data.

    `likeness` has for each stage, head first, how like the real maps those are whose network has
    random weights from the head up to that stage: the mean of Spearman's rank correlation, -1 to
    1, over `pictures` images of as many patients. `marks` is None where the part has none.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: int = Field(default=SCHEMA, ge=SCHEMA, le=SCHEMA)
    weights_sha256: str
    marks_sha256: str
    """Of all masks and boxes of the data set, as the manifest names them."""
    split: Split
    method: str
    stage: str
    pictures: int
    likeness: dict[str, Estimate]
    marks: OnMarks | None
    made: datetime = Field(default_factory=lambda: datetime.now(UTC))
    medxfer: str = __version__

    @property
    def depends(self) -> Dependence:
        """Whether the maps of a wholly random network are surely less, or not less, than alike."""
        last = list(self.likeness.values())[-1] if self.likeness else Estimate(None)
        if last.high is not None and last.high < ALIKE:
            return Dependence.YES
        return Dependence.NO if last.low is not None and last.low >= ALIKE else Dependence.UNSURE

    @property
    def sentences(self) -> tuple[str, ...]:
        """For a person: dependence on the weights, then the marks."""
        return (self._dependence, *(self.marks.sentences if self.marks else (_NO_MARKS,)))

    @property
    def _dependence(self) -> str:
        if not self.likeness:
            return (
                "Whether the heatmaps depend on what the network learned cannot be told: no image "
                "of this part has a heatmap that is not empty."
            )
        last = list(self.likeness.values())[-1]
        figure = (
            f"with all its weights made random, its maps of {_images(self.pictures)} have a "
            f"likeness of {_number(last)} to the real ones, where 1 is the same map and less than "
            f"{ALIKE:g} is asked for"
        )
        match self.depends:
            case Dependence.YES:
                return f"The heatmaps depend on what the network learned: {figure}."
            case Dependence.NO:
                return (
                    "The heatmaps hardly depend on what the network learned, so do not go by "
                    f"them: {figure}."
                )
            case Dependence.UNSURE:
                return (
                    "Whether the heatmaps depend on what the network learned is not certain: "
                    f"{figure}."
                )


def percent(figure: Estimate) -> str:
    """ "42 % (30 to 54 %)"; the interval is left out where there is none."""
    if figure.value is None:
        return "not defined"
    said = f"{100 * figure.value:.0f} %"
    if figure.low is None or figure.high is None:
        return said
    return f"{said} ({100 * figure.low:.0f} to {100 * figure.high:.0f} %)"


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"


def _number(figure: Estimate) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _better(gain: Estimate) -> str:
    if gain.value is None or gain.low is None or gain.high is None:
        return "Whether that is better than the centre cannot be told."
    ends = f"{100 * gain.low:.0f} to {100 * gain.high:.0f}"
    if gain.low > 0:
        return f"That is better than the centre, by {100 * gain.value:.0f} points ({ends})."
    if gain.high < 0:
        return f"The centre does better, by {-100 * gain.value:.0f} points; do not go by the point."
    return (
        f"That is not shown to be better than the centre (difference {ends} points), so do not "
        "take the hottest point for the finding."
    )
