"""Made-up predictions of known truth that the tests of intervals and comparisons share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medxfer.evaluation.predictions import Ints, Predictions


def made_up(
    n: int, classes: int = 2, each: int = 2, shift: float = 1.2, levels: int = 0, seed: int = 0
) -> Predictions:
    """n images, `each` a patient, of classes `shift` apart; `levels` rounds scores to make ties."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)) + shift * np.eye(classes)[truth]
    if levels:
        logits = np.round(logits * levels) / levels
    return predictions_of(truth, logits, np.arange(n) // each)


def predictions_of(truth: Ints, logits: np.ndarray, patient: Ints) -> Predictions:
    """Predictions of classes A, B, … and of patients by number."""
    facts = pd.DataFrame({"image": [f"i{row}" for row in range(len(truth))]})
    facts = facts.assign(file=facts["image"], patient=patient.astype(str), split="val")
    classes = tuple("ABCDEFGHIJ"[: logits.shape[1]])
    return Predictions(classes, facts, truth.astype(np.int64), logits.astype(np.float64))
