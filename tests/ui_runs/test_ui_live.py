"""The sum of a run's events, and what the charts draw of it."""

from __future__ import annotations

import pytest
from run_cases import add_run, completed, epoch, learned, preparing, progress, started

from medxfer.events import Event, Fitted, Note, PhasePlan, PhaseStarted
from medxfer.paths import Workspace
from medxfer.runs.journal import append
from medxfer.ui.runs.charts import CURVES, curve_data
from medxfer.ui.runs.live import EventTail, Live

AUROC = next(curve for curve in CURVES if curve.figure == "auroc")
LOSS = next(curve for curve in CURVES if curve.figure == "loss")


def total(*events: Event) -> Live:
    live = Live()
    for event in events:
        live.add(event)
    return live


def test_a_tail_reads_each_byte_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = add_run(workspace, learned())
    path = workspace.run(run).events
    tail = EventTail(path)
    assert len(tail.read().epochs) == 2
    whole = path.read_bytes()
    # What was read is made unreadable: reading it again would fail.
    path.write_bytes(b"#" * (len(whole) - 1) + b"\n")
    append(path, epoch(3, 1))
    assert [event.epoch for event in tail.read().epochs] == [1, 2, 3]


def test_an_event_still_being_written_is_left_for_later(workspace: Workspace) -> None:
    run = add_run(workspace, learned())
    path = workspace.run(run).events
    tail, line = EventTail(path), epoch(3, 1).model_dump_json().encode()
    with path.open("ab") as file:
        file.write(line[:40])
    assert len(tail.read().epochs) == 2
    with path.open("ab") as file:
        file.write(line[40:] + b"\n")
    assert len(tail.read().epochs) == 3


def test_progress_counts_the_epochs_done_and_the_part_of_this_one() -> None:
    assert total(started(epochs=4)).fraction == 0
    half = total(*learned(), PhaseStarted(phase=1, epoch=3), progress(3, batch=5))
    assert half.fraction == pytest.approx((2 + 0.9 * 0.5) / 4)
    assert total(*completed()).fraction == 1


def test_preparing_lasts_until_anything_else_happens() -> None:
    begun = [started(), PhaseStarted(phase=0, epoch=1), preparing("pixels", 9), preparing()]
    assert total(*begun).preparing == begun[-1]
    stopped = Fitted(reason="stop_requested", best_epoch=None, validation={})
    for after in (Note(text="Kept."), progress(1), epoch(1), stopped):
        assert total(*begun, after).preparing is None
    assert total(*completed()[:-3], preparing("pixels")).preparing is not None


def test_a_phase_that_ends_early_shortens_the_plan() -> None:
    plan = tuple(
        PhasePlan(name=name, stages=("head",), learning_rate=1e-3, epochs=10, learning_parameters=1)
        for name in ("head", "all")
    )
    begun = started().model_copy(update={"phases": plan})
    live = total(begun, PhaseStarted(phase=0, epoch=1), epoch(1), PhaseStarted(phase=1, epoch=2))
    assert live.planned_epochs == 11


def test_the_chart_marks_phases_and_the_best_epoch() -> None:
    table = curve_data(total(*completed()), LOSS)
    borders = table[table["kind"] == "border"]
    assert list(borders["epoch"]) == [0, 2]
    assert list(borders["text"]) == ["head", "everything"]
    assert list(table[table["kind"] == "best"]["epoch"]) == [4]
    assert table[table["kind"] == "range"]["epoch"].item() == 4


def test_an_undefined_figure_is_a_gap_not_a_zero() -> None:
    without = epoch(2).model_copy(update={"validation": {"loss": 0.3, "auroc": None}})
    table = curve_data(total(started(), PhaseStarted(phase=0, epoch=1), epoch(1), without), AUROC)
    line = table[table["kind"] == "validation"]
    assert line["value"].isna().tolist() == [False, True]
    assert not (table["kind"] == "best").any()


def test_the_loss_grows_within_an_epoch() -> None:
    table = curve_data(total(started(), progress(1, batch=3), progress(1, batch=6)), LOSS)
    assert table[table["kind"] == "batch"]["epoch"].tolist() == pytest.approx([0.3, 0.6])
