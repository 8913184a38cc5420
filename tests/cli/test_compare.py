"""`medxfer compare`: two runs on the same images, for scripts and for people."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from medxfer import RESEARCH_USE_ONLY
from medxfer.cli import main as command
from medxfer.config import TrainConfig
from medxfer.errors import EvaluationError
from medxfer.evaluation.predictions import Predictions
from medxfer.events import Started
from medxfer.paths import Workspace
from medxfer.runs import journal
from medxfer.runs.store import create_run


@pytest.fixture
def judged(workspace: Workspace, small_config: TrainConfig) -> Callable[[float, int], str]:
    """A run with saved predictions of `images` images, blurred by so much noise of its own."""

    def make(noise: float, images: int = 120) -> str:
        run, _ = create_run(workspace, small_config)
        journal.append(workspace.run(run).events, Started(
            pid=1, device="cpu", precision="float32", threads=1, versions={}, weights="none",
            manifest_hash="m", split_hash="s", classes=("NORMAL", "PNEUMONIA"), images={},
            parameters=1, phases=(),
        ))  # fmt: skip
        truth = np.arange(images) % 2
        score = 2.0 * truth + np.random.default_rng(1).normal(size=images) - 1
        score += noise * np.random.default_rng(2).normal(size=images)
        names = [f"i{row}" for row in range(images)]
        facts = pd.DataFrame({"image": names, "file": names, "split": "val"})
        facts["patient"] = [f"p{row // 2}" for row in range(images)]
        logits = np.stack([-score, score], axis=1)
        for split in ("val", "test"):
            answers = Predictions(("NORMAL", "PNEUMONIA"), facts, truth, logits)
            answers.save(workspace.run(run).predictions(split))
        return run

    return make


def invoke(workspace: Workspace, *arguments: str) -> Result:
    words = ["compare", *arguments, "--workspace", str(workspace.root)]
    return CliRunner().invoke(command.medxfer, words, standalone_mode=False)


def test_for_a_script(workspace: Workspace, judged: Callable[..., str]) -> None:
    good, bad = judged(0.0), judged(3.0)
    values: dict[str, Any] = json.loads(invoke(workspace, good, bad, "--json").stdout)
    assert values["split"] == "val"
    assert (values["n"], values["patients"]) == (120, 60)
    assert (values["run_a"], values["run_b"]) == (good, bad)
    auroc = values["differences"]["auroc"]
    assert auroc["value"] == values["metrics_a"]["auroc"] - values["metrics_b"]["auroc"]
    assert 0 < auroc["low"] < auroc["value"] < auroc["high"]
    assert values["delong_p"] < 0.001
    right = values["only_a_right"] - values["only_b_right"]
    assert values["differences"]["accuracy"]["value"] == pytest.approx(right / 120)
    assert values["conclusion"].startswith(f"{good} is better: AUROC higher by")
    assert values["test_set_a"]["opened"] == values["test_set_b"]["opened"] == 0
    values = json.loads(invoke(workspace, good, bad, "--json", "--split", "test").stdout)
    assert values["n"] == 120
    assert values["test_set_a"]["opened"] == values["test_set_b"]["opened"] == 2, "one each"


def test_runs_with_another_finding_are_not_compared(
    workspace: Workspace, judged: Callable[..., str]
) -> None:
    first, second = judged(0.0), judged(1.0)
    path = workspace.run(second).predictions("val")
    replace(Predictions.load(path), finding="NORMAL").save(path)
    refused = invoke(workspace, first, second)
    assert isinstance(refused.exception, EvaluationError)
    assert "not of the same class" in str(refused.exception)


def test_for_a_person(workspace: Workspace, judged: Callable[..., str]) -> None:
    first, second = judged(0.0), judged(0.1)
    said = invoke(workspace, first, second).stdout
    assert said.startswith("120 images of 60 patients in 'val'\n")
    assert "No difference shown: AUROC " in said
    assert "log_loss" in said
    assert RESEARCH_USE_ONLY in said


def test_other_images_are_refused(workspace: Workspace, judged: Callable[..., str]) -> None:
    refused = invoke(workspace, judged(0.0), judged(0.0, 100))
    assert isinstance(refused.exception, EvaluationError)
    assert "120 and 100, of which 100 are common" in str(refused.exception)
