"""The band of a ROC curve lies about it, and holds what theory says."""

import numpy as np
from recorded_answers import gaussian

from medxfer.reports.roc import roc_band, roc_lines


def test_the_band_is_about_the_curve_and_narrows_with_patients() -> None:
    widths = []
    for patients in (40, 640):
        predictions = gaussian(patients, seed=1)
        (line,) = roc_lines(predictions)
        assert line.low is not None
        assert line.high is not None
        low, curve, high = (np.asarray(values) for values in (line.low, line.y, line.high))
        assert (low <= curve).all()
        assert (curve <= high).all()
        assert (np.diff(curve) >= -1e-12).all()
        assert line.y[-1] == high[-1] == 1
        widths.append(float(np.mean(high - low)))
    # Four times as narrow for sixteen times the patients, by the square root.
    assert widths[0] / widths[1] > 2.5


def test_the_band_holds_the_true_curve_most_of_the_time() -> None:
    from scipy.stats import norm

    held = []
    for seed in range(60):
        low, high = roc_band(gaussian(100, seed=seed), 1)
        at = np.array([10, 25, 50])
        truth = norm.sf(norm.isf(at / 100) - 1.5)
        held.append((low[at] <= truth) & (truth <= high[at]))
    assert np.mean(held) > 0.88
