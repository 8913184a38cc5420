"""Strategies as plans of phases."""

import pytest
from pydantic import ValidationError

from medxfer.config import Stage, TrainConfig
from medxfer.errors import ConfigError, UnknownNameError
from medxfer.training.plan import STRATEGIES, plan

LAST = (Stage.LAYER3, Stage.LAYER4, Stage.HEAD)


def config(name: str, epochs: int = 10, **strategy: str) -> TrainConfig:
    return TrainConfig.parse(
        {"data": "d", "epochs": epochs, "strategy": {"name": name, **strategy}}
    )


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("epochs", [3, 4, 5, 10, 31])
def test_every_strategy_uses_every_epoch_and_lets_the_head_learn(name: str, epochs: int) -> None:
    phases = plan(config(name, epochs))

    assert sum(phase.epochs for phase in phases) == epochs
    assert all(phase.epochs >= 1 for phase in phases)
    assert all(Stage.HEAD in phase.stages for phase in phases)
    assert all(set(phase.frozen) | set(phase.stages) == set(Stage) for phase in phases)


@pytest.mark.parametrize(
    ("name", "options", "stages"),
    [
        ("all", {}, (Stage.HEAD,)),
        ("partial", {}, (Stage.LAYER4, Stage.HEAD)),
        ("partial", {"from_stage": "layer3"}, LAST),
        ("none", {}, tuple(Stage)),
    ],
)
def test_one_phase_strategies(name: str, options: dict[str, str], stages: tuple[Stage]) -> None:
    (phase,) = plan(config(name, **options))

    assert phase.stages == stages
    assert phase.learning_rate == 1e-4


def test_progressive_is_head_then_last_stages_then_all_each_gentler() -> None:
    phases = plan(config("progressive", 11))

    assert [phase.stages for phase in phases] == [(Stage.HEAD,), LAST, tuple(Stage)]
    assert [phase.learning_rate for phase in phases] == [1e-3, 1e-4, 1e-5]
    assert [phase.epochs for phase in phases] == [3, 4, 4]


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'progressive'"):
        plan(config("progresive"))


def test_all_problems_of_the_settings_are_told_together() -> None:
    values = {"data": "d", "depth": 20, "batch_size": 1, "epoks": 3, "label_smoothing": 0.9}
    with pytest.raises(ConfigError) as caught:
        TrainConfig.parse(values)
    for part in ("depth = 20", "batch_size = 1", "epoks: there is no such", "label_smoothing"):
        assert part in str(caught.value)


@pytest.mark.parametrize("stage", ["stem", "head"])
def test_partial_cannot_start_where_it_would_be_another_strategy(stage: str) -> None:
    with pytest.raises(ConfigError, match="layer1 to layer4"):
        config("partial", from_stage=stage)


def test_progressive_needs_an_epoch_a_phase() -> None:
    with pytest.raises(ConfigError, match="at least 3 epochs"):
        config("progressive", 2)


def test_settings_are_values() -> None:
    with pytest.raises(ValidationError):
        config("all").epochs = 3  # type: ignore[misc]
