"""The training loop: what moves, what is kept, what is told."""

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from medxfer.cache.room import CAP_VARIABLE, CacheRoom
from medxfer.config import Imbalance, Monitor, Stage, StrategyConfig, TrainConfig
from medxfer.data import pixel_store
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest, Split
from medxfer.data.pixel_store import PixelStore
from medxfer.errors import DataError, EvaluationError, TrainingError
from medxfer.evaluation.metrics import epoch_metrics, summary
from medxfer.evaluation.pictures import Pictures
from medxfer.evaluation.predict import predict
from medxfer.events import EpochFinished, Event, Fitted, Note, PhaseStarted, Preparing, Progress
from medxfer.machine import Machine, choose, on_cpu
from medxfer.models.freezing import let_learn
from medxfer.models.resnet import ResNet, build, stage_of
from medxfer.paths import Workspace
from medxfer.training.augmentation import draw_views
from medxfer.training.best import Best
from medxfer.training.features import FeatureCache
from medxfer.training.fit import HALVED, fit
from medxfer.training.lessons import Lessons
from medxfer.training.loss import build_loss
from medxfer.training.optimiser import build_optimiser
from medxfer.training.plan import plan
from medxfer.training.preflight import check, check_finding, check_parts
from medxfer.training.sampling import EpochBatches, seed_of


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
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    model = network(small_config)
    config = small_config.model_copy(update={"epochs": 4})
    events = list(fit(model, manifest, config, choose(config), room))

    epochs = finished_epochs(events)
    assert [event.epoch for event in epochs] == [1, 2, 3, 4]
    assert epochs[-1].train["loss"] < epochs[0].train["loss"]  # type: ignore[operator]
    fitted = events[-1]
    assert isinstance(fitted, Fitted)
    assert fitted.reason == "completed"
    assert fitted.validation["auroc"] == 1.0
    test = predict(model, manifest, Split.TEST, room, on_cpu())
    assert summary(test)["auroc"] == 1.0


@pytest.mark.parametrize("name", ["all", "partial", "none"])
def test_only_the_stages_of_the_phase_move(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, name: str
) -> None:
    config = with_strategy(small_config, name, epochs=1)
    model = network(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    list(fit(model, manifest, config, choose(config), room))
    assert moved(before, model.state_dict()) == set(plan(config)[0].stages)


def test_progressive_moves_more_stages_phase_by_phase(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    config = with_strategy(small_config, "progressive", epochs=3)
    model = network(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    seen = []
    for event in fit(model, manifest, config, choose(config), room):
        if isinstance(event, EpochFinished):
            seen.append(moved(before, model.state_dict()))
            before = {key: value.clone() for key, value in model.state_dict().items()}
    assert seen == [set(phase.stages) for phase in plan(config)]


@pytest.mark.parametrize("views", [0, 2])
def test_the_same_seed_gives_the_same_weights_from_an_empty_and_from_a_full_cache(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, views: int
) -> None:
    states = []
    for _ in range(2):
        config = with_strategy(small_config, "all", epochs=2, views=views)
        model = network(config)
        list(fit(model, manifest, config, choose(config), room))
        states.append(model.state_dict())
    assert moved(*states) == set()


def test_the_test_part_is_not_looked_at(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    original = pixel_store.read_unchanged
    monkeypatch.setattr(
        pixel_store, "read_unchanged", lambda path, sha: read.append(path) or original(path, sha)
    )
    config = with_strategy(small_config, "all", epochs=1)
    list(fit(network(config), manifest, config, choose(config), room))
    assert set(read) == set(manifest.part(Split.TRAIN, Split.VALIDATION).paths())


def test_the_best_epoch_comes_back(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    config = small_config.model_copy(update={"monitor": Monitor.LOSS, "epochs": 3})
    model = network(config)
    states: dict[int, dict[str, Tensor]] = {}
    events = []
    for event in fit(model, manifest, config, choose(config), room):
        events.append(event)
        if isinstance(event, EpochFinished):
            states[event.epoch] = {k: v.clone() for k, v in model.state_dict().items()}
    losses = {event.epoch: event.validation["loss"] for event in finished_epochs(events)}
    fitted = events[-1]
    assert isinstance(fitted, Fitted)
    assert fitted.best_epoch == min(losses, key=lambda epoch: losses[epoch] or 0)
    assert moved(states[fitted.best_epoch], model.state_dict()) == set()


def test_early_stopping_ends_a_phase(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    config = with_strategy(small_config, "all", epochs=9, early_stopping=1)
    frozen = config.model_copy(
        update={"optimiser": config.optimiser.model_copy(update={"learning_rate": 1e-12})}
    )
    events = list(fit(network(frozen), manifest, frozen, choose(frozen), room))
    assert len(finished_epochs(events)) < 9
    assert events[-1].kind == "fitted"
    assert events[-1].reason == "early_stopping"


def test_stop_ends_at_the_next_batch_and_says_so(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    asked = itertools.chain([False] * 4, itertools.repeat(True))
    events = list(
        fit(
            network(small_config),
            manifest,
            small_config,
            choose(small_config),
            room,
            lambda: next(asked),
        )
    )
    assert finished_epochs(events) == []
    assert isinstance(events[-2], Note)
    assert isinstance(events[-1], Fitted)
    assert (events[-1].reason, events[-1].best_epoch) == ("stop_requested", None)


def test_phases_and_progress_are_told(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    config = with_strategy(small_config, "progressive", epochs=3)
    events = list(fit(network(config), manifest, config, choose(config), room))
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
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    model = network(small_config)
    with torch.no_grad():
        model.layer4[0].conv1.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"diverged.*a tenth"):
        list(fit(model, manifest, small_config, choose(small_config), room))


def test_a_network_that_diverges_at_the_last_step_is_told_so(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_a_number(*_: object) -> Iterator[int]:
        raise EvaluationError("The model gave no valid number for 8 of 8 pictures.")
        yield 0

    monkeypatch.setattr("medxfer.training.fit.predicting", not_a_number)
    with pytest.raises(TrainingError, match=r"diverged.*a tenth"):
        list(fit(network(small_config), manifest, small_config, choose(small_config), room))


def test_a_file_that_changed_since_the_import_ends_the_fit_with_its_name(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    victim = manifest.part(Split.TRAIN).paths()[3]
    victim.write_bytes(victim.read_bytes() + b"0")
    with pytest.raises(DataError, match=victim.name):
        list(fit(network(small_config), manifest, small_config, choose(small_config), room))


def test_the_finding_is_one_of_two_classes(workspace: Workspace, small_data: str) -> None:
    manifest = load_manifest(workspace, small_data)
    check_finding(manifest, None)
    check_finding(manifest, "NORMAL")
    with pytest.raises(TrainingError, match="cannot be 'COVID': the classes are 'NORMAL'"):
        check_finding(manifest, "COVID")
    with pytest.raises(TrainingError, match="With 3 classes"):
        check_finding(replace(manifest, classes=(*manifest.classes, "TB")), "TB")


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


@pytest.mark.parametrize("name", ["all", "partial", "none", "progressive"])
def test_features_read_from_the_disk_teach_what_those_in_memory_do(
    manifest: Manifest,
    small_config: TrainConfig,
    room: CacheRoom,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = with_strategy(small_config, name, epochs=3, views=2)
    states = []
    for spare in (1 << 40, 0):
        monkeypatch.setattr(Machine, "memory_to_keep", lambda _, spare=spare: spare)
        model = network(config)
        list(fit(model, manifest, config, choose(config), room))
        states.append(model.state_dict())
    assert moved(*states) == set()


@pytest.mark.parametrize("name", ["all", "partial"])
def test_kept_features_teach_what_the_whole_network_would(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, name: str
) -> None:
    """The engine against the plain loop: the same views through torchvision's own modules."""
    config = with_strategy(small_config, name, epochs=3, views=2)
    ours = network(config)
    list(fit(ours, manifest, config, choose(config), room))

    plain = network(config)
    (phase,) = plan(config)
    let_learn(plain, phase.stages)
    optimiser = build_optimiser(plain, phase, config.optimiser)
    targets = manifest.part(Split.TRAIN).targets()
    loss, best = build_loss(config, targets, 2), Best(config.monitor)
    order = EpochBatches(targets, 2, config.batch_size, config.seed, balanced=False)
    rows = manifest.rows(Split.TRAIN)
    torch.manual_seed(config.seed)
    with PixelStore(room, manifest) as store:
        list(store.fill(rows))
        pictures = Pictures(store, manifest.targets(), on_cpu())
        for epoch in (1, 2, 3):
            for places in order.of(epoch):
                inputs = []
                for row in rows[places].tolist():
                    view = 1 + (row + epoch) % 2
                    drawn = draw_views(config.preset, store.sizes, seed_of(config.seed, 0, view))
                    inputs.append(pictures.input(np.array([row]), drawn[torch.tensor([row])]))
                optimiser.zero_grad()
                truth = torch.tensor([targets[place] for place in places])
                loss(plain(torch.cat(inputs)), truth).backward()
                optimiser.step()
            said = predict(plain, manifest, Split.VALIDATION, room, on_cpu())
            best.offer(epoch, epoch_metrics(said.truth, said.logits), plain)
    best.restore(plain)
    for name_, expected in plain.state_dict().items():
        found = ours.state_dict()[name_].float()
        # AdamW makes whole steps of gradients that are nearly nothing, rounding and all
        assert (found - expected.float()).norm() <= 2e-2 * expected.float().norm() + 1e-6, name_


def test_a_device_too_small_for_a_batch_is_told_and_worked_round(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_strategy(small_config, "all", epochs=2)
    model = network(config)
    forward, most = torch.nn.Linear.forward, config.batch_size // 2

    def small(self: torch.nn.Linear, inputs: Tensor) -> Tensor:
        if self.training and len(inputs) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, inputs)

    monkeypatch.setattr(torch.nn.Linear, "forward", small)
    events = list(fit(model, manifest, config, choose(config), room))
    notes = [event for event in events if isinstance(event, Note) and event.level == "warning"]
    assert [note.text for note in notes] == [HALVED]
    assert len(finished_epochs(events)) == 2


def test_what_is_kept_is_said_once_a_phase(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom
) -> None:
    config = with_strategy(small_config, "progressive", epochs=9, views=3)
    notes = [
        event.text
        for event in fit(network(config), manifest, config, choose(config), room)
        if isinstance(event, Note)
    ]
    assert len(notes) == 2
    assert "before head are frozen" in notes[0]
    assert "before layer3 are frozen" in notes[1]
    assert "3 views" in notes[0]
    each = {"head": 512, "layer3": 128 * 28 * 28}
    for note, values in zip(notes, each.values(), strict=True):
        megabytes = (3 * 16 + 8) * values * 4 / 1e6
        assert f"({megabytes:.0f} MB)" in note


def test_a_second_run_finds_a_cache_that_just_fits_still_there(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making room for one view must not remove another of the same run."""
    config = with_strategy(small_config, "partial", epochs=5, views=3)
    events = list(fit(network(config), manifest, config, choose(config), room))
    assert any(isinstance(event, Preparing) and event.step == "features" for event in events)
    taken = sum(kept.bytes for kept in room.kept())
    monkeypatch.setenv(CAP_VARIABLE, str(taken / 1e9))
    for _ in range(2):
        again = list(fit(network(config), manifest, config, choose(config), room))
        assert not any(isinstance(event, Preparing) for event in again)


def test_an_image_drawn_twice_in_an_epoch_is_seen_in_two_views(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_strategy(
        small_config, "all", views=4, epochs=5, imbalance=Imbalance.BALANCED_SAMPLING
    )
    seen: list[tuple[int, int]] = []
    take = FeatureCache.take

    def noted(self: FeatureCache, views: NDArray[np.int64], rows: NDArray[np.int64]) -> Tensor:
        seen.extend(zip(rows.tolist(), views.tolist(), strict=True))
        return take(self, views, rows)

    model = network(config)
    with closing(Lessons(model, manifest, config, choose(config), room, lambda: False)) as lessons:
        list(lessons.begin(plan(config)[0]))
        monkeypatch.setattr(FeatureCache, "take", noted)
        list(lessons.train(1))
    times = Counter(row for row, _ in seen)
    assert max(times.values()) > 1
    for row, drawn in times.items():
        assert len({view for other, view in seen if other == row}) == min(drawn, 4)
        assert all(1 <= view <= 4 for _, view in seen)


def test_without_any_room_it_learns_all_the_same(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAP_VARIABLE, "0")
    config = with_strategy(small_config, "partial", epochs=5)
    model = network(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    events = list(fit(model, manifest, config, choose(config), room))
    assert any(isinstance(e, Note) and "too little room" in e.text for e in events)
    assert moved(before, model.state_dict()) == {Stage.LAYER4, Stage.HEAD}
    assert {kept.kind for kept in room.kept()} == {"pixels"}
