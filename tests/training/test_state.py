"""Going on from a saved state: bit for bit what an uninterrupted fit comes to."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from medxfer.cache.room import CacheRoom
from medxfer.config import (
    Imbalance,
    OptimiserConfig,
    Precision,
    Schedule,
    StrategyConfig,
    TrainConfig,
)
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.errors import TrainingError, WeightsError
from medxfer.events import EpochFinished, Event, Fitted, PhaseStarted
from medxfer.machine import choose
from medxfer.models.freezing import let_learn
from medxfer.models.resnet import ResNet, build
from medxfer.paths import Workspace
from medxfer.training import saves as saving
from medxfer.training.fit import fit
from medxfer.training.optimiser import build_optimiser
from medxfer.training.plan import plan
from medxfer.training.saves import Saves
from medxfer.training.state import put_back


@pytest.fixture
def manifest(workspace: Workspace, small_data: str) -> Manifest:
    return load_manifest(workspace, small_data)


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A save after each epoch, however short it is."""
    monkeypatch.setattr(saving, "_TIMES_A_SAVE", 0)


def network(config: TrainConfig) -> ResNet:
    torch.manual_seed(config.seed)
    model = build(config.depth, 2, config.head)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def told(events: list[Event]) -> list[dict[str, Any]]:
    """What was said of epochs and of the end, without the time it took."""
    kinds = (EpochFinished, Fitted, PhaseStarted)
    aside = {"time", "seconds"}
    return [event.model_dump(exclude=aside) for event in events if isinstance(event, kinds)]


def saves_in(folder: Path, config: TrainConfig, manifest: Manifest) -> Saves:
    folder.mkdir(exist_ok=True)
    return Saves(folder, folder / "events", config, manifest.classes)


def cut_off(events: Iterator[Event], epoch: int) -> list[Event]:
    """The events up to an epoch, after which the fit is not asked for more once it has saved."""
    seen: list[Event] = []
    for event in events:
        if seen and isinstance(seen[-1], EpochFinished) and seen[-1].epoch == epoch:
            break  # what came next was asked for so that the state was saved
        seen.append(event)
    events.close()  # type: ignore[attr-defined]
    return seen


def weights(model: ResNet) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


AUTO, BALANCED = Precision.AUTO, Imbalance.BALANCED_SAMPLING
CASES: dict[str, dict[str, Any]] = {
    "all": {"strategy": "all", "epochs": 4, "views": 2},
    "partial": {"strategy": "partial", "epochs": 3, "cosine": True, "precision": AUTO},
    "none": {"strategy": "none", "epochs": 2, "imbalance": BALANCED, "precision": AUTO},
    "progressive": {"strategy": "progressive", "epochs": 6, "precision": AUTO},
    "early": {"strategy": "progressive", "epochs": 6, "early_stopping": 1, "precision": AUTO},
}


def config_of(base: TrainConfig, case: str) -> TrainConfig:
    said = dict(CASES[case])
    schedule = Schedule.COSINE if said.pop("cosine", False) else Schedule.PLATEAU
    optimiser = OptimiserConfig(learning_rate=1e-3, schedule=schedule, patience=0)
    strategy = StrategyConfig(name=str(said.pop("strategy")))
    return base.model_copy(update={"strategy": strategy, "optimiser": optimiser, **said})


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=pytest.mark.long if case == "progressive" else ()) for case in CASES],
)
def test_a_fit_that_goes_on_ends_as_one_that_was_not_interrupted(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, tmp_path: Path, case: str
) -> None:
    config = config_of(small_config, case)
    machine = choose(config)
    whole = network(config)
    expected = list(fit(whole, manifest, config, machine, room))
    epochs = [event.epoch for event in expected if isinstance(event, EpochFinished)]
    if case == "early":
        assert len(epochs) < config.epochs, "no phase was stopped early"

    seen: list[Event] = []
    for epoch in epochs[:-1]:  # interrupted after every one of them
        saves = saves_in(tmp_path / "saved", config, manifest)
        state = saves.load("it")
        assert saves.epoch == epoch - 1
        np.random.seed(epoch)  # noqa: NPY002
        random.seed(epoch)
        begun = network(config)
        torch.manual_seed(epoch)
        seen += cut_off(
            fit(begun, manifest, config, machine, room, saves=saves, state=state), epoch
        )
    shutil.rmtree(room.root)  # what was computed once is computed again
    saves = saves_in(tmp_path / "saved", config, manifest)
    state = saves.load("it")
    model = network(config)
    seen += fit(model, manifest, config, machine, room, saves=saves, state=state)
    assert told(seen) == told(expected)
    assert same(weights(model), weights(whole))


def saved_once(folder: Path, config: TrainConfig, manifest: Manifest, room: CacheRoom) -> Saves:
    """What is on the disk after one epoch."""
    saves = saves_in(folder, config, manifest)
    cut_off(fit(network(config), manifest, config, choose(config), room, saves=saves), 1)
    return saves_in(folder, config, manifest)


def test_a_state_that_is_not_what_was_written_is_refused_in_a_sentence(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, tmp_path: Path
) -> None:
    config = config_of(small_config, "all")
    saves = saved_once(tmp_path / "saved", config, manifest, room)
    assert saves.load("run 7") is not None
    folder = tmp_path / "saved"
    names = sorted(file.name for file in folder.glob("*.*"))
    assert names == [
        "best.json", "epoch-0001.safetensors", "frozen-00.safetensors", "last-0001.safetensors",
        "state.json",
    ]  # fmt: skip
    for name in names[1:]:
        good = (folder / name).read_bytes()
        at = good.index(b'"epoch":1') + 8 if name == "state.json" else len(good) // 2
        (folder / name).write_bytes(good[:at] + bytes([good[at] ^ 2]) + good[at + 1 :])
        with pytest.raises(WeightsError, match=f"state of run 7 is damaged: {name}"):
            saves.load("run 7")
        (folder / name).unlink()
        if name != "state.json":
            with pytest.raises(WeightsError, match="damaged"):
                saves.load("run 7")
        (folder / name).write_bytes(good)
    state = folder / "state.json"
    good_text = state.read_text()
    state.write_text(good_text.replace('"schema_version":1', '"schema_version":2'))
    with pytest.raises(WeightsError, match="newer version of medxfer"):
        saves.load("run 7")
    state.write_text(good_text)
    assert saves.load("run 7") is not None
    saving.discard(folder)
    assert sorted(file.name for file in folder.glob("*.*")) == names[:2]
    assert saves.load("run 7") is None


def test_a_state_that_is_not_finite_is_not_saved_and_the_last_one_stays(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, tmp_path: Path
) -> None:
    config = config_of(small_config, "all")
    saves = saved_once(tmp_path / "saved", config, manifest, room)
    state = saves.load("it")
    assert state is not None
    before = {file: file.read_bytes() for file in (tmp_path / "saved").glob("*.*")}
    for tensors in (state.optimiser, state.network):
        name = next(name for name in tensors if name.endswith("fc.1.weight"))
        tensors[name].view(-1)[0] = float("inf")
        with pytest.raises(WeightsError, match="not finite"):
            saves.keep(state)
        tensors[name].view(-1)[0] = 0
        assert {file: file.read_bytes() for file in before} == before
    assert saves_in(tmp_path / "saved", config, manifest).load("it") is not None


def test_a_weight_that_is_not_finite_after_an_epoch_ends_the_fit(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a ReLU it need not show in any loss."""
    config = config_of(small_config, "all")
    model = network(config)
    step = torch.optim.AdamW.step

    def planted(self: torch.optim.AdamW, *rest: Any) -> None:
        step(self, *rest)
        with torch.no_grad():
            model.fc[1].bias[0] = -float("inf")

    monkeypatch.setattr(torch.optim.AdamW, "step", planted)
    with pytest.raises(TrainingError, match=r"diverged.*learning rate was 0.001; .*0.0001"):
        list(fit(model, manifest, config, choose(config), room))


def test_a_moment_that_is_not_finite_is_not_saved_and_ends_the_fit(
    manifest: Manifest,
    small_config: TrainConfig,
    room: CacheRoom,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The square of a large gradient overflows long before any weight does."""
    config = config_of(small_config, "all")
    step = torch.optim.AdamW.step

    def planted(self: torch.optim.AdamW, *rest: Any) -> None:
        step(self, *rest)
        next(iter(self.state.values()))["exp_avg_sq"].fill_(float("inf"))

    monkeypatch.setattr(torch.optim.AdamW, "step", planted)
    saves = saves_in(tmp_path / "saved", config, manifest)
    with pytest.raises(TrainingError, match="epoch 1 hold numbers that are not finite"):
        list(fit(network(config), manifest, config, choose(config), room, saves=saves))
    assert saves.load("it") is None


def test_a_loss_that_is_not_finite_ends_the_fit_within_the_epoch(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(small_config, "all").model_copy(update={"batch_size": 2})
    model, steps = network(config), 0
    step = torch.optim.AdamW.step

    def planted(self: torch.optim.AdamW, *rest: Any) -> None:
        nonlocal steps
        steps += 1
        step(self, *rest)
        if steps == 2:
            with torch.no_grad():
                model.fc[1].weight.fill_(float("nan"))

    monkeypatch.setattr(torch.optim.AdamW, "step", planted)
    with pytest.raises(TrainingError, match="diverged"):
        list(fit(model, manifest, config, choose(config), room))
    assert steps == 3, "the batch after the one that spoilt the weights is the last"


def test_moments_are_laid_out_as_the_optimiser_makes_them(
    manifest: Manifest, small_config: TrainConfig, room: CacheRoom, tmp_path: Path
) -> None:
    config = config_of(small_config, "none").model_copy(update={"epochs": 1})
    saves = saved_once(tmp_path / "saved", config, manifest, room)
    state = saves.load("it")
    assert state is not None
    model, (phase,) = network(config), plan(config)
    let_learn(model, phase.stages)
    optimiser = build_optimiser(model, phase, config.optimiser)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    own = {name: optimiser.state[p]["exp_avg"].stride() for name, p in model.named_parameters()}
    again = build_optimiser(model, phase, config.optimiser)
    put_back(state, model, again)
    for name, parameter in model.named_parameters():
        assert again.state[parameter]["exp_avg"].stride() == own[name], name
        assert again.state[parameter]["step"] == 2
