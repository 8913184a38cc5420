"""A run is judged on other images: classes matched, images it may have learned from left out."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from recorded import Made, make, make_run

from medxfer.cli.evaluate import _settled
from medxfer.cli.main import medxfer
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError, RunError
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.paths import Workspace
from medxfer.reports.document import report
from medxfer.reports.html import to_html
from medxfer.runs.decisions import decide_temperature, decisions, looks
from medxfer.runs.external import evaluate_external
from medxfer.runs.external_record import Matched, list_externals, load_external
from medxfer.runs.learned import learned
from medxfer.runs.store import delete_run, load_run

OURS = "<b>ill & 'so'</b>"
MATCH = {"Healthy": "healthy", "sick": OURS, "blurred": None}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A run with weights, and a second data set: 8 + 6 + 3 pictures, 2 of them the run's own."""
    folder = tmp_path_factory.mktemp("external")
    made = make(Workspace.find(folder / "workspace"), folder / "source")
    config = load_run(made.workspace, made.run).config
    torch.manual_seed(0)
    classes = load_manifest(made.workspace, made.data).classes
    place = made.workspace.run(made.run).checkpoints
    model = build(config.depth, len(classes), config.head)
    checkpoint.save(model, place, depth=config.depth, head=config.head, classes=classes, epoch=1)
    generator = np.random.default_rng(1)
    for name, count in (("Healthy", 8), ("sick", 6), ("blurred", 3)):
        (folder / "other" / name).mkdir(parents=True)
        for number in range(count):
            pixels = generator.integers(0, 255, (20, 20), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "other" / name / f"{number}.png")
    own = sorted((folder / "source").glob("Zwiebel*-0.png"))
    for file in own[:2]:
        shutil.copy(file, folder / "other" / "sick" / f"copy of {file.name}")
    import_source(made.workspace, folder / "other", ImportOptions(name="elsewhere"))
    two = ImportOptions(name="elsewhere-two-classes", classes=("Healthy", "sick"))
    import_source(made.workspace, folder / "other", two)
    return made


def test_what_is_matched_is_judged_and_the_rest_is_counted(made: Made) -> None:
    record, predictions = evaluate_external(made.workspace, made.run, "elsewhere", MATCH)
    assert (record.images, len(predictions)) == (14, 14)
    assert record.left_out == {"blurred": 3}
    assert record.own == 2
    assert record.patients is None
    assert predictions.classes == load_manifest(made.workspace, made.data).classes
    assert np.bincount(predictions.truth).tolist() == [6, 8]
    theirs = load_manifest(made.workspace, "elsewhere").table.set_index("image")
    labels = theirs["label"][predictions.facts["image"]]
    told = [predictions.classes[index] for index in predictions.truth]
    assert [MATCH[label] for label in labels] == told
    assert predictions.facts["split"].tolist() == theirs["split"][labels.index].tolist()

    assert list_externals(made.workspace, made.run) == [record]
    again, kept = load_external(made.workspace, made.run, "elsewhere")
    assert again == record
    np.testing.assert_array_equal(kept.logits, predictions.logits)


def test_answers_do_not_depend_on_the_matching(made: Made) -> None:
    whole = evaluate_external(made.workspace, made.run, "elsewhere", MATCH)[1]
    half = {"Healthy": "healthy"}
    part = evaluate_external(made.workspace, made.run, "elsewhere", half, Split.TRAIN)[1]
    frame = whole.facts.assign(logit=whole.logits[:, 0]).set_index("image")["logit"]
    expected = frame[part.facts["image"]].to_numpy()
    np.testing.assert_allclose(part.logits[:, 0], expected, atol=1e-3)
    assert set(part.facts["split"]) == {"train"}
    assert {record.split for record in list_externals(made.workspace, made.run)} == {"all", "train"}


@pytest.fixture
def heir(made: Made) -> Iterator[str]:
    """A run on another data set of 3 + 3 pictures that started from the weights of `made.run`."""
    config = load_run(made.workspace, made.run).config
    folder = made.workspace.root.parent / "local"
    if not folder.exists():
        generator = np.random.default_rng(5)
        for name in ("healthy", "ill"):
            (folder / name).mkdir(parents=True)
            for number in range(8):
                pixels = generator.integers(0, 255, (20, 20), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / name / f"p{number}_{name}.png")
        options = ImportOptions(name="local", patient_pattern=r"(p\d+)_")
        import_source(made.workspace, folder, options)
    run = make_run(made.workspace, "local")
    place = made.workspace.run(run)
    spec = json.loads(place.config.read_text())
    spec["settings"]["weights"] = f"run:{made.run}"
    place.config.write_text(json.dumps(spec))
    model = build(config.depth, 2, config.head)
    checkpoint.save(model, place.checkpoints, depth=config.depth, head=config.head,
                    classes=("healthy", "ill"), epoch=1)  # fmt: skip
    yield run
    delete_run(made.workspace, run)


def test_images_of_a_run_it_started_from_are_its_own_too(made: Made, heir: str) -> None:
    before = learned(made.workspace, heir)
    both = [load_manifest(made.workspace, data).table for data in ("local", made.data)]
    assert before.files == {file for table in both for file in table["sha256"]}
    assert before.gap == ""
    with pytest.raises(RunError, match="a run it started from, holds as well"):
        evaluate_external(made.workspace, heir, made.data, {"healthy": "healthy", OURS: "ill"})
    record, _ = evaluate_external(
        made.workspace, heir, "elsewhere", {"Healthy": "healthy", "sick": "ill"}
    )
    assert (record.own, record.own_found, record.gap) == (2, 2, "")


def test_what_an_ancestor_learned_from_must_be_as_it_was(made: Made, heir: str) -> None:
    place, matching = made.workspace, {"Healthy": "healthy", "sick": "ill"}
    events = place.run(made.run).events
    told = events.read_text()
    try:
        events.write_text(re.sub(r'"manifest_hash":"\w+"', '"manifest_hash":"other"', told))
        record, _ = evaluate_external(place, heir, "elsewhere", matching)
    finally:
        events.write_text(told)
    assert (record.own, record.own_found) == (None, 2), "what is found is left out all the same"
    assert f"'{made.data}' is not as run {made.run} learned from it" in record.gap
    assert "could not be checked: the data set" in " ".join(record.cautions)

    for gone, words in (
        (place.run(made.run).root, "which it started from, is gone"),
        (place.dataset(made.data).root, f"data set '{made.data}' of run {made.run} is gone"),
    ):
        aside = gone.with_name("aside")
        gone.rename(aside)
        try:
            record, _ = evaluate_external(place, heir, "elsewhere", matching)
        finally:
            aside.rename(gone)
        assert record.own is None
        assert words in record.gap
        assert record.images == 16, "its own pictures are not to be found any more"
    text = to_html(report(place, heir))
    assert "could not be checked" in text


def test_a_file_of_weights_does_not_say_what_it_learned_from(made: Made, heir: str) -> None:
    path = made.workspace.run(heir).config
    spec = json.loads(path.read_text())
    spec["settings"]["weights"] = "/some/where/radiology.pth"
    path.write_text(json.dumps(spec))
    assert "a file of weights" in learned(made.workspace, heir).gap


def test_images_that_share_a_patient_id_are_told_and_not_left_out(made: Made, heir: str) -> None:
    folder = made.workspace.root.parent / "neighbour"
    generator = np.random.default_rng(6)
    for name in ("healthy", "ill"):
        (folder / name).mkdir(parents=True)
        for number in range(6, 12):  # p6 and p7 are patients of "local" as well
            pixels = generator.integers(0, 255, (20, 20), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"p{number}_{name}.png")
    options = ImportOptions(name="neighbour", patient_pattern=r"(p\d+)_")
    import_source(made.workspace, folder, options)
    record, _ = evaluate_external(made.workspace, heir, "neighbour")
    assert (record.images, record.own, record.same_patients) == (12, 0, 4)
    assert record.matched is Matched.NAME
    assert any("4 of the images have a patient id" in text for text in record.cautions)
    text = to_html(report(made.workspace, heir))
    assert "4 of the images have a patient id" in text
    assert "classes of equal names taken for the same" in text
    unknown, _ = evaluate_external(
        made.workspace, heir, "elsewhere", {"Healthy": "healthy", "sick": "ill"}
    )
    assert unknown.same_patients is None
    assert unknown.matched is Matched.HAND


@pytest.mark.parametrize(
    ("data", "matching", "words"),
    [
        ("lungs", MATCH, "not another one"),
        ("elsewhere", {"blurred": None}, "None of the classes"),
        ("elsewhere", {"sicks": "healthy"}, "Did you mean 'sick'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    made: Made, data: str, matching: dict[str, str | None], words: str
) -> None:
    with pytest.raises(RunError, match=words):
        evaluate_external(made.workspace, made.run, data, matching)


def call(made: Made, *words: str) -> Any:
    rest = ["--workspace", str(made.workspace.root), "--json"]
    result = CliRunner().invoke(medxfer, [*words, *rest], standalone_mode=False)
    if result.exception:
        raise result.exception
    return json.loads(result.stdout)


def test_a_name_that_is_not_equal_must_be_said(made: Made) -> None:
    with pytest.raises(MedxferError) as refused:
        call(made, "evaluate", made.run, "--on", "elsewhere")
    assert "blurred, sick" in refused.value.problem
    assert "--match 'blurred=?' --match 'sick=?'" in refused.value.remedy
    assert not list(made.workspace.run(made.run).external.glob("elsewhere.val*"))
    for theirs, ours, by_hand, settled in (
        (("Normal", "ILL"), ("normal", "ill"), {}, None),
        (("normal", "ill", "x"), ("normal", "ill"), {"ill": "ill"},
         {"normal": "normal", "ill": "ill", "x": None}),
    ):  # fmt: skip
        assert _settled(theirs, ours, by_hand) == settled
    with pytest.raises(MedxferError) as refused:
        _settled(("covid_negative", "covid_positive"), ("COVID", "NORMAL"), {})
    words = "--match covid_negative=NORMAL --match covid_positive=COVID"
    assert words in refused.value.remedy
    with pytest.raises(MedxferError, match="covid_positive"):
        _settled(("normal", "covid_positive"), ("COVID", "NORMAL"), {"normal": "NORMAL"})


def test_a_look_at_their_test_part_is_counted_there(made: Made) -> None:
    run = make_run(made.workspace, "elsewhere-two-classes")
    match = ("--match", f"sick={OURS}")
    before = looks(made.workspace, run)
    assert before.total == 0
    words = ("evaluate", made.run, "--on", "elsewhere-two-classes", *match)
    assert call(made, *words, "--split", "val")["test_set_on"]["opened"] == 0
    for split in ("test", "all"):
        told = call(made, *words, "--split", split)
        assert told["test_set_on"]["opened"] == 1
        assert told["test_set_on"]["opened_by_this_run"] == 1
        assert told["test_set"]["opened"] == 0
    assert not decisions(made.workspace, made.run).is_open
    assert looks(made.workspace, run).total == 1

    decide_temperature(made.workspace, made.run)
    text = to_html(report(made.workspace, made.run))
    assert "Its test part was not opened under the temperature and threshold now in force" in text
    call(made, *words, "--split", "test")
    assert looks(made.workspace, run).total == 2


def test_the_command_line_and_the_report_show_it_beside_the_internal_result(made: Made) -> None:
    told = call(made, "evaluate", made.run, "--on", "elsewhere", "--match", f"sick={OURS}")
    assert told["matching"] == MATCH
    assert (told["n"], told["left_out"], told["own_images"]) == (14, {"blurred": 3}, 2)
    assert told["internal"]["split"] == "val"
    for name, figure in told["difference"].items():
        here, there = told["internal"]["metrics"][name], told["metrics"][name]
        if figure["value"] is not None:
            assert figure["value"] == pytest.approx(there["value"] - here["value"])
            assert figure["low"] <= figure["value"] <= figure["high"]
    assert told["difference"]["auroc"]["value"] is not None
    assert told["test_set"]["opened"] == 0
    text = to_html(report(made.workspace, made.run))
    assert "Evaluated on &#x27;elsewhere&#x27;" in text
    assert "3 of blurred" in text
    assert "because the run&#x27;s own data set has them too: 2" in text
    assert "copy of" not in text
