"""What a person chooses: settings are values, checked when they are made.

Defaults follow the published recipe (AdamW 1e-4, weight decay 1e-4, plateau schedule, the
512-unit head); the names are the field's.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from medxfer.errors import ConfigError


class Stage(StrEnum):
    """The places where a ResNet may be cut, from the picture to the answer."""

    STEM = "stem"
    LAYER1 = "layer1"
    LAYER2 = "layer2"
    LAYER3 = "layer3"
    LAYER4 = "layer4"
    HEAD = "head"

    @property
    def onwards(self) -> tuple[Stage, ...]:
        """This stage and all behind it."""
        stages = tuple(Stage)
        return stages[stages.index(self) :]


class Depth(IntEnum):
    """How many weighted layers the ResNet has (He et al. 2016, table 1)."""

    RESNET18 = 18
    RESNET34 = 34
    RESNET50 = 50
    RESNET101 = 101
    RESNET152 = 152


class Imbalance(StrEnum):
    """What is done about classes of different size."""

    NONE = "none"
    CLASS_WEIGHTS = "class_weights"
    BALANCED_SAMPLING = "balanced_sampling"
    FOCAL = "focal"


class Schedule(StrEnum):
    """How the learning rate changes over a phase."""

    PLATEAU = "plateau"
    COSINE = "cosine"


class Preset(StrEnum):
    """How training pictures are varied."""

    ARTICLE = "article"
    RADIOGRAPH = "radiograph"


class Monitor(StrEnum):
    """The validation figure that decides which epoch is best."""

    AUROC = "auroc"
    ACCURACY = "accuracy"
    BALANCED_ACCURACY = "balanced_accuracy"
    F1 = "f1"
    LOSS = "loss"

    @property
    def lower_is_better(self) -> bool:
        return self is Monitor.LOSS


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Precision(StrEnum):
    """Arithmetic of the forward pass; `auto` is bfloat16 where the hardware is fast at it."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Settings(BaseModel):
    """Base of all settings: immutable, no unknown fields, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Settings from plain values.

        Raises:
            ConfigError: naming every field that is wrong, the rule and the value.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            problems = [_describe(problem) for problem in error.errors()]
            raise ConfigError(
                "These settings cannot be used: " + "; ".join(problems) + ".",
                "Change them and start again.",
            ) from error


Rate = Annotated[float, Field(gt=0, le=1)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class HeadConfig(Settings):
    """The classifier put on top of the network.

    `mlp` is dropout, linear to `hidden`, ReLU, batch norm, dropout, linear to the classes.
    """

    kind: Literal["mlp", "linear"] = "mlp"
    hidden: Annotated[int, Field(ge=8, le=4096)] = 512
    dropout_in: Fraction = 0.5
    dropout_out: Fraction = 0.3


class StrategyConfig(Settings):
    """Which stages learn, and when."""

    name: str = "partial"
    from_stage: Stage = Stage.LAYER4
    """For `partial`: the first stage that learns."""

    @model_validator(mode="after")
    def _partial_keeps_something_frozen(self) -> Self:
        if self.name == "partial" and self.from_stage in (Stage.STEM, Stage.HEAD):
            raise ValueError(
                f"partial freezing starts at layer1 to layer4, not at '{self.from_stage}' "
                "(use the strategy 'all' for the head only, 'none' for everything)"
            )
        return self


class OptimiserConfig(Settings):
    """AdamW on what learns (Loshchilov and Hutter 2019)."""

    learning_rate: Rate = 1e-4
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    schedule: Schedule = Schedule.PLATEAU
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Plateau: the learning rate is multiplied by this …"""
    patience: Annotated[int, Field(ge=0, le=100)] = 3
    """… after more than this many epochs without a better validation loss."""
    warmup_epochs: Annotated[int, Field(ge=0, le=100)] = 1
    """Cosine: epochs over which the learning rate rises to its full value."""


class TrainConfig(Settings):
    """Everything that decides a run, the data aside."""

    data: Annotated[str, Field(min_length=1)]
    depth: Depth = Depth.RESNET18
    weights: Annotated[str, Field(min_length=1)] = "imagenet"
    """`imagenet`, `none`, `run:ID`, or the path of a file."""
    head: HeadConfig = HeadConfig()
    strategy: StrategyConfig = StrategyConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    epochs: Annotated[int, Field(ge=1, le=1000)] = 15
    batch_size: Annotated[int, Field(ge=2, le=1024)] = 32
    early_stopping: Annotated[int, Field(ge=1, le=1000)] | None = 7
    """Stop a phase after this many epochs without a better validation figure; None: never."""
    monitor: Monitor = Monitor.AUROC
    positive: Annotated[str, Field(min_length=1)] | None = None
    """Of two classes the finding that sensitivity is about; None: guessed from the names."""
    label_smoothing: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    imbalance: Imbalance = Imbalance.CLASS_WEIGHTS
    focal_gamma: Annotated[float, Field(ge=0, le=5)] = 2.0
    preset: Preset = Preset.RADIOGRAPH
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    device: Device = Device.AUTO
    precision: Precision = Precision.AUTO
    views: Annotated[int, Field(ge=0, le=64)] | None = None
    """Augmented copies of each training image whose frozen features are kept; 0: none, every
    epoch varies the images anew; None: chosen from epochs and disk."""
    note: Annotated[str, Field(max_length=200)] = ""
    """The person's own words about the run."""

    @model_validator(mode="after")
    def _phases_have_epochs(self) -> Self:
        if self.strategy.name == "progressive" and self.epochs < 3:  # noqa: PLR2004
            raise ValueError(
                f"progressive freezing has three phases and needs at least 3 epochs, not "
                f"{self.epochs}"
            )
        return self


def _describe(problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not field:
        return message
    if problem["type"] == "extra_forbidden":
        return f"{field}: there is no such setting"
    return f"{field} = {problem['input']!r}: {message[:1].lower()}{message[1:]}"
