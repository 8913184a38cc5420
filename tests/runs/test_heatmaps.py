"""Checks of a run's heatmaps: made once, right, kept, and said as they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from marked import NAME, MarkedRun, make_marked

from medxfer.data.library import delete_dataset, load_manifest
from medxfer.data.manifest import Split
from medxfer.data.marks import mark_of
from medxfer.data.readers import read_picture
from medxfer.errors import DataError, ExplainError, RunError, UnknownNameError
from medxfer.evaluation.estimate import Estimate
from medxfer.explain import randomisation as destroying
from medxfer.explain.average import MeanMap
from medxfer.explain.heatmap import METHODS, explain
from medxfer.explain.pointing import Marked, localisation
from medxfer.paths import Workspace
from medxfer.runs import checking, overview
from medxfer.runs.asked import Asked
from medxfer.runs.checking import checked
from medxfer.runs.decisions import open_test
from medxfer.runs.heatmaps import all_kept, check_open, keep, kept, maps_needed, seconds
from medxfer.runs.loading import load_model
from medxfer.runs.overview import class_index, mean_of_class, sheet_of_cell
from medxfer.runs.results import load_predictions
from medxfer.runs.store import kept_weights
from medxfer.runs.worth import ALIKE, METHOD_NAMES, Checks, Dependence, OnMarks, percent
from medxfer.working import ended


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> MarkedRun:
    """With its checks made and kept."""
    folder = tmp_path_factory.mktemp("heatmaps")
    made = make_marked(Workspace.find(folder / "workspace"), folder / "source")
    checked(made.workspace, made.run)
    return made


@pytest.fixture
def made(original: MarkedRun, tmp_path: Path) -> MarkedRun:
    """A copy of this test's own; the pictures themselves are those of the original."""
    root = tmp_path / "workspace"
    shutil.copytree(original.workspace.root, root)
    return MarkedRun(Workspace.find(root), original.run, original.folder)


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network may be loaded."""

    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(Asked, "of", refuse)


def file_of(made: MarkedRun, split: str = "val") -> Path:
    return made.workspace.run(made.run).root / "heatmaps" / f"{split}.gradcam.json"


def test_they_are_made_once_and_kept(made: MarkedRun, unasked: None) -> None:
    found = checked(made.workspace, made.run)
    assert found == kept(made.workspace, made.run, Split.VALIDATION)
    assert (found.split, found.method, found.stage) == ("val", "gradcam", "layer4")
    assert list(found.likeness) == list(map(str, destroying.CASCADE))
    assert 2 <= found.pictures <= 8
    assert found.marks is not None
    assert (found.marks.marked, found.marks.blank, found.marks.pictures) == (10, 5, 5)
    assert json.loads(file_of(made).read_text())["weights_sha256"] == found.weights_sha256


@pytest.mark.parametrize(
    "fault",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:200]),
        lambda path: altered(path, weights_sha256="0" * 64),
        lambda path: altered(path, schema_version=99),
        lambda path: altered(path, likeness={"head": "high"}),
        lambda path: altered(path, split="test"),
    ],
)
def test_damaged_ones_and_those_of_other_weights_do_not_count(
    made: MarkedRun, fault: Callable[[Path], None]
) -> None:
    before = file_of(made).read_text()
    fault(file_of(made))
    assert kept(made.workspace, made.run, Split.VALIDATION) is None
    assert all_kept(made.workspace, made.run, [Split.VALIDATION]) == ()
    file_of(made).write_text(before)
    assert len(all_kept(made.workspace, made.run, [Split.VALIDATION])) == 1


def altered(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_made_anew_they_are_the_same_and_tell_how_far_they_are(made: MarkedRun) -> None:
    before = checked(made.workspace, made.run)
    file_of(made).write_text("{")
    told: list[tuple[str, int, int]] = []
    again = checked(made.workspace, made.run, tell=lambda *step: told.append(step))
    assert again.model_dump(exclude={"made"}) == before.model_dump(exclude={"made"})
    total = maps_needed(load_manifest(made.workspace, NAME), Split.VALIDATION)
    assert total == 8 * 8 + 10
    assert {(step, of) for step, _, of in told} == {("Checking heatmaps", total)}
    done = [number for _, number, _ in told]
    assert done == sorted(done)
    assert done[-1] <= total
    assert seconds(total, 50) > seconds(total, 18) > 0


def test_who_stops_it_keeps_nothing(made: MarkedRun) -> None:
    file_of(made).unlink()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checked(made.workspace, made.run, tell=stop)
    assert not file_of(made).exists()
    assert list(file_of(made).parent.iterdir()) == []


def test_the_figures_on_marks_are_those_of_the_true_class(made: MarkedRun) -> None:
    manifest = load_manifest(made.workspace, NAME)
    loaded = load_model(made.workspace, made.run)
    rows = manifest.part(Split.VALIDATION).table.query("label == 'ill'").to_dict("records")
    marked = []
    for row in rows:
        pixels = read_picture(manifest.path(row["file"])).pixels
        heat = explain(loaded.model, pixels, loaded.classes, target=loaded.classes.index("ill"))
        marked.append(Marked(heat.heatmap, mark_of(manifest, row, 64, 64), row["patient"]))
    expected = localisation(marked)
    found = checked(made.workspace, made.run).marks
    assert found is not None
    for name, value in vars(expected).items():
        assert getattr(found, name) == value, name


def test_the_likeness_is_that_of_the_classes_called(made: MarkedRun) -> None:
    """Without the split by class called, by `randomisation` itself on one class."""
    found = checked(made.workspace, made.run)
    loaded = load_model(made.workspace, made.run)
    manifest = load_manifest(made.workspace, NAME)
    of_class: dict[int, list[np.ndarray]] = {}
    from medxfer.runs.heatmaps import one_a_patient

    rows = one_a_patient(manifest, Split.VALIDATION)
    assert rows["patient"].is_unique
    assert set(rows["label"].iloc[:2]) == {"ill", "well"}
    for file in rows["file"]:
        pixels = read_picture(manifest.path(file)).pixels
        one = explain(loaded.model, pixels, loaded.classes)
        if one.raw_maximum > 0 and sum(map(len, of_class.values())) < 8:
            of_class.setdefault(one.predicted, []).append(pixels)
    assert sum(map(len, of_class.values())) == found.pictures
    columns = []
    for called, pictures in of_class.items():
        steps = destroying.randomisation(
            loaded.model, pictures, destroying.of_method(loaded.classes, called)
        )
        columns.append(ended(steps).likeness)
    means = np.hstack(columns).mean(axis=1)
    assert [one.value for one in found.likeness.values()] == pytest.approx(means.tolist())


def test_an_image_that_changed_is_left_out_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_marked(Workspace.find(tmp_path / "workspace"), tmp_path / "source")
    (made.folder / "val-ill-0.png").write_bytes(b"no picture")
    (made.folder / "masks" / "val-ill-1.png").unlink()
    monkeypatch.setattr(checking, "DESTROYED", 1)
    found = checked(made.workspace, made.run).marks
    assert found is not None
    assert (found.pictures, found.unusable, found.blank) == (3, 2, 5)
    assert found.reason == "val-ill-0.png changed or vanished since the import."
    assert "Marked images that could not be used: 2." in found.sentences
    assert not [sentence for sentence in found.sentences if ".png" in sentence]


def test_without_marks_only_the_weights_are_checked(
    made: MarkedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "DESTROYED", 1)
    path = made.workspace.dataset(NAME).manifest
    manifest = load_manifest(made.workspace, NAME)
    table = manifest.table.drop(
        columns=[c for c in manifest.table if c.startswith(("mask", "box"))]
    )
    table.to_parquet(path, index=False)
    assert kept(made.workspace, made.run, Split.VALIDATION, marks="") is None, "of other marks"
    found = checked(made.workspace, made.run)
    assert found.marks is None
    assert found.marks_sha256 == ""
    assert found.sentences[1:] == (
        "No image of this part has a mask or a box, so whether the heatmaps lie on findings "
        "cannot be said.",
    )


def test_the_test_part_is_looked_at_only_when_open(
    made: MarkedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "DESTROYED", 1)
    place, run = made.workspace, made.run
    for ask in (
        lambda: checked(place, run, Split.TEST),
        lambda: mean_of_class(place, run, "ill", Split.TEST),
        lambda: sheet_of_cell(place, run, 0, 0, Split.TEST),
    ):
        with pytest.raises(RunError, match="was not opened under the decisions in force"):
            ask()
    with pytest.raises(RunError, match="not on 'train'"):
        check_open(place, run, Split.TRAIN)
    open_test(place, run, "page")
    found = checked(place, run, Split.TEST)
    assert found.marks is not None
    assert found.marks.pictures == 4, "by their boxes"
    assert {one.split for one in all_kept(place, run, [Split.VALIDATION])} == {"val"}
    both = all_kept(place, run, [Split.VALIDATION, Split.TEST])
    assert [one.split for one in both] == ["val", "test"]


def test_without_the_data_set_the_kept_ones_are_given(made: MarkedRun, unasked: None) -> None:
    before = kept(made.workspace, made.run, Split.VALIDATION)
    delete_dataset(made.workspace, NAME)
    assert checked(made.workspace, made.run) == before
    file_of(made).unlink()
    with pytest.raises(DataError, match="There is no data set"):
        checked(made.workspace, made.run)


def test_an_unknown_method_is_refused_before_anything_is_done(
    made: MarkedRun, unasked: None
) -> None:
    for ask in (
        lambda: checked(made.workspace, made.run, method="gradcan"),
        lambda: mean_of_class(made.workspace, made.run, "ill", method="../../x"),
        lambda: sheet_of_cell(made.workspace, made.run, 0, 0, method="gradcan"),
    ):
        with pytest.raises(UnknownNameError, match="heatmap method"):
            ask()


def test_the_mean_map_is_that_of_its_images(made: MarkedRun) -> None:
    place, run = made.workspace, made.run
    answers, loaded = load_predictions(place, run, "val"), load_model(place, run)
    manifest = load_manifest(place, NAME)
    for called, which in ((False, answers.truth), (True, answers.predicted)):
        told: list[tuple[str, int, int]] = []
        found = mean_of_class(
            place, run, "well", tell=lambda *step, told=told: told.append(step), called=called
        )
        expected = MeanMap()
        for file in answers.facts["file"][which == 1]:
            pixels = read_picture(manifest.path(file)).pixels
            heat = explain(loaded.model, pixels, loaded.classes, target=1).heatmap
            expected.add(pixels, heat)
        np.testing.assert_allclose(found.mean.heatmap, expected.heatmap)
        count = int((which == 1).sum())
        assert (found.mean.count, found.among, found.unreadable) == (count, count, 0)
        assert [done for _, done, _ in told] == list(range(1, count + 1))
        assert found.pixels.shape == (224, 448, 3)
        np.testing.assert_array_equal(found.pixels[:, :224], expected.picture)
        assert ("called well" in found.caption(Split.VALIDATION)) is called


def test_of_many_images_some_are_averaged(made: MarkedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "MOST_MEAN", 2)
    found = mean_of_class(made.workspace, made.run, "ill")
    assert (found.mean.count, found.among) == (2, 5)
    assert "Mean of 2 of 5 validation images" in found.caption(Split.VALIDATION)


def test_where_the_heat_lies_is_said() -> None:
    heat = np.zeros((224, 224), np.float32)
    mean = MeanMap()
    mean.add(np.zeros((224, 224, 3), np.uint8), heat)
    nothing = overview.MeanOfClass("ill", False, "gradcam", mean, 1, 0)
    assert nothing.sentence == ("Nothing in these images speaks for ill: every heatmap is empty.")
    heat[30:60, 170:200] = 1
    mean.add(np.zeros((224, 224, 3), np.uint8), heat)
    corner = overview.MeanOfClass("ill", False, "gradcam", mean, 2, 0)
    assert "at the top right: 100 % of it" in corner.sentence
    assert "9.0 times as much as if it were spread evenly (11 %)" in corner.sentence
    assert "such as a side marker" in corner.sentence
    assert "empty heatmaps: 1" in corner.caption(Split.VALIDATION)
    middle = np.zeros((224, 224), np.float32)
    middle[100:120, 100:120] = 50
    mean.add(np.zeros((224, 224, 3), np.uint8), middle)
    centre = overview.MeanOfClass("ill", False, "gradcam", mean, 3, 0)
    assert "in the centre" in centre.sentence
    assert "marker" not in centre.sentence


def test_the_sheet_holds_the_cell(made: MarkedRun) -> None:
    answers = load_predictions(made.workspace, made.run, "val")
    inside = int(((answers.truth == 0) & (answers.predicted == 0)).sum())
    told: list[tuple[int, int]] = []
    found = sheet_of_cell(made.workspace, made.run, 0, 0, tell=lambda _, *step: told.append(step))
    assert (found.images, found.among, found.unreadable) == (inside, inside, 0)
    assert told == [(number, inside) for number in range(1, inside + 1)]
    assert f"ill, called ill: {inside} validation images" in found.caption(Split.VALIDATION)
    assert found.pixels.std() > 10


def test_a_picture_that_is_gone_has_its_place_on_the_sheet(tmp_path: Path) -> None:
    made = make_marked(Workspace.find(tmp_path / "workspace"), tmp_path / "source")
    (made.folder / "val-ill-0.png").unlink()
    found = sheet_of_cell(made.workspace, made.run, 0, 0)
    assert found.unreadable == 1
    assert "Could not be used: 1." in found.caption(Split.VALIDATION)
    for file in made.folder.glob("val-ill-*.png"):
        file.unlink()
    with pytest.raises(ExplainError, match=r"None of 5 images can be used\. val-ill"):
        mean_of_class(made.workspace, made.run, "ill")


def test_what_is_not_there_says_so(made: MarkedRun, unasked: None) -> None:
    place, run = made.workspace, made.run
    with pytest.raises(ExplainError, match=r"no class 'sick'. Its classes are ill, well"):
        class_index(("ill", "well"), "sick")
    path = place.run(run).predictions("val")
    answers = load_predictions(place, run, "val")
    answers.only(answers.truth == 1).save(path)
    with pytest.raises(ExplainError, match="No validation image belongs to the class 'ill'"):
        mean_of_class(place, run, "ill")
    with pytest.raises(ExplainError, match="No validation image of 'ill' was called 'well'"):
        sheet_of_cell(place, run, 0, 1)
    path.unlink()
    with pytest.raises(RunError, match="no predictions for 'val'"):
        mean_of_class(place, run, "ill")


def checks(last: Estimate, marks: OnMarks | None = None) -> Checks:
    return Checks(
        weights_sha256="0", marks_sha256="", split=Split.VALIDATION, method="gradcam",
        stage="layer4", pictures=8, likeness={"head": Estimate(0.9, 0.8, 1.0), "stem": last},
        marks=marks,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("last", "depends", "said"),
    [
        (Estimate(0.12, 0.05, 0.19), Dependence.YES, "The heatmaps depend on what the network"),
        (Estimate(0.3, -0.1, 0.7), Dependence.UNSURE, "is not certain"),
        (Estimate(0.3), Dependence.UNSURE, "is not certain"),
        (Estimate(0.9, 0.8, 1.0), Dependence.NO, "do not go by them"),
    ],
)
def test_dependence_is_said_by_its_interval(last: Estimate, depends: Dependence, said: str) -> None:
    found = checks(last)
    assert found.depends is depends
    assert said in found.sentences[0]
    assert f"{last.value:.2f}" in found.sentences[0]
    assert found.model_copy(update={"likeness": {}}).depends is Dependence.UNSURE
    assert "cannot be told" in found.model_copy(update={"likeness": {}}).sentences[0]


def on_marks(gain: Estimate, **values: object) -> OnMarks:
    given = {
        "marked": 60, "pictures": 60, "patients": 60, "unseen": 0, "blank": 0, "unusable": 0,
        "reason": "", "pointing": Estimate(0.42, 0.3, 0.54),
        "centre_pointing": Estimate(0.0, 0, 0.06),
        "pointing_gain": gain, "energy": Estimate(0.31, 0.25, 0.37),
        "centre_energy": Estimate(0.12, 0.1, 0.14), "energy_gain": gain, "area": 0.08,
    }  # fmt: skip
    return OnMarks(**(given | values))


def test_marks_are_said_as_asked_for() -> None:
    first, second = on_marks(Estimate(0.42, 0.3, 0.54)).sentences
    assert first.startswith(
        "The hottest point lies on the marked finding in 42 % (30 to 54 %) of 60 images; the "
        "centre of the picture would in 0 % (0 to 6 %). That is better than the centre, by 42 "
        "points (30 to 54)."
    )
    assert "31 % (25 to 37 %) of the heat lies inside the marks" in second
    assert "of heat spread evenly 8 %" in second
    assert "not shown to be better" in on_marks(Estimate(0.05, -0.1, 0.2)).sentences[0]
    assert (
        "The centre does better, by 30 points" in on_marks(Estimate(-0.3, -0.4, -0.2)).sentences[0]
    )
    assert "cannot be told" in on_marks(Estimate(0.3)).sentences[0]
    assert (
        "of 60 images (drawn at random from 900)"
        in on_marks(Estimate(0.3), marked=900).sentences[0]
    )
    assert "outside the square" in on_marks(Estimate(0.3), unseen=2).sentences[-1]
    none = on_marks(Estimate(None), pictures=0, blank=60)
    assert none.sentences == ("No marked finding could be compared with a heatmap.",)
    assert percent(Estimate(0.5)) == "50 %"
    assert percent(Estimate(None)) == "not defined"


def test_what_is_kept_reads_the_same(made: MarkedRun) -> None:
    weights = kept_weights(made.workspace.run(made.run))
    one = checks(Estimate(0.1, 0.0, 0.2), on_marks(Estimate(0.42, 0.3, 0.54)))
    one = one.model_copy(update={"weights_sha256": weights})
    keep(made.workspace, made.run, one)
    assert kept(made.workspace, made.run, Split.VALIDATION) == one


def test_a_full_disk_is_a_sentence(made: MarkedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("medxfer.runs.heatmaps.write_text", full)
    with pytest.raises(RunError, match="could not be kept: No space left"):
        keep(made.workspace, made.run, checks(Estimate(0.1)))


def test_names_and_limit_are_those_of_the_core() -> None:
    assert set(METHOD_NAMES) == set(METHODS)
    assert ALIKE == destroying.ALIKE
