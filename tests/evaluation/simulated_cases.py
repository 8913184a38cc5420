"""Predictions with a known law, for tests of what is computed from them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from medxfer.evaluation.predictions import Floats, Ints, Predictions


def simulated(
    n: int, classes: int = 2, *, seed: int = 0, per_patient: int = 1, certainty: float = 1.0
) -> Predictions:
    """Logits normal about the true class; with `certainty` 1 the probabilities are right."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, n)
    logits = certainty * (generator.normal(size=(n, classes)) + np.eye(classes)[truth])
    return of(truth, logits, per_patient=per_patient)


def binary(truth: list[int], probability: list[float]) -> Predictions:
    """Two classes, well and sick, with this probability of sick."""
    p = np.asarray(probability, dtype=np.float64)
    with np.errstate(divide="ignore"):
        logit = np.clip(np.log(p) - np.log1p(-p), -800, 800)
    logits = np.stack([np.zeros(len(p)), logit], axis=1)
    return of(np.asarray(truth, dtype=np.int64), logits, ("well", "sick"))


def of(
    truth: Ints, logits: Floats, classes: tuple[str, ...] | None = None, per_patient: int = 1
) -> Predictions:
    """Predictions with image ids i0, i1, … and so many images a patient."""
    n, k = logits.shape
    facts = pd.DataFrame(
        {name: [f"{name[0]}{row}" for row in range(n)] for name in ("image", "file")}
    )
    facts = facts.assign(patient=[f"p{row // per_patient}" for row in range(n)], split="val")
    names = classes or tuple(f"class {index}" for index in range(k))
    return Predictions(names, facts, np.asarray(truth, dtype=np.int64), logits)
