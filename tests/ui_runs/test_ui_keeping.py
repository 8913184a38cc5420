"""The pages Bin and Activity, who is named for what, and folders that may be named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from recorded import Made, make
from streamlit.testing.v1 import AppTest

from medxfer.activity import acts, note
from medxfer.bin import contents
from medxfer.data.library import list_datasets
from medxfer.errors import DataError
from medxfer.paths import Workspace
from medxfer.runs.deleting import remove_dataset, remove_run
from medxfer.runs.store import list_runs
from medxfer.ui.data.source import existing
from medxfer.ui.roots import ROOTS_VARIABLE
from medxfer.ui.server.address import TOLD_VARIABLE
from medxfer.using import using

Open = Callable[..., AppTest]
BIN, ACTIVITY = "pages/workspace/bin.py", "pages/workspace/activity.py"


@pytest.fixture
def made(home: Workspace, tmp_path: Path) -> Made:
    return make(home, tmp_path / "source")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_a_run_comes_back_from_the_bin(made: Made, open_page: Open) -> None:
    assert "The bin is empty" in open_page(BIN).info[0].value
    remove_run(made.workspace, made.run, by="ann@clinic.example")
    app = open_page(BIN)
    assert any(plain_id(made.run) in text.value for text in app.markdown)
    press(app, "Restore")
    assert [line.run for line in list_runs(made.workspace)] == [made.run]
    assert contents(made.workspace) == []
    assert acts(made.workspace)[0].what == "restored"
    assert "(local user)" in acts(made.workspace)[0].who


def test_emptying_the_bin_asks_first(made: Made, open_page: Open) -> None:
    remove_dataset(made.workspace, made.data, by="ann@clinic.example")
    app = press(open_page(BIN), "Empty the bin")
    assert contents(made.workspace)
    assert [button.label for button in app.button][-2:] == ["Keep it", "Delete for good"]


def _restore_under_another_name() -> None:
    from medxfer.bin import contents
    from medxfer.ui.bin import ask_for_name
    from medxfer.ui.workspace import workspace

    ask_for_name(workspace(), contents(workspace())[0])


def test_a_taken_name_is_asked_for(made: Made, tmp_path: Path) -> None:
    remove_dataset(made.workspace, made.data, by="ann@clinic.example")
    dialog = AppTest.from_function(_restore_under_another_name, default_timeout=60).run()
    assert dialog.text_input[0].value == "lungs restored"
    dialog.button[0].click().run()
    assert [info.name for info in list_datasets(made.workspace)] == ["lungs restored"]


def _delete() -> None:
    from medxfer.runs.store import list_runs
    from medxfer.ui.runs.delete import confirm_delete_run
    from medxfer.ui.workspace import workspace

    if runs := list_runs(workspace()):
        confirm_delete_run(workspace(), runs[0])


def test_a_run_in_use_is_not_offered_for_deletion(made: Made) -> None:
    place = made.workspace
    with using(place, place.run(made.run).root, "a scan is being explained with it"):
        dialog = AppTest.from_function(_delete, default_timeout=60).run()
        assert "a scan is being explained with it" in dialog.warning[0].value
        assert not dialog.button
    dialog = AppTest.from_function(_delete, default_timeout=60).run()
    dialog.checkbox[0].check().run()
    dialog.button[1].click().run()
    assert contents(place) == []
    assert list_runs(place) == []
    assert acts(place)[0].what == "deleted for good"
    assert "for good" in dialog.session_state["deleted"]


def test_the_list_of_activity_says_when_it_was_tampered_with(made: Made, open_page: Open) -> None:
    for thing in ("one", "two"):
        note(made.workspace, "ann@clinic.example", "imported", thing)
    app = open_page(ACTIVITY)
    assert list(app.dataframe[0].value["Thing"]) == ["two", "one"]
    assert "2 lines, none changed or missing" in app.caption[-2].value + app.caption[-1].value
    file = made.workspace.activity
    file.write_text(file.read_text().replace("ann", "eve", 1))
    app = open_page(ACTIVITY)
    assert "not as it was written" in app.warning[0].value


def test_opening_the_test_set_names_who_did(made: Made) -> None:
    from medxfer.runs.decisions import decide_temperature, open_test

    open_test(made.workspace, made.run, "page", "ann@clinic.example")
    open_test(made.workspace, made.run, "page", "bob@clinic.example")  # the same look
    decide_temperature(made.workspace, made.run, by="bob@clinic.example")
    assert [(act.who, act.what) for act in acts(made.workspace)] == [
        ("bob@clinic.example", "decided: temperature"),
        ("ann@clinic.example", "opened the test set"),
    ]


def test_only_configured_folders_may_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, outside = tmp_path / "scans", tmp_path / "other"
    for folder in (inside / "a", outside):
        folder.mkdir(parents=True)
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside / "loop")
    assert existing(str(outside)) == outside  # a computer of one's own has no limit
    monkeypatch.setenv(ROOTS_VARIABLE, str(inside))
    assert existing(str(inside / "a")) == inside / "a"
    for refused in (
        outside, inside / ".." / "other", inside / "link", "/etc/passwd", tmp_path / "scans2",
        inside / "loop", "/",
    ):  # fmt: skip
        with pytest.raises(DataError) as told:
            existing(str(refused))
        assert "outside of the folders" in told.value.problem or "nothing at" in told.value.problem
    monkeypatch.setenv(ROOTS_VARIABLE, "")
    monkeypatch.setenv(TOLD_VARIABLE, "1")
    with pytest.raises(DataError, match="none has been set up"):
        existing(str(inside))


def _name_a_file() -> None:
    import streamlit as st

    from medxfer.ui.new_run.weights import _file

    st.text(f"chosen: {_file()}")


def test_a_weights_file_elsewhere_is_not_named(
    home: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home
    monkeypatch.setenv(ROOTS_VARIABLE, str(tmp_path))
    app = AppTest.from_function(_name_a_file, default_timeout=60).run()
    app.text_input(key="weights-file").input("/etc/passwd").run()
    assert "outside of the folders" in app.warning[0].value
    assert app.text[0].value == "chosen:"
    app.text_input(key="weights-file").input(f"{tmp_path}/a.pth").run()
    assert app.text[0].value == f"chosen: {tmp_path}/a.pth"


def plain_id(run: str) -> str:
    from medxfer.ui.words import plain

    return plain(run)


def test_starting_stopping_and_going_on_are_noted_once_each(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medxfer.config import TrainConfig
    from medxfer.executors import local

    monkeypatch.setattr(local, "wake", lambda _: None)
    place, by = made.workspace, "ann@clinic.example"
    config = TrainConfig(data=made.data, weights="none")
    run = local.start(place, config, request_id="one press", by=by)
    assert local.start(place, config, request_id="one press", by=by) == run
    local.stop(place, run, by=by)
    local.stop(place, run, by=by)
    local.resume(place, run, by="bob@clinic.example")
    local.resume(place, run, by="bob@clinic.example")
    assert [(act.who, act.what) for act in acts(place)] == [
        ("bob@clinic.example", "continued"), (by, "cancelled"), (by, "started"),
    ]  # fmt: skip
