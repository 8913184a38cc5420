"""`medxfer heatmaps`: checks for scripts and people, and pictures that carry their stamp."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from marked import MarkedRun, make_marked
from PIL import Image

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.main import medxfer
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.runs import checking
from medxfer.runs.decisions import open_test
from medxfer.runs.heatmaps import kept
from medxfer.runs.results import load_predictions


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MarkedRun:
    folder = tmp_path_factory.mktemp("heatmaps")
    return make_marked(Workspace.find(folder / "workspace"), folder / "source")


@pytest.fixture
def call(made: MarkedRun, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(checking, "DESTROYED", 2)

    def run(*arguments: object) -> Any:
        return json.loads(text(made, *arguments, "--json"))

    return run


def text(made: MarkedRun, *arguments: object) -> str:
    words = ["heatmaps", made.run, *map(str, arguments), "--workspace", str(made.workspace.root)]
    result = CliRunner().invoke(medxfer, words, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def test_the_checks_are_told_and_kept(made: MarkedRun, call: Callable[..., Any]) -> None:
    told = call()
    found = kept(made.workspace, made.run, Split.VALIDATION)
    assert found is not None
    assert (told["run"], told["split"], told["method"]) == (made.run, "val", "gradcam")
    assert told["sentences"] == list(found.sentences)
    assert told["notice"] == RESEARCH_USE_ONLY
    destroyed = told["randomisation"]
    assert (destroyed["depends"], destroyed["images"]) == (found.depends, 2)
    assert [one["stage"] for one in destroyed["likeness"]] == list(found.likeness)
    assert destroyed["likeness"][0].keys() == {"stage", "value", "low", "high"}
    assert told["marks"]["pictures"] == 5
    assert told["marks"]["pointing"] == found.marks.pointing.to_json()
    assert call() == told, "the kept ones"
    shown = text(made)
    assert found.sentences[0] in shown
    assert RESEARCH_USE_ONLY in shown


def test_another_method_is_another_check(made: MarkedRun, call: Callable[..., Any]) -> None:
    told = call("--method", "layercam")
    assert told["method"] == "layercam"
    found = kept(made.workspace, made.run, Split.VALIDATION, "layercam")
    assert found is not None
    assert told["sentences"] == list(found.sentences)


def test_a_sheet_is_one_picture(made: MarkedRun, call: Callable[..., Any], tmp_path: Path) -> None:
    answers = load_predictions(made.workspace, made.run, "val")
    inside = int(((answers.truth == 0) & (answers.predicted == 1)).sum())
    out = tmp_path / "sheet.png"
    told = call("--sheet", "ill", "well", "--out", out)
    assert (told["truth"], told["called"], told["file"]) == ("ill", "well", str(out))
    assert (told["images"], told["among"], told["unreadable"]) == (inside, inside, 0)
    with Image.open(out) as image:
        assert image.format == "PNG"
        assert image.info == {}
        assert image.width > 300


def test_a_mean_map_is_one_picture(
    made: MarkedRun, call: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "mean.png"
    for words, of in (((), "truth"), (("--of", "called"), "called")):
        told = call("--mean", "ill", *words, "--out", out)
        assert (told["class"], told["of"], told["images"]) == ("ill", of, told["among"])
        assert sum(told["shares"].values()) == pytest.approx(1, abs=1e-6)
        assert "Grad-CAM" in told["caption"]
        with Image.open(out) as image:
            assert image.height > 224, "the stamp lies below"
    assert told["sentence"] in text(made, "--mean", "ill", "--of", "called", "--out", out)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--sheet", "ill", "well"], "needs a file"),
        (["--mean", "ill"], "needs a file"),
        (["--out", "x.png"], "needs a file"),
        (["--sheet", "ill", "well", "--mean", "ill", "--out", "x.png"], "two pictures"),
        (["--of", "called"], "about a mean heatmap"),
        (["--mean", "sick", "--out", "x.png"], "no class 'sick'"),
        (["--sheet", "ill", "sick", "--out", "x.png"], "no class 'sick'"),
        (["--mean", "ill", "--out", "/proc/none/x.png"], "cannot be written"),
        (["--method", "gradcan"], "heatmap method"),
        (["--split", "test"], "was not opened"),
        (["--split", "test", "--mean", "ill", "--out", "x.png"], "was not opened"),
    ],
)
def test_what_cannot_be_done_says_so(
    made: MarkedRun,
    call: Callable[..., Any],
    words: list[str],
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MedxferError, match=problem):
        call(*words)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_run_says_so(made: MarkedRun, call: Callable[..., Any]) -> None:
    with pytest.raises(MedxferError, match="There is no run 'nothing'"):
        text(MarkedRun(made.workspace, "nothing", made.folder))


def test_an_open_test_set_is_used_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_marked(Workspace.find(tmp_path / "workspace"), tmp_path / "source")
    open_test(made.workspace, made.run, "page")
    out = tmp_path / "mean.png"
    told = json.loads(text(made, "--split", "test", "--mean", "ill", "--out", out, "--json"))
    assert told["split"] == "test"
    assert "4 test images" in told["caption"]
