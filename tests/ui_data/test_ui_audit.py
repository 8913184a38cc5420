"""The audit's page on a data set with planted faults, and what decisions change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from data_cases import Open
from streamlit.testing.v1 import AppTest

from medxfer.audit.finding import Finding
from medxfer.audit.job import AuditJob, ask
from medxfer.audit.keeping import save_audit, save_doubts
from medxfer.audit.record import Audit
from medxfer.data.corrections import Action
from medxfer.data.import_job import create_job, execute
from medxfer.data.library import dataset_info, load_corrections, load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.options import ImportOptions
from medxfer.evaluation.severity import Severity
from medxfer.files import write_json
from medxfer.paths import Workspace

BROWSE, AUDIT, NEW = "pages/data/browse.py", "pages/data/audit.py", "pages/train/new.py"
Change = Callable[[Audit], Audit]


def texts(app: AppTest) -> str:
    kinds = ("markdown", "caption", "warning", "info", "success", "error", "subheader")
    return "\n".join(str(e.value) for kind in kinds for e in getattr(app, kind))


def press(app: AppTest, label: str) -> AppTest:
    """Press the first button with this label; the page must stay whole."""
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    assert not app.error
    return app


def pair(manifest: Manifest, first: int, second: int, kind: str) -> dict[str, object]:
    one, two = manifest.table.iloc[first], manifest.table.iloc[second]
    return {
        "first": one["image"],
        "second": two["image"],
        "kind": kind,
        "changes": "" if kind == "exact" else "mirrored",
        "score": 1.0,
        "across_splits": one["split"] != two["split"],
        "different_labels": one["label"] != two["label"],
        "different_patients": one["patient"] != two["patient"],
        "first_file": one["file"],
        "second_file": two["file"],
    }


def across(manifest: Manifest) -> tuple[int, int]:
    """Rows of two pictures of one class, one in train and one in test."""
    table = manifest.table[manifest.table["label"] == "healthy"]
    train, test = (table.index[table["split"] == part][0] for part in ("train", "test"))
    return int(train), int(test)


def found(manifest: Manifest, pairs: list[dict[str, object]], *findings: Finding) -> Audit:
    columns = [*pair(manifest, 0, 1, "exact")]
    table = pd.DataFrame(pairs, columns=columns)
    first = manifest.table.iloc[0]
    return Audit(
        dataset="scans",
        manifest_hash=manifest.content_hash,
        split_hash=manifest.split_hash,
        created=datetime.now(UTC),
        seconds=2.0,
        images=len(manifest),
        found=findings,
        checked=("exact copies", "shortcuts"),
        not_checked={},
        left_out={"scanner": "the same for every image"},
        note="",
        tables={
            "duplicates": table[table["kind"] == "exact"],
            "near_duplicates": table[table["kind"] == "near"],
            "patients_across_splits": pd.DataFrame(columns=["patient", "train", "val", "test"]),
            "too_few": pd.DataFrame(
                {"label": ["sick"], "split": ["test"], "images": [2], "patients": [1],
                 "low": [0.2], "high": [0.99]}
            ),
            "shortcuts": pd.DataFrame(
                {"key": ["size"], "name": ["the size of the picture"], "kind": ["file"],
                 "auroc": [0.92], "low": [0.88], "high": [0.95], "flagged": [True],
                 "severity": ["blocking"], "example": ["median width 9 px"],
                 "remedy": ["Export them in one way."], "reason": [""]}
            ),
            "quality": pd.DataFrame(
                {"image": [first["image"]], "reason": ["is nearly all black"], "value": [0.99],
                 "file": [first["file"]]}
            ),
        },
    )  # fmt: skip


@pytest.fixture
def audited(filled: Workspace) -> Workspace:
    """The data set `scans`, audited: an exact pair across parts, a near one, a shortcut."""
    manifest = load_manifest(filled, "scans")
    copies = Finding("duplicates", Severity.BLOCKING, "1 pair is across parts.", "Drop one.")
    size = Finding("shortcuts", Severity.SERIOUS, "The size tells the class.", "Export anew.")
    pairs = [pair(manifest, *across(manifest), "exact"), pair(manifest, 0, 20, "near")]
    save_audit(filled.dataset("scans"), found(manifest, pairs, size, copies))
    return filled


def rows(place: Workspace) -> pd.DataFrame:
    return load_manifest(place, "scans").table


def test_verdict_and_findings_stand_worst_first(audited: Workspace, open_page: Open) -> None:
    app = open_page(AUDIT, data="scans")
    assert not app.exception
    said = texts(app)
    assert "would not be trustworthy: 1 thing must be mended" in said.replace("\\", "")
    assert said.index("1 pair is across parts") < said.index("The size tells the class")
    assert "out of date" not in said
    assert [b.label for b in app.button if b.label.startswith(("Look", "See"))] == [
        "Look at the copies",
        "See the shortcuts",
    ]


def test_other_pages_show_the_verdict_in_a_line(audited: Workspace, open_page: Open) -> None:
    for page in (BROWSE, NEW):
        app = open_page(page, data="scans")
        assert not app.exception
        assert "1 thing must be mended first" in texts(app)
        links = [link.proto.label for link in app.get("page_link")]
        assert "See what was found, and what to do" in links


def test_nothing_found_says_what_was_looked_at(filled: Workspace, open_page: Open) -> None:
    save_audit(filled.dataset("scans"), found(load_manifest(filled, "scans"), []))
    app = open_page(AUDIT, data="scans")
    assert "Nothing was found that would make a number untrustworthy" in texts(app)
    assert "exact copies" in texts(app)
    assert "No copies were found" in texts(open_page(AUDIT, data="scans", view="copies"))
    # The form of a run is not told of what is well.
    assert not open_page(NEW, data="scans").get("page_link")


def test_dropping_a_copy_is_recorded_and_leaves_the_audit_out_of_date(
    audited: Workspace, open_page: Open
) -> None:
    train, test = (rows(audited)["image"][row] for row in across(load_manifest(audited, "scans")))
    app = open_page(AUDIT, data="scans", view="copies")
    app.text_input(key="audit-note").input("asked a colleague").run()
    press(app, "Drop the second")
    after = rows(audited).set_index("image")["split"]
    assert (after[train], after[test]) == ("train", "excluded")
    made = load_corrections(audited, "scans")[-1]
    assert (made.action, made.check) == (Action.EXCLUDE, "duplicates")
    assert "asked a colleague" in made.reason
    assert "This audit is out of date" in texts(app)
    assert "You made 1 decision since" in texts(app)
    press(app, "Check again")
    request = AuditJob(audited, "scans").request()
    assert request is not None
    assert not request["doubts"]


def test_keeping_both_is_recorded_and_changes_nothing(audited: Workspace, open_page: Open) -> None:
    before = rows(audited)
    app = press(open_page(AUDIT, data="scans", view="copies"), "Keep both")
    pd.testing.assert_frame_equal(rows(audited)[before.columns], before)
    assert load_corrections(audited, "scans")[-1].action is Action.KEEP
    assert "No such pair is left" in texts(app)
    assert "out of date" not in texts(app)
    app.toggle(key="pairs-settled").set_value(True).run()
    assert "Kept both" in texts(app)


def test_one_side_moves_the_patients_together(audited: Workspace, open_page: Open) -> None:
    pairs = list(across(load_manifest(audited, "scans")))
    press(open_page(AUDIT, data="scans", view="copies"), "Put on one side")
    table = rows(audited)
    moved = table[table["patient"].isin(table["patient"][pairs])]
    assert len(moved) == 4
    assert moved["split"].nunique() == 1


def test_all_exact_copies_across_parts_go_at_once_and_the_test_part_stays(
    audited: Workspace, open_page: Open
) -> None:
    train, test = (rows(audited)["image"][row] for row in across(load_manifest(audited, "scans")))
    press(open_page(AUDIT, data="scans", view="copies"), "Drop 1 exact copy across parts")
    after = rows(audited).set_index("image")["split"]
    assert (after[train], after[test]) == ("excluded", "test")


def test_ten_thousand_pairs_are_paged(filled: Workspace, open_page: Open) -> None:
    manifest = load_manifest(filled, "scans")
    # Most are of pictures that are gone: only the page that is shown looks for them.
    real = [pair(manifest, n, n + 1, "near") for n in range(8)]
    gone = [{**real[0], "first": f"a{n}", "second": f"b{n}", "score": 0.5} for n in range(9_992)]
    save_audit(filled.dataset("scans"), found(manifest, real + gone))
    app = open_page(AUDIT, data="scans", view="copies")
    assert not app.exception
    app.segmented_control(key="pairs-sort").set_value("all").run()
    assert "1–8 of 10,000 pairs" in texts(app)
    assert len([b for b in app.button if b.label == "Keep both"]) == 8


def test_shortcuts_are_told_in_words(audited: Workspace, open_page: Open) -> None:
    said = texts(open_page(AUDIT, data="scans", view="shortcuts"))
    assert "AUROC 0.92 (95 % interval 0.88 to 0.95)" in said
    assert "1 of 1 tell more" in said
    assert "median width 9 px" in said


def test_a_poor_picture_is_excluded_with_its_reason(audited: Workspace, open_page: Open) -> None:
    app = press(open_page(AUDIT, data="scans", view="pictures"), "Exclude")
    assert rows(audited)["split"].iloc[0] == "excluded"
    assert "nearly all black" in load_corrections(audited, "scans")[-1].reason
    assert "All of these are decided" in texts(app)


def doubted(place: Workspace) -> str:
    """A network that doubts the label of the second picture; its id."""
    manifest = load_manifest(place, "scans")
    table = manifest.table.iloc[[1, 2]]
    doubts = pd.DataFrame(
        {"image": table["image"], "file": table["file"], "rank": [1, 2], "label": table["label"],
         "suggested": ["sick", "healthy"], "doubt": [0.9, 0.1], "likely_wrong": [True, False]}
    )  # fmt: skip
    finding = Finding("label_doubts", Severity.NOTE, "1 of 32 labels is probably wrong.", "Look.")
    empty = pd.DataFrame(columns=["image", "file", "distance", "bound", "stranger", "rank"])
    save_doubts(place.dataset("scans"), manifest, "best", doubts, empty, [finding])
    return str(table["image"].iloc[0])


def test_a_doubtful_label_is_changed_and_the_first_one_kept(
    audited: Workspace, open_page: Open
) -> None:
    image = doubted(audited)
    app = open_page(AUDIT, data="scans", view="labels")
    assert "probably wrong" in texts(app)
    assert "Given **healthy**, suggested **sick**" in texts(app)
    press(app, "Relabel: sick")
    row = rows(audited).set_index("image").loc[image]
    assert (row["label"], row["original label"]) == ("sick", "healthy")
    assert "All doubtful labels are decided" in texts(app)
    assert "out of date" in texts(app)
    # The network's answer is of other labels now, so it is asked again.
    press(app, "Check again")
    request = AuditJob(audited, "scans").request()
    assert request is not None
    assert request["doubts"] == "best"


def test_a_right_label_is_noted(audited: Workspace, open_page: Open) -> None:
    image = doubted(audited)
    press(open_page(AUDIT, data="scans", view="labels"), "It is right")
    made = load_corrections(audited, "scans")[-1]
    assert (made.action, made.images) == (Action.KEEP, (image,))


def test_without_a_network_it_says_what_is_needed(audited: Workspace, open_page: Open) -> None:
    app = open_page(AUDIT, data="scans", view="labels")
    assert "none is on this computer yet" in texts(app)
    assert next(b for b in app.button if b.label == "Look for wrong labels").disabled


def test_a_decision_is_undone(audited: Workspace, open_page: Open) -> None:
    before = rows(audited)["split"]
    app = press(open_page(AUDIT, data="scans", view="copies"), "Drop the second")
    app = open_page(AUDIT, data="scans", view="decisions")
    assert "**Excluded:**" in texts(app)
    press(app, "Undo")
    assert list(rows(audited)["split"]) == list(before)
    assert "undone" in texts(app)
    assert "out of date" not in texts(app)  # it is again what was audited


def test_a_check_follows_an_import(filled: Workspace, scans: Path, open_page: Open) -> None:
    job = create_job(filled, scans, ImportOptions(name="again"))
    execute(job.folder)
    app = open_page("pages/data/add.py", job=job.id)
    assert not app.exception
    assert AuditJob(filled, "again").state() == "waiting"
    assert "You can close this page: it goes on" in texts(app)


def test_a_check_begins_by_itself_once(filled: Workspace, open_page: Open) -> None:
    job = AuditJob(filled, "scans")
    app = open_page(BROWSE, data="scans")
    assert not app.exception
    request = job.request()
    assert request is not None
    assert job.state() == "waiting"
    assert "Being checked" in texts(app)
    app.run()
    assert job.request() == request
    assert any(b.label == "Stop" for b in app.button)


@pytest.mark.parametrize(
    ("state", "said"), [("failed", "The disk is full"), ("stopped", "stopped")]
)
def test_one_that_did_not_end_well_is_left_to_the_person(
    filled: Workspace, open_page: Open, state: str, said: str
) -> None:
    job = ask(filled, "scans")
    request = job.request()
    assert request is not None
    outcome = {"request": request["id"], "state": state, "problem": said, "remedy": "Free some."}
    write_json(job.paths.audit / "outcome.json", outcome)
    app = open_page(AUDIT, data="scans")
    assert said in texts(app)
    assert job.request() == request
    press(app, "Check this data set")
    assert job.state() == "waiting"
    assert dataset_info(filled, "scans").images == 32
