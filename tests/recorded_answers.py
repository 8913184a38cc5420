"""Predictions whose ROC curve is known: two normal scores, 1.5 standard deviations apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medxfer.evaluation.predictions import Predictions


def gaussian(patients: int, seed: int) -> Predictions:
    """One image a patient, half of them ill."""
    generator = np.random.default_rng(seed)
    truth = np.arange(patients) % 2
    score = 1.5 * truth + generator.normal(size=patients)
    names = [f"i{number}" for number in range(patients)]
    facts = pd.DataFrame({"image": names, "file": names, "patient": names, "split": "test"})
    logits = np.stack([np.zeros(patients), score], axis=1)
    return Predictions(("well", "ill"), facts, truth.astype(np.int64), logits)
