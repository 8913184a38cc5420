"""The list of runs and the page of one run, in every state."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from run_cases import (
    add_run,
    completed,
    epoch,
    learned,
    preparing,
    progress,
    select,
    started,
    words,
)
from streamlit.testing.v1 import AppTest

from medxfer.config import Device, TrainConfig
from medxfer.errors import RunError
from medxfer.events import (
    Cancelled,
    Died,
    Event,
    Failed,
    Fitted,
    Note,
    Paused,
    PhaseStarted,
    PredictionsSaved,
    Preparing,
    Stopped,
)
from medxfer.lock import held
from medxfer.paths import Workspace
from medxfer.runs import decision_log, queue
from medxfer.runs.decision_log import By, Opening
from medxfer.runs.journal import append
from medxfer.runs.store import create_run, list_runs
from medxfer.ui.runs.settings import settings_table

RUNS, RUN = "pages/train/runs.py", "pages/train/run.py"
RESULT = "pages/results/result.py"
BUSY = RunError("The run is busy.")
Open = Callable[..., AppTest]


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_an_empty_list_says_what_to_do_next(open_page: Open) -> None:
    app = open_page(RUNS)
    assert "No run yet" in words(app)
    assert not app.exception
    assert not app.dataframe


def test_the_list_names_every_run_in_words(home: Workspace, open_page: Open) -> None:
    add_run(home, completed())
    add_run(home, [*learned(), Failed(problem="The disk is full.")])
    table = open_page(RUNS).dataframe[0].value
    assert set(table["State"]) == {"Finished", "Failed"}
    assert set(table["Strategy"]) == {"Progressive"}
    assert table.set_index("State").loc["Finished", "Validation AUROC"] == pytest.approx(0.8)


def test_the_list_is_filtered_by_data_set(home: Workspace, open_page: Open) -> None:
    add_run(home, completed(), data="chests")
    add_run(home, completed(), data="brains")
    app = open_page(RUNS)
    app.selectbox(key="runs-data").select("brains").run()
    assert list(app.dataframe[0].value["Data set"]) == ["brains"]


def test_a_row_of_the_list_opens_its_run(home: Workspace, open_page: Open) -> None:
    run = add_run(home, completed())
    app = open_page(RUNS)
    select(app, app.dataframe[0], rows=[0])
    assert app.query_params["run"] == run
    assert "Done after 4 epochs" in words(app)


def test_a_run_that_has_just_been_started_waits(home: Workspace, open_page: Open) -> None:
    app = open_page(RUN, run=add_run(home, []))
    assert "Waiting" in words(app)
    assert "Stop" in labels(app)


def test_a_running_run_shows_where_it_is(home: Workspace, open_page: Open) -> None:
    run = add_run(home, [*learned(), progress(3, batch=5)])
    with held(home.run(run).lock, BUSY):
        app = open_page(RUN, run=run)
        shown = {metric.label: metric.value for metric in app.metric}
        assert shown["Time left"] == "1 min"
        assert shown["Memory"] == "900 MB"
        assert "Training" in words(app)
        assert "best epoch so far, 2 of 2" in words(app)


@pytest.mark.parametrize(
    ("event", "text", "per_cent"),
    [
        (
            Preparing(step="pixels", done=300, total=595, seconds_left=3.6),
            "Decoding images: 300 of 595 (about 4 s left)", 50,
        ),
        (
            preparing(),
            "Computing what the frozen stages see: 1,200 of 2,466 views (about 5 s left)", 48,
        ),
        (
            preparing(done=0, seconds_left=None),
            "Computing what the frozen stages see: 0 of 2,466 views", 0,
        ),
    ],
)  # fmt: skip
def test_work_done_once_is_shown_as_it_goes_on(
    home: Workspace, open_page: Open, event: Preparing, text: str, per_cent: int
) -> None:
    before: list[Event] = [*learned(), PhaseStarted(phase=1, epoch=3)]
    run = add_run(home, [*before, event])
    with held(home.run(run).lock, BUSY):
        app = open_page(RUN, run=run)
        whole, now = (bar.proto for bar in app.get("progress"))
        assert "Preparing" in words(app)
        assert whole.text == "Before epoch 3 of 4 · phase 2 of 2: everything"
        assert (now.text, now.value) == (text, per_cent)
        assert "Stops at once" in words(app)
        append(home.run(run).events, progress(3, batch=5))
        app.run()
        assert "Preparing" not in words(app)
        assert app.get("progress")[1].proto.text == "Learning: batch 5 of 10"


def test_images_of_the_test_are_prepared_after_training(home: Workspace, open_page: Open) -> None:
    fitted = Fitted(reason="completed", best_epoch=2, validation=epoch(2).validation)
    saved = PredictionsSaved(split="val", images=12)
    run = add_run(home, [*learned(), fitted, saved, preparing("pixels")])
    with held(home.run(run).lock, BUSY):
        app = open_page(RUN, run=run)
        assert [bar.proto.text for bar in app.get("progress")] == [
            "Evaluating the best epoch; validation done, test next",
            "Decoding images: 1,200 of 2,466 (about 5 s left)",
        ]


def test_stop_says_at_once_that_it_was_heard(home: Workspace, open_page: Open) -> None:
    run = add_run(home, learned())
    with held(home.run(run).lock, BUSY):
        app = open_page(RUN, run=run)
        app.button(key="run-stop").click().run()
        assert home.run(run).stop_request.exists()
        assert "Stopping at the next batch" in words(app)
        assert app.button(key="run-stop").disabled
        assert "Epoch" not in "".join(bar.proto.text for bar in app.get("progress"))
        label = app.selectbox(key="run-choice").proto.options[0]
        assert label.endswith("under way")


def test_the_best_epoch_is_evaluated_part_by_part(home: Workspace, open_page: Open) -> None:
    fitted = Fitted(reason="completed", best_epoch=2, validation=epoch(2).validation)
    saved = PredictionsSaved(split="val", images=12)
    run = add_run(home, [*learned(), fitted, saved])
    with held(home.run(run).lock, BUSY):
        app = open_page(RUN, run=run)
        assert "Evaluating" in words(app)
        [bar] = app.get("progress")
        assert bar.proto.text == "Evaluating the best epoch; validation done, test next"
        assert bar.proto.value == 50


def test_the_page_goes_on_to_the_ending_when_the_run_ends(home: Workspace, open_page: Open) -> None:
    run = add_run(home, learned())
    with held(home.run(run).lock, BUSY):
        app = open_page(RUN, run=run)
        assert "See the results" not in labels(app)
        for event in completed()[len(learned()) :]:
            append(home.run(run).events, event)
    app.run()
    assert "Finished" in words(app)
    assert labels(app) == ["See the results", "Delete this run"]


def test_a_finished_run_leads_to_its_results(home: Workspace, open_page: Open) -> None:
    app = open_page(RUN, run=add_run(home, completed()))
    assert "Done after 4 epochs" in words(app)
    assert [metric.value for metric in app.metric] == ["0.800", "0.800", "0.175"]
    assert labels(app) == ["See the results", "Delete this run"]


def test_a_stopped_run_keeps_what_it_learned(home: Workspace, open_page: Open) -> None:
    ended = [
        Fitted(reason="stop_requested", best_epoch=2, validation=epoch(2).validation),
        Stopped(seconds=9),
    ]
    app = open_page(RUN, run=add_run(home, [*learned(), *ended]))
    assert "You stopped it after 2 epochs" in words(app)
    assert labels(app) == ["See the results", "Continue training", "Delete this run"]


def test_a_run_stopped_within_its_first_epoch_says_so(home: Workspace, open_page: Open) -> None:
    ended = [Fitted(reason="stop_requested", best_epoch=None, validation={}), Stopped(seconds=9)]
    app = open_page(RUN, run=add_run(home, [started(), progress(1), *ended]))
    assert "before its first epoch had ended" in words(app)
    assert "there are no curves" in words(app)
    assert "learned almost nothing" in words(open_page(RESULT, run=list_runs(home)[0].run))
    assert not app.exception


def test_a_failed_run_shows_its_sentence_and_the_way_on(home: Workspace, open_page: Open) -> None:
    failed = Failed(problem="The loss of *this* run is no number.", remedy="Try a tenth.")
    app = open_page(RUN, run=add_run(home, [*learned(), failed]))
    assert "no number" in app.error[0].value
    assert r"\*this\*" in app.error[0].value
    assert "Try a tenth" in app.error[0].value
    assert labels(app) == ["Start a new run", "See the results", "Delete this run"]


def test_a_bug_in_a_run_shows_an_id_alone(home: Workspace, open_page: Open) -> None:
    failed = Failed(problem="Something went wrong.", error_id="ab12cd34")
    app = open_page(RUN, run=add_run(home, [started(), failed]))
    assert "ab12cd34" in app.error[0].value


def test_a_lost_run_says_that_nobody_knows_why(home: Workspace, open_page: Open) -> None:
    app = open_page(RUN, run=add_run(home, learned()))
    assert "is gone" in app.error[0].value
    assert "2 epochs had been completed" in app.error[0].value
    assert "which is kept: 2 of 2" in words(app)
    assert labels(app) == ["Continue", "Start a new run", "See the results", "Delete this run"]
    assert "Needs attention" in words(app)


def test_a_run_that_died_says_how_and_goes_on_when_told_to(
    home: Workspace, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medxfer.executors.local.spawn", lambda arguments, log: 0)
    died = Died(problem="It was stopped by the *system*.", remedy="Close other programs.", code=-9)
    run = add_run(home, [*learned(), died])
    app = open_page(RUN, run=run)
    assert r"stopped by the \*system\*" in app.error[0].value
    assert "Close other programs" in app.error[0].value
    app.button(key="run-continue").click().run()
    assert "Yours is next in the queue" in words(app)
    assert "This run was interrupted" in words(app)
    assert queue.waiting(home) == [run]
    assert not app.exception


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Paused(reason="disk", problem="The disk is full.", remedy="Free 38 MB."), "Free 38 MB"),
        (Cancelled(), "taken out of the queue before it went on"),
    ],
)
def test_a_run_that_stands_still_has_one_main_button(
    home: Workspace, open_page: Open, ending: Event, said: str
) -> None:
    app = open_page(RUN, run=add_run(home, [*learned(), ending]))
    assert said in words(app)
    assert [b.label for b in app.button if b.proto.type == "primary"] == ["Continue"]
    assert not app.error


def test_a_run_whose_test_set_was_opened_is_not_continued(home: Workspace, open_page: Open) -> None:
    run = add_run(home, [*learned(), Paused(reason="disk", problem="The disk is full.")])
    opening = Opening(
        run=run, by=By.PAGE, fingerprint="", temperature=1, threshold=None, data="chests",
        manifest_hash="", split_hash="",
    )  # fmt: skip
    decision_log.append(home.run(run).decisions, opening)
    assert labels(open_page(RUN, run=run))[0] == "Start a new run"


def _queued(home: Workspace, count: int) -> list[str]:
    config = TrainConfig(data="chests", weights="none", epochs=4)
    return [create_run(home, config, queued=True)[0] for _ in range(count)]


def test_runs_begun_in_the_same_minute_are_told_apart(home: Workspace, open_page: Open) -> None:
    older, newer = add_run(home, completed()), add_run(home, completed())
    app = open_page(RUN, run=older)
    assert len(set(app.selectbox(key="run-choice").options)) == 2
    assert app.run().query_params["run"] == older
    assert app.selectbox(key="run-choice").select(newer).run().query_params["run"] == newer


def test_a_waiting_run_knows_its_place_moves_up_and_is_cancelled(
    home: Workspace, open_page: Open
) -> None:
    first, second, third = _queued(home, 3)
    queue.move(home, first, queue.Move.FIRST)
    claimed = queue.claim(home, "cpu", tuple(Device))
    assert claimed is not None
    with held(home.run(first).lock, BUSY), held(home.supervisor, BUSY):
        app = open_page(RUN, run=third)
        assert "number 2 in the queue" in words(app)
        assert "Start the worker" not in labels(app)
        assert app.button(key=f"watch-{first}").label.startswith("Running now: ResNet-18 on chests")
        app.button(key="run-up").click().run()
        assert "Yours is next in the queue" in words(app)
        assert app.button(key="run-up").disabled
        assert queue.waiting(home) == [third, second]
        table = open_page(RUNS).dataframe[0].value.set_index("Run")["State"]
        assert table[third] == "Waiting, number 1"
        assert table[first] == "Training"
        app.button(key="run-cancel").click().run()
        assert "before it began" in words(app)
        assert queue.waiting(home) == [second]
        app.button(key="run-continue").click().run()
        assert queue.waiting(home) == [second, third]


@pytest.mark.parametrize("page", [RUN, RUNS])
def test_without_a_worker_nothing_is_said_to_be_about_to_begin(
    home: Workspace, open_page: Open, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr("medxfer.executors.local.spawn", lambda *words: started.append(words))
    _queued(home, 1)
    app = open_page(page)
    assert "The worker is not running" in words(app)
    app.button(key="start-worker").click().run()
    assert len(started) == 1


def test_a_dead_worker_is_seen_on_the_open_page(home: Workspace, open_page: Open) -> None:
    run = add_run(home, learned())
    with held(home.run(run).lock, BUSY):
        app = open_page(RUN, run=run)
        assert "Training" in words(app)
    app.run()
    assert "Training" not in words(app)
    assert "is gone" in app.error[0].value


def test_a_run_whose_end_is_looked_into_is_neither_running_nor_given_up(
    home: Workspace, open_page: Open
) -> None:
    [run] = _queued(home, 1)
    assert queue.claim(home, "cpu", tuple(Device))
    home.run(run).queued.unlink()
    for event in learned():
        append(home.run(run).events, event)
    with held(home.supervisor, BUSY):
        app = open_page(RUN, run=run)
        assert "Interrupted" in words(app)
        assert not labels(app)
    app.run()
    assert "Needs attention" in words(app)


def test_a_run_that_failed_before_its_first_epoch_has_no_results(
    home: Workspace, open_page: Open
) -> None:
    app = open_page(RUN, run=add_run(home, [started(), Failed(problem="The disk is full.")]))
    assert labels(app) == ["Start a new run", "Delete this run"]


def _confirm() -> None:
    from medxfer.runs.store import list_runs
    from medxfer.ui.runs.delete import confirm_delete_run
    from medxfer.ui.workspace import workspace

    if runs := list_runs(workspace()):
        confirm_delete_run(workspace(), runs[0])


def test_deleting_a_run_asks_first(home: Workspace, open_page: Open) -> None:
    run = add_run(home, completed())
    app = open_page(RUN, run=run)
    next(button for button in app.button if button.label == "Delete this run").click().run()
    assert labels(app)[-2:] == ["Keep it", "Delete"]
    assert home.run(run).config.exists()
    # AppTest has no fragment runs: the dialog alone, shown in every run.
    dialog = AppTest.from_function(_confirm).run()
    dialog.button[1].click().run()
    assert not list_runs(home)
    app.session_state["deleted"] = dialog.session_state["deleted"]
    assert app.run().toast[0].value == "The run was deleted. It stays in the bin for 7 days."
    assert not app.run().toast


def test_a_run_that_goes_on_cannot_be_deleted(home: Workspace, open_page: Open) -> None:
    assert "Delete this run" not in labels(open_page(RUN, run=add_run(home, [])))


def test_an_unknown_run_is_a_sentence(home: Workspace, open_page: Open) -> None:
    add_run(home, completed())
    app = open_page(RUN, run="20200101-000000-<b>x")
    assert "There is no run called" in app.warning[0].value
    assert not app.exception


def test_without_an_id_the_newest_run_is_shown(home: Workspace, open_page: Open) -> None:
    run = add_run(home, completed())
    app = open_page(RUN)
    assert app.selectbox(key="run-choice").value == run


def test_warnings_of_a_run_are_shown_as_text(home: Workspace, open_page: Open) -> None:
    note = Note(level="warning", text="Class *rare* has 3 images.")
    app = open_page(RUN, run=add_run(home, [started(), note, *learned()[1:]]))
    assert r"\*rare\*" in app.warning[0].value


def test_what_a_run_keeps_is_said_beside_the_curves_without_a_click(
    home: Workspace, open_page: Open
) -> None:
    note = Note(text="The stages before *layer4* are frozen: 4 views are kept (1.1 GB).")
    app = open_page(RUN, run=add_run(home, [started(), note, *learned()[1:]]))
    [said] = [caption.value for caption in app.caption if "1\\.1 GB" in caption.value]
    assert r"\*layer4\*" in said
    assert not [box for box in app.expander if "note" in box.label]
    assert not app.warning


def test_views_that_were_not_chosen_are_automatic(home: Workspace) -> None:
    table = settings_table(TrainConfig(data="x", early_stopping=None).model_dump(mode="json"))
    values = table.set_index("Setting")["Value"]
    assert values["Views of each image that are kept (views)"] == "automatic"
    assert values["Epochs without a better figure before stopping (patience)"] == "none"


@pytest.mark.parametrize(
    ("known", "said"),
    [(False, "There is no run called"), (True, "was written by another version of medxfer")],
)
def test_a_run_of_an_older_medxfer_is_a_sentence_and_breaks_no_page(
    home: Workspace, open_page: Open, known: bool, said: str
) -> None:
    run, newer = add_run(home, completed()), add_run(home, completed())
    if known:  # its line stands in the index since before
        list_runs(home)
    spec = json.loads(home.run(run).config.read_text())
    spec["settings"]["loader_workers"] = None
    home.run(run).config.write_text(json.dumps(spec))
    assert said in open_page(RUN, run=run).warning[0].value
    assert newer in set(open_page(RUNS).dataframe[0].value["Run"])
    for page in (RUN, RUNS, RESULT, "pages/explain/scan.py", "pages/train/new.py"):
        app = open_page(page, run=run)
        assert not app.exception, page
        assert not app.error, page


def test_watching_runs_needs_no_torch() -> None:
    code = (
        "import sys, medxfer.ui.runs.list, medxfer.ui.runs.watch, medxfer.ui.results.page; "
        "import medxfer.ui.explain.page; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
