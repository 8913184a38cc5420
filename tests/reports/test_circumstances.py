"""What is known of the data of a run, and what stays known when the data set is mended."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recorded import Made, answers, make, make_data, make_run

from medxfer.audit.finding import Finding
from medxfer.audit.keeping import save_audit
from medxfer.audit.leaking import Known, known_now
from medxfer.audit.pairs import COLUMNS, pair_table
from medxfer.audit.record import TABLES, Audit
from medxfer.data.corrections import Action, Correction
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import correct, dataset_info, delete_dataset, load_manifest, resplit
from medxfer.data.manifest import Split
from medxfer.evaluation.alarms import Circumstances, Part, alarms
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.severity import Severity
from medxfer.events import Started, parse
from medxfer.paths import Workspace
from medxfer.reports.circumstances import known_of, patients_told_apart, raised
from medxfer.reports.document import report
from medxfer.reports.gathering import gather
from medxfer.reports.html import to_html
from medxfer.runs import journal
from medxfer.runs.store import load_run


@pytest.fixture
def made(workspace: Workspace, tmp_path: Path) -> Made:
    return make(workspace, tmp_path / "source")


def audited(place: Workspace, data: str, *across: tuple[int, int], kind: str = "near") -> None:
    """Keep an audit of the data set as it is, which found these pairs of rows."""
    manifest = load_manifest(place, data)
    tables = {name: pd.DataFrame({"image": []}) for name in TABLES}
    for name in ("duplicates", "near_duplicates"):
        tables[name] = pd.DataFrame(columns=list(COLUMNS))
    ends = np.array(across, dtype=np.int64).reshape(-1, 2).T
    pairs = pair_table(manifest, *ends, [kind] * len(across), [""] * len(across), ends[0] * 1.0)
    tables["near_duplicates" if kind == "near" else "duplicates"] = pairs
    found = (Finding("copies", Severity.BLOCKING, "Copies.", "Drop them."),) if across else ()
    save_audit(place.dataset(data), Audit(
        dataset=data, manifest_hash=manifest.content_hash, split_hash=manifest.split_hash,
        created=datetime.now(UTC), seconds=1.0, images=len(manifest), checked=("copies",),
        not_checked={}, left_out={}, note="", tables=tables, found=found,
    ))  # fmt: skip


def pair_across(place: Workspace, data: str) -> tuple[int, int]:
    split = load_manifest(place, data).table["split"]
    return int(np.flatnonzero(split == "train")[0]), int(np.flatnonzero(split == "test")[0])


def remember(place: Workspace, run: str) -> None:
    """Let the run's first event tell what is known now, as that of a run of today does."""
    path = place.run(run).events
    first, *rest = path.read_text().splitlines(keepends=True)
    started = parse(first)
    assert isinstance(started, Started)
    known = known_now(place, load_run(place, run).config.data, load_manifest(place, "lungs"))
    path.unlink()
    journal.append(path, started.model_copy(update=asdict(known)))
    with path.open("a") as file:
        file.writelines(rest)


def perfect(place: Workspace, data: str) -> Part:
    """Validation answered without a fault."""
    truth = answers(load_manifest(place, data), Split.VALIDATION)
    logits = np.where(np.arange(2) == truth.truth[:, None], 5.0, -5.0)
    right = Predictions(truth.classes, truth.facts, truth.truth, logits)
    figures = {name: Estimate(value) for name, value in summary(right).items()}
    return Part("validation", right, figures)


def too_good(place: Workspace, run: str, part: Part) -> tuple[Severity, str] | None:
    found = [alarm for alarm in raised(place, run, part, None) if alarm.key == "too_good"]
    return (found[0].severity, found[0].problem) if found else None


def test_mending_a_data_set_does_not_mend_the_run_that_learned_from_it(made: Made) -> None:
    place, part = made.workspace, perfect(made.workspace, made.data)
    train, test = pair_across(place, made.data)
    audited(place, made.data, (train, test))
    remember(place, made.run)
    assert too_good(place, made.run, part)[0] is Severity.BLOCKING
    images = load_manifest(place, made.data).table["image"]
    correct(place, made.data, Correction(
        action=Action.EXCLUDE, images=(images[train],), reason="a copy",
    ))  # fmt: skip
    audited(place, made.data)
    known = known_of(place, load_run(place, made.run))
    assert known == Known(True, False, True, "not trustworthy")
    severity, problem = too_good(place, made.run, part)
    assert severity is Severity.BLOCKING
    assert "on both sides of the split" in problem
    text = to_html(report(place, made.run))
    assert "as the run learned from it said: not trustworthy" in text
    delete_dataset(place, made.data)
    assert too_good(place, made.run, part)[0] is Severity.BLOCKING
    assert gather(place, made.run).patients_known is True


def test_what_a_run_of_an_older_version_did_not_record_is_unknown(made: Made) -> None:
    place, part = made.workspace, perfect(made.workspace, made.data)
    assert too_good(place, made.run, part) is None, "the data set is there and tells"
    delete_dataset(place, made.data)
    known = known_of(place, load_run(place, made.run))
    assert known == Known()
    assert patients_told_apart(known, part.predictions) is True, "images share patient ids"
    severity, problem = too_good(place, made.run, part)
    assert severity is Severity.SERIOUS
    assert "nobody can tell any more" in problem
    assert "without patient ids" not in problem


def test_unknown_patients_are_not_called_unnamed_ones(made: Made) -> None:
    part = perfect(made.workspace, made.data)
    facts = part.predictions.facts.assign(patient=part.predictions.facts["image"])
    alone = Predictions(part.predictions.classes, facts, part.predictions.truth,
                        part.predictions.logits)  # fmt: skip
    assert patients_told_apart(Known(), alone) is None
    assert patients_told_apart(Known(patients_known=False), part.predictions) is False
    for known, words in ((None, "nobody can tell any more"), (False, "without patient ids")):
        (found,) = (
            alarm
            for alarm in alarms(part, None, Circumstances(known, leaks=Known(known).leaks))
            if alarm.key == "too_good"
        )
        assert words in found.problem


def test_near_copies_that_a_person_kept_are_no_leak_but_equal_pixels_are(made: Made) -> None:
    place, part = made.workspace, perfect(made.workspace, made.data)
    ends = pair_across(place, made.data)
    images = load_manifest(place, made.data).table["image"]
    audited(place, made.data, ends)
    assert too_good(place, made.run, part)[0] is Severity.BLOCKING
    correct(place, made.data, Correction(
        action=Action.KEEP, images=(images[ends[0]], images[ends[1]]), reason="two people",
    ))  # fmt: skip
    assert too_good(place, made.run, part) is None
    audited(place, made.data, ends, kind="exact")
    assert too_good(place, made.run, part)[0] is Severity.BLOCKING


def test_an_overlap_that_was_set_aside_is_no_leak(workspace: Workspace, tmp_path: Path) -> None:
    data = make_data(workspace, tmp_path / "source")
    table = tmp_path / "source" / "table.csv"
    rows = pd.read_csv(table, dtype=str)
    rows.loc[rows.index[0], "split"] = "test"  # one of the two images of a training patient
    rows.to_csv(table, index=False)
    delete_dataset(workspace, data)
    import_source(workspace, table, ImportOptions(name=data))
    leaking = make_run(workspace, data)
    assert too_good(workspace, leaking, perfect(workspace, data))[0] is Severity.BLOCKING
    resplit(workspace, data, set_aside_overlap=True)
    assert dataset_info(workspace, data).patients_across_splits, "they are told for ever"
    run = make_run(workspace, data)
    known = known_now(workspace, data, load_manifest(workspace, data))
    assert known == Known(patients_known=True, patients_shared=False, audit="")
    assert too_good(workspace, run, perfect(workspace, data)) is None


def test_an_event_of_an_older_version_is_still_read(made: Made) -> None:
    path = made.workspace.run(made.run).events
    first = path.read_text().splitlines()[0]
    old = parse(first.replace(',"patients_known":null', "").replace(',"audit":null', ""))
    assert isinstance(old, Started)
    assert (old.patients_known, old.patients_shared, old.copies_shared, old.audit) == (None,) * 4
