from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from data_cases import SPEED, Open, write_images
from streamlit.testing.v1 import AppTest

from medxfer.cache.room import CAP_VARIABLE
from medxfer.config import Depth, HeadConfig, Stage, StrategyConfig, TrainConfig
from medxfer.data.importing import import_source
from medxfer.data.library import DatasetInfo, dataset_info
from medxfer.data.options import ImportOptions
from medxfer.files import write_json
from medxfer.machine import choose, on_cpu
from medxfer.models.cost import Throughput
from medxfer.paths import Workspace
from medxfer.runs.store import create_run, list_runs, load_run
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.home_steps import next_step, steps
from medxfer.ui.new_run.costs import costs, keepings, needs
from medxfer.ui.new_run.depth import depth_table
from medxfer.ui.new_run.here import Here, here
from medxfer.ui.new_run.kept import statement
from medxfer.ui.new_run.strategy import plan_table

HOME, NEW = "pages/start/home.py", "pages/train/new.py"
STEM_OPERATIONS = 64 * 112 * 112 * 3 * 7 * 7
"""Multiply-adds of conv1 for one picture (He et al. 2016, table 1)."""
BEFORE_LAYER1 = 64 * 56 * 56
"""Numbers of one picture that layer1 takes (the same table)."""


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
    computer = here(home, TrainConfig(data="scans"))
    assert computer is not None
    assert computer.speed.forward == forward


def test_a_speed_measured_beside_a_run_is_not_kept(home: Workspace) -> None:
    create_run(home, TrainConfig(data="scans"))
    assert _speed_here(home) == SPEED
    assert not (home.cache / "speed.json").exists()
    _speed(home, datetime.now(UTC) - timedelta(days=9))
    assert _speed_here(home) == Throughput(1.0, 2.0)


def test_a_damaged_file_of_speeds_is_measured_anew(home: Workspace) -> None:
    (home.cache / "speed.json").write_text('{"CPU": 3}')
    assert _speed_here(home) == SPEED


def _speed_here(place: Workspace) -> Throughput | None:
    computer = here(place, TrainConfig(data="scans"))
    return computer.speed if computer else None


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
    app.selectbox(key="views").set_value(6).run()
    _choose(app, "finding-scans", "healthy")
    next(b for b in app.button if b.label == "Start training").click().run()
    assert not app.exception
    runs = list_runs(filled)
    assert load_run(filled, runs[0].run).config.views == 6
    assert load_run(filled, runs[0].run).config.positive == "healthy"
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
    computer = Here(on_cpu(), SPEED, disk=10**12, memory=0)
    table = depth_table(config, info, counted, computer)
    assert list(table["Layers"]) == ["18", "34", "50", "101", "152"]
    seconds = [
        needs(cost, config.model_copy(update={"depth": depth}), info, computer).seconds
        for depth, cost in counted.items()
    ]
    assert seconds == sorted(seconds)
    assert set(depth_table(config, info, counted, None)["Time here"]) == {"–"}


@pytest.fixture
def info(filled: Workspace) -> DatasetInfo:
    """As if the data set had 20 images to learn from and 4 to choose the best epoch by."""
    return replace(dataset_info(filled, "scans"), splits={"train": 20, "val": 4, "test": 8})


def _frozen_stem(**fields: object) -> TrainConfig:
    strategy = StrategyConfig(from_stage=Stage.LAYER1)
    return TrainConfig.parse({"data": "scans", "strategy": strategy, "epochs": 10} | fields)


def _computer(disk: int = 10**12, memory: int = 0) -> Here:
    """One that takes the stem of one picture a second, in float32."""
    return Here(on_cpu(), Throughput(STEM_OPERATIONS, 1e12), disk, memory)


def _said(config: TrainConfig, info: DatasetInfo, computer: Here) -> str:
    cost = costs(config.head, 2)[Depth.RESNET18]
    kept = keepings(cost, config, info, computer)
    return statement(config, cost, kept, computer.speed.forward)


def test_what_is_kept_is_said_with_its_time_and_size_by_hand(info: DatasetInfo) -> None:
    passes = 2 * 20 + 4
    assert passes * BEFORE_LAYER1 * 4 == 35_323_904
    assert _said(_frozen_stem(views=2), info, _computer()) == (
        "The frozen stages see 2 views of each image once (about 44 s, 35.3 MB on the disk); "
        "after that an epoch needs only the stages that learn."
    )


def test_little_room_on_the_disk_is_said(info: DatasetInfo) -> None:
    room = _computer(disk=(2 * 20 + 4) * BEFORE_LAYER1 * 4)
    said = _said(_frozen_stem(), info, room)
    assert "see 2 views of each image" in said
    assert said.endswith("There is room on the disk for 2 of 4.")
    said = _said(_frozen_stem(), info, _computer(disk=0))
    assert said.endswith("through the frozen stages too: there is too little room on the disk to "
                         "keep features.")  # fmt: skip


def test_keeping_nothing_has_its_reason(info: DatasetInfo) -> None:
    assert "was chosen" in _said(_frozen_stem(views=0), info, _computer())
    assert "over 4 epochs" in _said(_frozen_stem(epochs=4), info, _computer())
    assert "over 5 epochs" not in _said(_frozen_stem(epochs=5), info, _computer())
    everything = _frozen_stem(strategy=StrategyConfig(name="none"))
    assert "through the whole network" in _said(everything, info, _computer())


def test_phases_that_are_alike_share_a_sentence(info: DatasetInfo) -> None:
    progressive = _frozen_stem(strategy=StrategyConfig(name="progressive"), epochs=15)
    lines = _said(progressive, info, _computer()).splitlines()
    assert [line.split(":**")[0] for line in lines] == ["- **Phase 1", "- **Phase 2", "- **Phase 3"]
    few = progressive.model_copy(update={"epochs": 9})
    lines = _said(few, info, _computer()).splitlines()
    assert [line.split(":**")[0] for line in lines] == ["- **Phases 1 and 2", "- **Phase 3"]


def test_time_counts_the_frozen_stages_once_a_view(info: DatasetInfo) -> None:
    cost = costs(HeadConfig(), 2)[Depth.RESNET18]
    anew, kept = (
        needs(cost, _frozen_stem(views=views), info, _computer()).seconds for views in (0, 2)
    )
    assert anew - kept == pytest.approx((10 - 2) * 20)


def test_memory_counts_what_is_kept_where_it_fits(info: DatasetInfo) -> None:
    cost, config = costs(HeadConfig(), 2)[Depth.RESNET18], _frozen_stem(views=2)
    size = (2 * 20 + 4) * BEFORE_LAYER1 * 4
    without, tight, held = (
        needs(cost, config, info, _computer(memory=memory)).memory_bytes
        for memory in (0, size - 1, size)
    )
    assert without == tight == held - size


def test_the_form_says_what_is_kept_as_settings_change(filled: Workspace, open_page: Open) -> None:
    app = open_page(NEW, data="scans")
    assert "The frozen stages see 4 views of each image once" in _captions(app)
    app.selectbox(key="views").set_value(0).run()
    assert "that was chosen under Advanced settings" in _captions(app)
    app.selectbox(key="views").set_value(None).run()
    app.number_input(key="epochs-1").set_value(3).run()
    assert "over 3 epochs, keeping their work would save nothing" in _captions(app)
    app.radio(key="strategy").set_value("none").run()
    assert "takes them through the whole network" in _captions(app)
    assert not app.exception


def test_without_the_device_nothing_is_estimated(
    filled: Workspace, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    app = open_page(NEW, data="scans")
    assert "of memory" in _markdown(app)
    assert "The frozen stages see" in _captions(app)
    app.selectbox(key="device").select("cuda").run()
    assert not app.exception
    assert "of memory" not in _markdown(app)
    assert "The frozen stages see" not in _captions(app)


def test_a_cache_of_no_size_is_a_sentence(
    filled: Workspace, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAP_VARIABLE, "plenty")
    app = open_page(NEW, data="scans")
    assert not app.exception
    assert "no number of gigabytes" in app.warning[0].value


def test_a_data_set_without_training_images_has_a_form(
    home: Workspace, tmp_path: Path, open_page: Open
) -> None:
    folder = write_images(tmp_path / "others")
    rows = [f"{file.relative_to(folder)},{file.parent.name},test" for file in folder.glob("*/*")]
    (folder / "list.csv").write_text("\n".join(["file,label,split", *rows]))
    import_source(home, folder / "list.csv", ImportOptions(name="others"))
    app = open_page(NEW, data="others")
    assert not app.exception
    assert "0 images to learn from" in _captions(app)
    assert "of memory" in _markdown(app)


def _markdown(app: AppTest) -> str:
    return "\n".join(element.value for element in app.markdown)


def _captions(app: AppTest) -> str:
    return "\n".join(element.value for element in app.caption)


def _choose(app: object, key: str, value: str) -> None:
    app.button_group(key=key).set_value(value).run()  # type: ignore[attr-defined]
