from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from data_cases import SPEED, Open

from medxfer.config import Depth, HeadConfig, StrategyConfig, TrainConfig
from medxfer.data.importing import import_source
from medxfer.data.library import dataset_info
from medxfer.data.options import ImportOptions
from medxfer.files import write_json
from medxfer.machine import choose
from medxfer.models.cost import Throughput
from medxfer.paths import Workspace
from medxfer.runs.store import create_run, list_runs
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.home_steps import next_step, steps
from medxfer.ui.new_run.costs import costs, needs, throughput
from medxfer.ui.new_run.depth import depth_table
from medxfer.ui.new_run.strategy import plan_table

HOME, NEW = "pages/start/home.py", "pages/train/new.py"


def _run(state: RunState) -> RunSummary:
    return RunSummary(
        run="r1", data="scans", depth=18, strategy="all", weights="none", note="",
        created=datetime.now(UTC), state=state, epochs=1, planned_epochs=2, best_epoch=1,
        validation={"auroc": 0.9}, seconds=3.0, problem="",
    )  # fmt: skip


def test_an_empty_workspace_begins_with_images(open_page: Open) -> None:
    app = open_page(HOME)
    assert not app.exception
    assert [b.disabled for b in app.button] == [False, True, True]


def test_with_images_the_next_step_is_training(filled: Workspace, open_page: Open) -> None:
    app = open_page(HOME)
    assert not app.exception
    assert [b.label for b in app.button][1:3] == ["Import your own images", "Set up a run"]
    assert [b.disabled for b in app.button] == [False, False, False, True]


def test_a_run_that_learns_is_the_next_step_and_a_model_the_last(filled: Workspace) -> None:
    infos = [dataset_info(filled, "scans")]
    learning = steps(infos, [_run(RunState.RUNNING)])
    assert next_step(learning) == 1
    assert learning[1].query == {"run": "r1"}
    finished = steps(infos, [_run(RunState.FINISHED)])
    assert next_step(finished) == 2
    assert finished[2].query == {"run": "r1"}


def test_a_damaged_workspace_is_a_sentence(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("MEDXFER_HOME", "/proc/nowhere")
    app = open_page(HOME)
    assert not app.exception
    assert "workspace folder" in app.warning[0].value


def test_new_run_without_images_leads_to_the_import(open_page: Open) -> None:
    app = open_page(NEW)
    assert not app.exception
    assert "no images to learn from" in app.info[0].value


def test_new_run_has_defaults_that_can_start(filled: Workspace, open_page: Open) -> None:
    app = open_page(NEW, data="scans")
    assert not app.exception
    assert not app.error
    start = next(b for b in app.button if b.label == "Start training")
    assert not start.disabled
    kept = json.loads((filled.cache / "speed.json").read_text())
    assert [(speed["forward"], speed["training"]) for speed in kept.values()] == [(1e11, 1e11)]


def test_unknown_patients_are_said_before_training(filled: Workspace, open_page: Open) -> None:
    said = "Patients are not known, so the figures of this run are probably too good."
    assert said not in [w.value for w in open_page(NEW, data="scans").warning]
    folder = filled.root.parent / "scans"
    (folder / "sick" / "s9_0.png").unlink(missing_ok=True)
    import_source(filled, folder, ImportOptions(name="nobody"))
    assert said in [w.value for w in open_page(NEW, data="nobody").warning]


def test_frozen_random_weights_are_warned_of(filled: Workspace, open_page: Open) -> None:
    app = open_page(NEW, data="scans")
    _choose(app, "weights-kind", "none")
    for strategy, warned in (("partial", 1), ("all", 1), ("none", 0), ("progressive", 0)):
        app.radio(key="strategy").set_value(strategy).run()
        assert sum("Random weights that are frozen" in w.value for w in app.warning) == warned


def _speed(place: Workspace, at: datetime) -> None:
    machine = choose(TrainConfig(data="scans"))
    old = {"forward": 1.0, "training": 2.0, "at": at.isoformat()}
    write_json(place.cache / "speed.json", {f"{machine.name}, {machine.dtype}": old})


@pytest.mark.parametrize(("hours", "forward"), [(1, 1.0), (25, 1e11), (-1, 1e11)])
def test_the_speed_is_measured_again_after_a_day(
    home: Workspace, hours: int, forward: float
) -> None:
    _speed(home, datetime.now(UTC) - timedelta(hours=hours))
    speed = throughput(home, TrainConfig(data="scans"))
    assert speed is not None
    assert speed.forward == forward


def test_a_speed_measured_beside_a_run_is_not_kept(home: Workspace) -> None:
    config = TrainConfig(data="scans")
    create_run(home, config)
    assert throughput(home, config) == SPEED
    assert not (home.cache / "speed.json").exists()
    _speed(home, datetime.now(UTC) - timedelta(days=9))
    assert throughput(home, config) == Throughput(1.0, 2.0)


def test_a_damaged_file_of_speeds_is_measured_anew(home: Workspace) -> None:
    (home.cache / "speed.json").write_text('{"CPU": 3}')
    assert throughput(home, TrainConfig(data="scans")) == SPEED


def test_a_missing_weights_file_is_said_in_place_and_nothing_starts(
    filled: Workspace, open_page: Open
) -> None:
    app = open_page(NEW, data="scans")
    _choose(app, "weights-kind", "file")
    assert next(b for b in app.button if b.label == "Start training").disabled
    app.text_input(key="weights-file").input("/no/such/weights.safetensors").run()
    next(b for b in app.button if b.label == "Start training").click().run()
    assert not app.exception
    assert any("weights" in warning.value for warning in app.warning)
    assert not list_runs(filled)


def test_start_makes_one_run_and_opens_it(
    filled: Workspace, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medxfer.executors.local.spawn", lambda arguments, log: 0)
    app = open_page(NEW, data="scans")
    _choose(app, "weights-kind", "none")
    next(b for b in app.button if b.label == "Start training").click().run()
    assert not app.exception
    runs = list_runs(filled)
    assert [run.data for run in runs] == ["scans"]
    assert runs[0].run in app.query_params["run"]


def test_progressive_shows_three_phases_and_needs_three_epochs(
    filled: Workspace, open_page: Open
) -> None:
    app = open_page(NEW, data="scans")
    app.radio(key="strategy").set_value("progressive").run()
    assert not app.exception
    assert app.number_input(key="epochs-3").min == 3
    plan = next(caption.value for caption in app.caption if caption.value.startswith("1. "))
    assert [line[:3] for line in plan.splitlines()] == ["1. ", "2. ", "3. "]


def test_the_plan_is_the_papers_parameters_stage_by_stage() -> None:
    head = HeadConfig(kind="linear")
    counted = costs(head, 1000)
    # ResNet-18 with its 1000-class head has 11,689,512 parameters (torchvision's table).
    assert counted[Depth.RESNET18].parameters == 11_689_512
    config = TrainConfig(data="x", head=head, strategy=StrategyConfig(name="all"))
    table = plan_table(config, counted[Depth.RESNET18])
    assert list(table[table["State"] == "learns"]["Stage"]) == ["head"]
    assert list(table[table["Stage"] == "head"]["Parameters"]) == ["513 k"]


def test_deeper_networks_take_longer_here(filled: Workspace) -> None:
    info = dataset_info(filled, "scans")
    config = TrainConfig(data="scans")
    counted = costs(config.head, 2)
    table = depth_table(config, info, counted, SPEED)
    assert list(table["Layers"]) == ["18", "34", "50", "101", "152"]
    seconds = [
        needs(cost, config.model_copy(update={"depth": depth}), info, SPEED).seconds
        for depth, cost in counted.items()
    ]
    assert seconds == sorted(seconds)
    assert set(depth_table(config, info, counted, None)["Time here"]) == {"–"}


def _choose(app: object, key: str, value: str) -> None:
    app.button_group(key=key).set_value(value).run()  # type: ignore[attr-defined]
