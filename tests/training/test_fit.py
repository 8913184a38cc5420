"""The training loop: what moves, what is kept, what is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from medxfer.config import Monitor, Stage, StrategyConfig, TrainConfig
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest, Split
from medxfer.errors import DataError, EvaluationError, TrainingError
from medxfer.evaluation import pictures
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.predict import predict
from medxfer.events import EpochFinished, Event, Fitted, Note, PhaseStarted, Progress
from medxfer.machine import choose, on_cpu
from medxfer.models.resnet import ResNet, build, stage_of
from medxfer.paths import Workspace
from medxfer.training.fit import fit
from medxfer.training.plan import plan
from medxfer.training.preflight import check, check_parts


@pytest.fixture
def manifest(workspace: Workspace, small_data: str) -> Manifest:
    return load_manifest(workspace, small_data)


def network(config: TrainConfig) -> ResNet:
    torch.manual_seed(config.seed)
    return build(config.depth, 2, config.head)


def with_strategy(config: TrainConfig, name: str, **more: object) -> TrainConfig:
    return config.model_copy(update={"strategy": StrategyConfig(name=name), **more})


def finished_epochs(events: list[Event]) -> list[EpochFinished]:
    return [event for event in events if isinstance(event, EpochFinished)]


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[Stage]:
    return {stage_of(name) for name in before if not torch.equal(before[name], after[name])}


def test_a_network_learns_what_can_be_learned(
    manifest: Manifest, small_config: TrainConfig
) -> None:
    model = network(small_config)
    config = small_config.model_copy(update={"epochs": 4})
    events = list(fit(model, manifest, config, choose(config)))

    epochs = finished_epochs(events)
    assert [event.epoch for event in epochs] == [1, 2, 3, 4]
    assert epochs[-1].train["loss"] < epochs[0].train["loss"]  # type: ignore[operator]
    fitted = events[-1]
    assert isinstance(fitted, Fitted)
    assert fitted.reason == "completed"
    assert fitted.validation["auroc"] == 1.0
    test = predict(model, manifest.part(Split.TEST), on_cpu())
    assert summary(test)["auroc"] == 1.0


@pytest.mark.parametrize("name", ["all", "partial", "none"])
def test_only_the_stages_of_the_phase_move(
    manifest: Manifest, small_config: TrainConfig, name: str
) -> None:
    config = with_strategy(small_config, name, epochs=1)
    model = network(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    list(fit(model, manifest, config, choose(config)))
    assert moved(before, model.state_dict()) == set(plan(config)[0].stages)


def test_progressive_moves_more_stages_phase_by_phase(
    manifest: Manifest, small_config: TrainConfig
) -> None:
    config = with_strategy(small_config, "progressive", epochs=3)
    model = network(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    seen = []
    for event in fit(model, manifest, config, choose(config)):
        if isinstance(event, EpochFinished):
            seen.append(moved(before, model.state_dict()))
            before = {key: value.clone() for key, value in model.state_dict().items()}
    assert seen == [set(phase.stages) for phase in plan(config)]


def test_the_same_seed_gives_the_same_weights_with_or_without_loader_processes(
    manifest: Manifest, small_config: TrainConfig
) -> None:
    states = []
    for workers in (0, 1):
        config = with_strategy(small_config, "all", epochs=1, loader_workers=workers)
        model = network(config)
        list(fit(model, manifest, config, choose(config)))
        states.append(model.state_dict())
    assert moved(*states) == set()


def test_the_test_part_is_not_looked_at(
    manifest: Manifest, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    original = pictures.read_unchanged
    monkeypatch.setattr(
        pictures, "read_unchanged", lambda path, sha: read.append(path) or original(path, sha)
    )
    config = with_strategy(small_config, "all", epochs=1)
    list(fit(network(config), manifest, config, choose(config)))
    assert set(read) == set(manifest.part(Split.TRAIN, Split.VALIDATION).paths())


def test_the_best_epoch_comes_back(manifest: Manifest, small_config: TrainConfig) -> None:
    config = small_config.model_copy(update={"monitor": Monitor.LOSS, "epochs": 3})
    model = network(config)
    states: dict[int, dict[str, Tensor]] = {}
    events = []
    for event in fit(model, manifest, config, choose(config)):
        events.append(event)
        if isinstance(event, EpochFinished):
            states[event.epoch] = {k: v.clone() for k, v in model.state_dict().items()}
    losses = {event.epoch: event.validation["loss"] for event in finished_epochs(events)}
    fitted = events[-1]
    assert isinstance(fitted, Fitted)
    assert fitted.best_epoch == min(losses, key=lambda epoch: losses[epoch] or 0)
    assert moved(states[fitted.best_epoch], model.state_dict()) == set()


def test_early_stopping_ends_a_phase(manifest: Manifest, small_config: TrainConfig) -> None:
    config = with_strategy(small_config, "all", epochs=9, early_stopping=1)
    frozen = config.model_copy(
        update={"optimiser": config.optimiser.model_copy(update={"learning_rate": 1e-12})}
    )
    events = list(fit(network(frozen), manifest, frozen, choose(frozen)))
    assert len(finished_epochs(events)) < 9
    assert events[-1].kind == "fitted"
    assert events[-1].reason == "early_stopping"


def test_stop_ends_at_the_next_batch_and_says_so(
    manifest: Manifest, small_config: TrainConfig
) -> None:
    asked = iter([False, True])
    events = list(
        fit(
            network(small_config), manifest, small_config, choose(small_config), lambda: next(asked)
        )
    )
    assert finished_epochs(events) == []
    assert isinstance(events[-2], Note)
    assert isinstance(events[-1], Fitted)
    assert (events[-1].reason, events[-1].best_epoch) == ("stop_requested", None)


def test_phases_and_progress_are_told(manifest: Manifest, small_config: TrainConfig) -> None:
    config = with_strategy(small_config, "progressive", epochs=3)
    events = list(fit(network(config), manifest, config, choose(config)))
    starts = [(e.phase, e.epoch) for e in events if isinstance(e, PhaseStarted)]
    assert starts == [(0, 1), (1, 2), (2, 3)]
    progress = [event for event in events if isinstance(event, Progress)]
    assert progress
    for event in progress:
        assert 1 <= event.batch <= event.batches
        assert event.memory > 0
        assert event.images_per_second > 0
        assert event.seconds_left is not None


def test_a_loss_that_is_not_a_number_ends_the_fit(
    manifest: Manifest, small_config: TrainConfig
) -> None:
    model = network(small_config)
    with torch.no_grad():
        model.layer4[0].conv1.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"diverged.*a tenth"):
        list(fit(model, manifest, small_config, choose(small_config)))


def test_a_network_that_diverges_at_the_last_step_is_told_so(
    manifest: Manifest, small_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_a_number(*_: object) -> Iterator[int]:
        raise EvaluationError("The model gave no valid number for 8 of 8 pictures.")
        yield 0

    monkeypatch.setattr("medxfer.training.fit.predicting", not_a_number)
    with pytest.raises(TrainingError, match=r"diverged.*a tenth"):
        list(fit(network(small_config), manifest, small_config, choose(small_config)))


def test_a_file_that_changed_since_the_import_ends_the_fit_with_its_name(
    manifest: Manifest, small_config: TrainConfig
) -> None:
    victim = manifest.part(Split.TRAIN).paths()[3]
    victim.write_bytes(victim.read_bytes() + b"0")
    for workers in (0, 1):
        config = small_config.model_copy(update={"loader_workers": workers})
        with pytest.raises(DataError, match=victim.name):
            list(fit(network(config), manifest, config, choose(config)))


def test_preflight_finds_what_stands_in_the_way(
    workspace: Workspace, manifest: Manifest, small_config: TrainConfig
) -> None:
    check(workspace, small_config)
    for update, words in [
        ({"data": "smal"}, "Did you mean 'small'"),
        ({"weights": "/nowhere/w.pth"}, "w.pth"),
        ({"strategy": StrategyConfig(name="sideways")}, "freezing strategy"),
    ]:
        with pytest.raises(Exception, match=words):
            check(workspace, small_config.model_copy(update=update))
    manifest.paths()[0].unlink()
    with pytest.raises(DataError, match="changed or vanished"):
        check(workspace, small_config)


def test_a_class_that_cannot_be_learned_or_judged_is_named(manifest: Manifest) -> None:
    splits = manifest.table["split"].mask(
        (manifest.table["label"] == "NORMAL") & (manifest.table["split"] == "train"), "excluded"
    )
    with pytest.raises(TrainingError, match="NORMAL"):
        check_parts(manifest.with_splits(splits), Monitor.AUROC)
    splits = manifest.table["split"].mask(
        (manifest.table["label"] == "NORMAL") & (manifest.table["split"] == "val"), "train"
    )
    with pytest.raises(TrainingError, match="AUROC is not defined"):
        check_parts(manifest.with_splits(splits), Monitor.AUROC)
    check_parts(manifest.with_splits(splits), Monitor.LOSS)
