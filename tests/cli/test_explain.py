"""`medxfer explain` on a run that has learned nothing, which takes no time to make."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from begun import begin
from click.testing import CliRunner, Result
from PIL import Image

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli.explain import explain
from medxfer.cli.main import medxfer
from medxfer.config import Stage, TrainConfig
from medxfer.errors import MedxferError
from medxfer.explain.methods import METHODS
from medxfer.paths import Workspace

ROOT = Path(__file__).resolve().parents[2]
PROBABLE = '"probabilit'


@pytest.fixture
def run(workspace: Workspace, small_config: TrainConfig) -> str:
    return begin(workspace, small_config)


@pytest.fixture
def scan(run: str, tmp_path: Path) -> Path:
    """A scan like those of the run."""
    return tmp_path / "small" / "val" / "PNEUMONIA" / "val0.png"


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A colour picture under a name that is no name for a page or a spreadsheet."""
    path = tmp_path / "=<script>alert(1)<" / "<b>7.png"
    path.parent.mkdir()
    ramp = Image.linear_gradient("L")
    Image.merge("RGB", [ramp.rotate(turn) for turn in (0, 90, 180)]).save(path)
    return path


@pytest.fixture
def ask(workspace: Workspace, run: str, tmp_path: Path) -> Callable[..., Result]:
    def asked(*words: object) -> Result:
        place = ["--out", tmp_path / "out", "--workspace", workspace.root]
        said = CliRunner().invoke(
            medxfer, list(map(str, ["explain", run, *words, *place])), standalone_mode=False
        )
        if said.exception:
            raise said.exception
        return said

    return asked


def test_a_difference_at_a_stage_is_checked_and_told_in_full(
    ask: Callable[..., Result], run: str, scan: Path, tmp_path: Path
) -> None:
    said = ask(scan, "--class", "NORMAL", "--against", "PNEUMONIA", "--stage", "layer3",
               "--method", "layercam", "--check", "--html", "--json")  # fmt: skip
    assert said.return_value == 0
    (told,) = json.loads(said.stdout)["files"]
    explanation, faithfulness = told["explanation"], told["faithfulness"]
    assert (explanation["class"], explanation["rather_than"]) == ("NORMAL", "PNEUMONIA")
    assert (explanation["method"], explanation["stage"]) == ("layercam", "layer3")
    assert explanation["raw_maximum"] == told["raw_maximum"]
    assert told["heatmap_class"] == "NORMAL"
    assert len(faithfulness["removal"]["random"]) == 5
    assert len(faithfulness["stability"]["likeness"]) == 4
    assert told["sentence"].endswith(
        f"{faithfulness['verdict'].removesuffix(' by the checks')} by the checks."
    )
    assert (told["answered"], told["insisted"]) == (True, False)
    assert told["run"] == run
    assert told["notice"] == RESEARCH_USE_ONLY
    assert "Checking the heatmap of val0.png: 112 of 112" in said.stderr
    page = Path(told["page"])
    assert page == Path(told["heatmap"]).with_suffix(".html")
    text = page.read_text()
    assert "rather than PNEUMONIA by layercam" in text
    assert faithfulness["verdict"] in text
    assert str(tmp_path) not in text
    with Image.open(told["heatmap"]) as drawn:
        assert drawn.height > 64


def test_without_these_options_nothing_of_it_is_made(
    ask: Callable[..., Result], scan: Path, tmp_path: Path
) -> None:
    (told,) = json.loads(ask(scan, "--json").stdout)["files"]
    assert told["page"] is told["faithfulness"] is told["explanation"]["rather_than"] is None
    assert told["explanation"]["stage"] == "layer4"
    assert told["heatmap_class"] == told["prediction"]
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".png"]
    assert "This heatmap is" not in told["sentence"]


def test_a_refused_scan_has_its_page_and_no_probability(
    ask: Callable[..., Result], stranger: Path, scan: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.png"
    wrong.write_text("no picture")
    said = ask(stranger, wrong, "--html", "--check", "--json")
    assert said.return_value == 2
    values = json.loads(said.stdout)
    assert values["files"] == []
    unlike, unread = values["refused"]
    assert PROBABLE not in said.stdout
    assert unlike["answered"] is unlike["insisted"] is False
    assert unlike["familiarity"]["familiar"] is False
    assert [case["label"] for case in unlike["familiarity"]["similar"]] == [None] * 5
    assert "--insist" in unlike["reason"]
    text = Path(unlike["page"]).read_text()
    assert "Not answered: this picture is unlike" in text
    assert "probab" not in text
    assert "<b>7" not in text
    assert "script>" not in text, "the folder is not told"
    assert unread.keys() == {"file", "page", "reason", "familiarity"}
    assert unread["page"] is unread["familiarity"] is None
    assert "Checking" not in said.stderr

    insisted = ask(stranger, "--html", "--insist", "--json")
    assert insisted.return_value == 0
    (told,) = json.loads(insisted.stdout)["files"]
    assert told["insisted"] is True
    assert told["image"] == "<b>7.png"
    assert told["caution"].replace("'", "&#x27;") in Path(told["page"]).read_text()
    assert {case["label"] for case in told["familiarity"]["similar"]} <= {"NORMAL", "PNEUMONIA"}


def test_why_it_cannot_be_said_is_told_to_the_person_and_kept_from_the_page(
    ask: Callable[..., Result], scan: Path
) -> None:
    other = scan.with_name("val1.png")
    other.unlink()
    (told,) = json.loads(ask(scan, "--insist", "--html", "--json").stdout)["files"]
    assert "val1.png" in told["familiarity"]["sentence"]
    assert told["familiarity"]["familiar"] is None
    assert "cannot be said" in told["caution"]
    text = Path(told["page"]).read_text()
    assert "val1.png" not in text
    assert "cannot be said" in text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--class", "NORMAL", "--against", "NORMAL"], "cannot be compared with itself"),
        (["--against", "FLU"], "knows no class 'FLU'. Its classes are NORMAL, PNEUMONIA"),
        (["--method", "gradcamm"], "Did you mean 'gradcam'"),
    ],
)
def test_what_cannot_be_had_is_said_before_any_scan_is_looked_at(
    ask: Callable[..., Result], scan: Path, tmp_path: Path, words: list[str], problem: str
) -> None:
    with pytest.raises(MedxferError, match=problem):
        ask(scan, *words)
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_no_text_is_answered_like_any_other(
    ask: Callable[..., Result], scan: Path, tmp_path: Path
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.png"))
    odd.write_bytes(scan.read_bytes())
    broken = odd.with_name(os.fsdecode(b"b\xff.png"))
    broken.write_text("no picture")
    values = json.loads(ask(odd, broken, "--html", "--json").stdout)
    (told,), (refused,) = values["files"], values["refused"]
    assert told["image"] == "a?.png"
    assert Path(told["heatmap"]).exists()
    assert Path(told["page"]).exists()
    assert "b?.png" in refused["reason"]


def test_help_and_documentation_name_every_method_and_stage() -> None:
    (method,) = (option for option in explain.params if option.name == "method")
    (stage,) = (option for option in explain.params if option.name == "stage")
    told = str(method.help).replace(" or ", ", ").rstrip(".").split(", ")  # type: ignore[attr-defined]
    assert told == list(METHODS)
    section = (
        (ROOT / "docs" / "cli.md").read_text().split("## medxfer explain")[1].split("\n## ")[0]
    )
    assert all(f"`{name}`" in section for name in METHODS)
    stages = [str(one) for one in Stage if one is not Stage.HEAD]
    assert list(stage.type.choices) == stages  # type: ignore[attr-defined]
    assert all(f"`{name}`" in section for name in stages)
