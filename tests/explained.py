"""Explained scans made by hand, without a network; areas and gaps are easy to work out."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medxfer.config import Stage
from medxfer.explain.agreement import Agreement
from medxfer.explain.curves import FRACTIONS, Curves
from medxfer.explain.faithfulness import Faithfulness
from medxfer.explain.familiarity import Check, Familiarity, Similar
from medxfer.explain.heatmap import Explanation
from medxfer.reports.scan import Explained
from medxfer.reports.stamp import Stamp
from medxfer.runs.answering import Answer, Verdict

CLASSES = ("NORMAL", "PNEUMONIA")
MADE = datetime(2025, 3, 9, 1, 30, tzinfo=timezone(timedelta(hours=2)))
STAMP = Stamp(
    "20250309-013000-abcd", "ResNet-34, strategy partial", "chest", "1.2.3", "2025-03-08 23:30 UTC"
)
WHY_UNKNOWN = "1 of 9 files changed or vanished since the import: /mnt/ward-9/Zwiebel.png."

_STEPS = np.array(FRACTIONS)


def curves(deletion: NDArray[np.float64], insertion: NDArray[np.float64]) -> Curves:
    return Curves(np.asarray(deletion, float), np.asarray(insertion, float))


def checks(**changes: Any) -> Faithfulness:
    """A map that is well supported: areas 0.025 and 0.975, gap 0.95.

    Of the centre blob they are 0.4, 0.3 and -0.1, of each random map 0.5, 0.5 and 0.
    """
    values: dict[str, Any] = {
        "own": curves(_STEPS == 0, _STEPS > 0),
        "centre": curves(0.8 * (1 - _STEPS), 0.6 * _STEPS),
        "random": (curves(1 - _STEPS, _STEPS), curves(1 - _STEPS, _STEPS)),
        "lost": np.arange(36.0).reshape(6, 6),
        "agreement": 0.75,
        "centre_agreement": 0.25,
        "by_chance": 0.005,
        "stability": (0.9, 0.8),
        "empty": False,
    }
    return Faithfulness(**(values | changes))


def heat(height: int = 90, width: int = 120, **changes: Any) -> Explanation:
    """The heatmap of the first class; its probabilities are those before the temperature."""
    values: dict[str, Any] = {
        "classes": CLASSES,
        "probabilities": np.array([0.123, 0.877]),
        "predicted": 1,
        "target": 0,
        "heatmap": np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width),
        "raw_maximum": 2.5,
        "seen": (20.625, 5.625, 99.375, 84.375),
        "method": "gradcam",
        "stage": Stage.LAYER4,
    }
    return Explanation(**(values | changes))


def familiarity(familiar: bool = True) -> Familiarity:
    score = 1.5 if familiar else 3.5
    return Familiarity(
        familiar=familiar,
        score=score,
        limit=2.0,
        farther_than=0.5 if familiar else 1.0,
        checks=(Check("texture", score, familiar), Check("layout", 0.5, True)),
        similar=(Similar("a1b2", "PNEUMONIA", 0.75), Similar("c3d4", "NORMAL", 1.25)),
    )


def verdict(**changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "classes": CLASSES,
        "probabilities": (0.25, 0.75),
        "called": 1,
        "temperature": 1.5,
        "threshold": 0.4,
        "positive": "PNEUMONIA",
        "uncertain": False,
        "within": ("PNEUMONIA",),
        "promised": 0.9,
        "agreement": Agreement(shifts=8, same=7, low=0.5, high=0.8),
    }
    return Verdict(**(values | changes))


def pixels(height: int = 90, width: int = 120) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def scan(familiar: bool | None = True, answered: bool = True, **changes: Any) -> Explained:
    """A scan with heatmap and checks; `familiar` None: that cannot be said."""
    known = None if familiar is None else familiarity(familiar)
    values: dict[str, Any] = {
        "name": "p7.png",
        "pixels": pixels(),
        "notes": ("converted from P to RGB",),
        "answer": Answer(known, WHY_UNKNOWN if known is None else "", verdict()),
        "heat": heat(),
        "checks": checks(),
    }
    if not answered:
        refused = Answer(known, WHY_UNKNOWN if known is None else "", None)
        values |= {"answer": refused, "heat": None, "checks": None}
    return Explained(**(values | changes))
