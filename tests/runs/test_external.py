"""A run is judged on other images: classes matched, images it may have learned from left out."""

from __future__ import annotations

import json
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from recorded import Made, make

from medxfer.cli.main import medxfer
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import RunError
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.paths import Workspace
from medxfer.reports.document import report
from medxfer.reports.html import to_html
from medxfer.runs.external import evaluate_external
from medxfer.runs.external_record import list_externals, load_external
from medxfer.runs.store import load_run

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


def test_the_command_line_and_the_report_show_it_beside_the_internal_result(made: Made) -> None:
    def call(*words: str) -> Any:
        rest = ["--workspace", str(made.workspace.root), "--json"]
        result = CliRunner().invoke(medxfer, [*words, *rest], standalone_mode=False)
        assert result.exception is None, result.exception
        return json.loads(result.stdout)

    told = call("evaluate", made.run, "--on", "elsewhere", "--match", f"sick={OURS}")
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
