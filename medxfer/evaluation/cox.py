"""Calibration slope and intercept: the truth regressed on the logit of the probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from medxfer.evaluation.curves import Flags
from medxfer.evaluation.predictions import Floats, Predictions

_STEPS = 50
_CONVERGED = 1e-10
"""Of the Newton decrement an image: far below any sampling error."""
_LONGEST = 2.0
"""Of a Newton step, in standard deviations of the logit; keeps the first ones from overshooting."""


@dataclass(frozen=True)
class Line:
    """What the truth says of a class's probabilities; None where it is not defined.

    Right probabilities give slope 1 and both intercepts 0. Cox 1958; Van Calster et al. 2019.
    """

    slope: float | None
    """Below 1: too extreme, as after overfitting. Above 1: too timid."""
    intercept: float | None
    """Of the same regression as the slope."""
    in_the_large: float | None
    """The intercept with the slope held at 1: below 0, the class is called too probable."""


def logit_of(predictions: Predictions, cls: int) -> Floats:
    """(n,) log odds of class index `cls` against all others, exact where p rounds to 0 or 1."""
    others = np.delete(predictions.logits, cls, axis=1)
    return np.asarray(predictions.logits[:, cls] - logsumexp(others, axis=1), dtype=np.float64)


def line(
    logit: Floats, positive: Flags, weight: Floats | None = None, start: Line | None = None
) -> Line:
    """Fit the line by maximum likelihood, without penalty.

    All are (n,); `weight` counts each image so many times; `start` is a line that is probably
    near. The slope is not defined where the
    logit tells the two kinds apart without fault (it would be infinite), and nothing is where
    there is only one kind.
    """
    if weight is not None:
        taken = weight > 0
        logit, positive, weight = logit[taken], positive[taken], weight[taken]
    weight = np.ones(len(logit)) if weight is None else weight
    if positive.all() or not positive.any():
        return Line(None, None, None)
    start = start or Line(None, None, None)
    large = _shift(logit, positive, weight, start.in_the_large or 0.0)
    sick, well = logit[positive], logit[~positive]
    if sick.min() >= well.max() or well.min() >= sick.max():
        return Line(None, None, large)
    slope, intercept = _regress(logit, positive, weight, start)
    return Line(slope, intercept, large)


def _regress(
    logit: Floats, positive: Flags, weight: Floats, start: Line
) -> tuple[float, float] | tuple[None, None]:
    centre, spread = float(logit.mean()), float(logit.std())
    x = (logit - centre) / spread
    b = (start.slope or 0.0) * spread
    a = (start.intercept or 0.0) + (start.slope or 0.0) * centre
    loss = np.inf
    step_a = step_b = 0.0
    for _ in range(_STEPS):
        now, p = _loss(a + b * x, positive, weight)
        if now > loss + _CONVERGED * len(x):
            step_a, step_b = step_a / 2, step_b / 2
            a, b = a - step_a, b - step_b
            continue
        loss = now
        wrong, curve = weight * (positive - p), weight * p * (1 - p)
        slope_a, slope_b = float(wrong.sum()), float(wrong @ x)
        aa, ab, bb = float(curve.sum()), float(curve @ x), float(curve @ (x * x))
        determinant = aa * bb - ab * ab
        if not determinant > 0:
            return None, None
        step_a = (bb * slope_a - ab * slope_b) / determinant
        step_b = (aa * slope_b - ab * slope_a) / determinant
        if slope_a * step_a + slope_b * step_b < _CONVERGED:
            a, b = a + step_a, (b + step_b) / spread
            return b, a - b * centre
        shorter = min(1.0, _LONGEST / max(abs(step_a), abs(step_b)))
        step_a, step_b = step_a * shorter, step_b * shorter
        a, b = a + step_a, b + step_b
    return None, None


def _shift(logit: Floats, positive: Flags, weight: Floats, start: float) -> float | None:
    """The intercept at slope 1: where the probabilities add up to the positives (monotone)."""
    wanted = float(weight[positive].sum())
    low, high = float(-logit.max()) - 40, float(-logit.min()) + 40
    a = start
    for _ in range(4 * _STEPS):
        p = _expit(logit + a)
        surplus = float(weight @ p) - wanted
        low, high = (low, a) if surplus > 0 else (a, high)
        curve = float((weight * p) @ (1 - p))
        step = surplus / curve if curve > 0 else np.inf
        if abs(step) < _CONVERGED or high - low < _CONVERGED:
            return a - step if low <= a - step <= high else a
        a = a - step if low < a - step < high else (low + high) / 2
    return None


def _loss(eta: Floats, positive: Flags, weight: Floats) -> tuple[float, Floats]:
    """Log loss in nats, summed, and the probabilities."""
    small = np.exp(-np.abs(eta))
    loss = float(weight @ (np.maximum(eta, 0) - eta * positive + np.log(1 + small)))
    return loss, np.asarray(np.where(eta >= 0, 1, small) / (1 + small), dtype=np.float64)


def _expit(eta: Floats) -> Floats:
    # An order faster than scipy's, and as exact as double precision gets; exp may not overflow.
    return np.asarray(1 / (1 + np.exp(-np.maximum(eta, -700))), dtype=np.float64)
