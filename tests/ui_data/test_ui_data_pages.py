from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from data_cases import Open, write_images
from streamlit.testing.v1 import AppTest

from medxfer.config import TrainConfig
from medxfer.data.import_job import create_job, execute, find_job
from medxfer.data.importing import import_source
from medxfer.data.library import list_datasets, load_manifest
from medxfer.data.options import ImportOptions
from medxfer.paths import Workspace
from medxfer.runs.store import create_run

BROWSE, ADD = "pages/data/browse.py", "pages/data/add.py"


def _texts(app: object) -> str:
    kinds = ("markdown", "caption", "warning", "info", "success", "error", "subheader")
    return "\n".join(str(e.value) for kind in kinds for e in getattr(app, kind))


def test_browse_without_data_leads_to_the_import(open_page: Open) -> None:
    app = open_page(BROWSE)
    assert not app.exception
    assert "no data set yet" in app.info[0].value


def test_browse_shows_the_facts(filled: Workspace, open_page: Open) -> None:
    app = open_page(BROWSE, data="scans")
    assert not app.exception
    assert not app.error
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Images"] == "32"
    assert values["Patients"] == "16"
    counts = next(frame.value for frame in app.dataframe if "All" in frame.value)
    assert list(counts["All"]) == [16, 16]
    assert any("s9_0.png" in str(frame.value) for frame in app.dataframe)
    assert "1–24 of 32 images" in _texts(app)


def test_filters_narrow_the_gallery(filled: Workspace, open_page: Open) -> None:
    app = open_page(BROWSE, data="scans")
    app.selectbox(key="scans-class").select("sick").run()
    assert "1–16 of 16 images" in _texts(app)
    app.text_input(key="scans-search").input("nobody").run()
    assert "No image fits" in app.info[0].value


def test_an_unknown_data_set_is_said_and_another_shown(filled: Workspace, open_page: Open) -> None:
    app = open_page(BROWSE, data="gone")
    assert "There is no data set called “gone”" in app.warning[0].value
    assert app.query_params["data"] in ("scans", ["scans"])


def test_a_picture_is_opened_by_its_address(filled: Workspace, open_page: Open) -> None:
    row = load_manifest(filled, "scans").table.iloc[0]
    app = open_page(BROWSE, data="scans", image=row["image"])
    assert not app.exception
    facts = dict(app.table[0].value.to_numpy().tolist())
    assert facts["Class"] == "healthy"
    assert facts["Images of this patient"] == "2"


def test_a_lost_picture_is_a_sentence(filled: Workspace, scans: Path, open_page: Open) -> None:
    row = load_manifest(filled, "scans").table.iloc[0]
    shutil.rmtree(scans)
    app = open_page(BROWSE, data="scans", image=row["image"])
    assert not app.exception
    assert not app.error
    assert any("h0\\_0\\.png" in warning.value for warning in app.warning)


def _overlapping(scans: Path, given: Path) -> Path:
    """The pictures with a given test part that shares four patients with train."""
    for label in ("healthy", "sick"):
        for file in sorted((scans / label).iterdir()):
            part = "test" if file.stem.endswith("_1") and file.stem[1] in "01" else "train"
            (given / part / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, given / part / label)
    return given


def test_patients_on_both_sides_stay_there_unless_agreed(
    home: Workspace, scans: Path, tmp_path: Path, open_page: Open
) -> None:
    app = open_page(ADD)
    app.text_input(key="source-path").input(str(_overlapping(scans, tmp_path / "given"))).run()
    app.text_input(key="pattern").input(r"([hs]\d+)_").run()
    assert "4 patients on both sides" in _texts(app)
    assert "They were left there" in _texts(app)
    toggle = app.toggle(key="set-aside")
    assert not toggle.value
    toggle.set_value(True).run()
    assert "the test part stays as given" in _texts(app)
    assert "They were left there" not in _texts(app)


def test_a_pattern_is_not_asked_for_beside_a_column(
    home: Workspace, scans: Path, tmp_path: Path, open_page: Open
) -> None:
    names = sorted(f"{file.parent.name}/{file.name}" for file in scans.glob("*/*.png"))
    rows = [f"{name},{name.split('/')[0]},{name[-8:-6]}" for name in names]
    (scans / "table.csv").write_text("\n".join(["file,label,who", *rows]))
    app = open_page(ADD)
    app.text_input(key="source-path").input(str(scans / "table.csv")).run()
    app.text_input(key="pattern").input(r"([hs]\d+)_").run()
    app.selectbox(key="patient_column").select("who").run()
    assert not app.exception
    assert not [field for field in app.text_input if field.key == "pattern"]
    assert "16 patients" in _texts(app)


def test_patients_on_both_sides_can_be_set_aside(
    home: Workspace, scans: Path, tmp_path: Path, open_page: Open
) -> None:
    given = _overlapping(scans, tmp_path / "given")
    import_source(home, given, ImportOptions(name="given", patient_pattern=r"([hs]\d+)_"))
    app = open_page(BROWSE, data="given")
    assert "4 patients are on both sides" in _texts(app)
    next(b for b in app.button if b.label == "Set them aside").click().run()
    table = load_manifest(home, "given").table
    tested = set(table[table["split"] == "test"]["patient"])
    assert not tested & set(table[table["split"].isin(["train", "val"])]["patient"])


def _confirm() -> None:
    from medxfer.data.library import list_datasets
    from medxfer.ui.data.delete import confirm_delete
    from medxfer.ui.workspace import workspace

    if infos := list_datasets(workspace()):
        confirm_delete(workspace(), infos[0])


def test_deleting_asks_first(filled: Workspace, open_page: Open) -> None:
    app = open_page(BROWSE, data="scans")
    next(b for b in app.button if b.label == "Delete").click().run()
    assert list_datasets(filled)
    assert [b.label for b in app.button][-2:] == ["Keep it", "Delete"]
    # AppTest has no fragment runs: the dialog alone, shown in every run.
    dialog = AppTest.from_function(_confirm).run()
    dialog.button[1].click().run()
    assert not list_datasets(filled)


def test_a_data_set_that_a_run_learns_from_stays(filled: Workspace) -> None:
    create_run(filled, TrainConfig(data="scans"), None)
    dialog = AppTest.from_function(_confirm).run()
    assert not dialog.button
    assert "is in use" in dialog.warning[0].value
    assert "learns from it" in dialog.warning[0].value
    assert "ResNet\\-18 · Freeze the early stages · today" in dialog.warning[0].value


def test_import_understands_a_folder_before_it_is_read(
    home: Workspace, scans: Path, open_page: Open
) -> None:
    app = open_page(ADD)
    assert not app.exception
    app.text_input(key="source-path").input(str(scans)).run()
    assert not app.exception
    assert app.multiselect[0].options == ["healthy (16)", "sick (16)"]
    assert "Without patient ids" in _texts(app)
    app.text_input(key="pattern").input(r"([hs]\d+)_").run()
    assert "16 patients" in _texts(app)
    assert next(b for b in app.button if "Import" in b.label).label == "Import 32 images"


@pytest.mark.parametrize(
    ("typed", "said"), [("/no/such/folder", "There is nothing at"), ("scans", "not a full path")]
)
def test_a_wrong_path_is_a_sentence(open_page: Open, typed: str, said: str) -> None:
    app = open_page(ADD)
    app.text_input(key="source-path").input(typed).run()
    assert said in app.warning[0].value


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "Give the data set a name"),
        ("  ", "Give the data set a name"),
        ("../up", "cannot be used as the name"),
        ("scans", "already a data set called"),
    ],
)
def test_a_name_that_cannot_be_is_said_at_once_and_the_form_stays(
    filled: Workspace, scans: Path, open_page: Open, name: str, said: str
) -> None:
    app = open_page(ADD)
    app.text_input(key="source-path").input(str(scans)).run()
    app.text_input(key=f"name-{scans}").input(name).run()
    assert not app.exception
    assert not app.error
    assert said in _texts(app)
    assert next(b for b in app.button if b.label.startswith("Import")).disabled
    app.text_input(key=f"name-{scans}").input("others").run()
    assert not next(b for b in app.button if b.label.startswith("Import")).disabled


@pytest.mark.parametrize("whole_folder", [False, True])
def test_columns_that_are_not_recognised_are_asked_for(
    home: Workspace, scans: Path, tmp_path: Path, open_page: Open, whole_folder: bool
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    rows = ["fichier;wert"]
    for file in scans.glob("*/*.png"):
        shutil.copy(file, flat)
        rows.append(f"{file.name};{file.parent.name}")
    (flat / "list.csv").write_text("\n".join(rows))
    app = open_page(ADD)
    app.text_input(key="source-path").input(str(flat if whole_folder else flat / "list.csv")).run()
    assert not app.exception
    assert app.warning
    assert app.selectbox(key="file_column").options == ["fichier", "wert"]
    assert not [b for b in app.button if b.label.startswith("Import ")]
    app.selectbox(key="file_column").select("fichier").run()
    app.selectbox(key="label_column").select("wert").run()
    assert not app.exception
    assert next(b for b in app.button if b.label.startswith("Import")).label == "Import 32 images"


def test_a_bad_pattern_is_a_sentence(home: Workspace, scans: Path, open_page: Open) -> None:
    app = open_page(ADD)
    app.text_input(key="source-path").input(str(scans)).run()
    app.text_input(key="pattern").input("(h").run()
    assert not app.exception
    assert not app.error
    assert any("is not a regular expression" in warning.value for warning in app.warning)


def test_import_goes_on_in_its_own_process_and_reports(
    home: Workspace, scans: Path, open_page: Open
) -> None:
    (scans / "sick" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    app = open_page(ADD)
    app.text_input(key="source-path").input(str(scans)).run()
    next(b for b in app.button if b.label.startswith("Import")).click().run()
    job_id = app.query_params["job"]
    job = find_job(home, job_id if isinstance(job_id, str) else job_id[0])
    assert job is not None
    end = time.monotonic() + 60
    while job.state() in ("waiting", "running") and time.monotonic() < end:
        time.sleep(0.2)
    app.run()
    assert not app.exception
    assert "32 of 33 files" in app.success[0].value
    assert any("torn.png" in str(frame.value) for frame in app.dataframe)


def test_a_finished_import_is_found_by_its_address(
    home: Workspace, scans: Path, open_page: Open
) -> None:
    job = create_job(home, scans, ImportOptions(name="again"))
    app = open_page(ADD, job=job.id)
    assert any(b.label == "Stop" for b in app.button)
    assert "again is being imported" in open_page(ADD).get("page_link")[0].proto.label
    execute(job.folder)
    assert "again is ready" in open_page(ADD, job=job.id).success[0].value


def test_a_failed_import_says_why(home: Workspace, scans: Path, open_page: Open) -> None:
    job = create_job(home, scans, ImportOptions(name="one", classes=("sick",)))
    execute(job.folder)
    app = open_page(ADD, job=job.id)
    assert not app.exception
    assert app.warning


def test_an_import_long_gone_is_a_sentence(open_page: Open) -> None:
    app = open_page(ADD, job="0123456789ab")
    assert "no longer known" in app.warning[0].value


def test_foreign_names_are_shown_as_text(home: Workspace, tmp_path: Path, open_page: Open) -> None:
    folder = write_images(tmp_path / "odd")
    (folder / "sick").rename(folder / "![x](http:x) :red[y] **z**".replace("/", ""))
    import_source(home, folder, ImportOptions(name="odd"))
    app = open_page(BROWSE, data="odd")
    assert not app.exception
    assert "![x]" not in _texts(app)
