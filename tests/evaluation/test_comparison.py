"""Two runs on the same images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up
from scipy.stats import chi2, ttest_rel

from medxfer.errors import EvaluationError
from medxfer.evaluation.comparison import DECIDING, compare, conclusion, mcnemar
from medxfer.evaluation.delong import delong
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.intervals import estimates
from medxfer.evaluation.metrics import summary
from medxfer.evaluation.predictions import Predictions


def pair(
    n: int = 300, worse_by: float = 0.0, classes: int = 2, each: int = 2
) -> tuple[Predictions, Predictions]:
    """Two models with much in common, the second with so much noise of its own."""
    first = made_up(n, classes, each)
    noise = np.random.default_rng(9).normal(size=first.logits.shape)
    return first, replace(first, logits=first.logits + worse_by * noise)


@pytest.mark.parametrize("classes", [2, 4])
def test_differences_are_of_the_summaries(classes: int) -> None:
    first, second = pair(worse_by=2, classes=classes)
    found = compare(first, second, resamples=200)
    assert (found.images, found.patients) == (300, 150)
    for name, value in summary(first).items():
        theirs = summary(second)[name]
        assert value is not None
        assert theirs is not None
        it = found.differences[name]
        assert it.value == value - theirs
        assert it.low is not None
        assert it.high is not None
        assert it.low < it.value < it.high
    tested = delong(first.truth == 1, first.probabilities[:, 1], second.probabilities[:, 1],
                    np.arange(300) // 2)  # fmt: skip
    expected = tested.p if classes == 2 and tested else None
    assert found.delong_p == (None if expected is None else pytest.approx(expected))
    right = first.truth == first.predicted, second.truth == second.predicted
    assert found.only_first_right == (right[0] & ~right[1]).sum()
    assert found.only_second_right == (right[1] & ~right[0]).sum()
    assert found.mcnemar_p == mcnemar(found.only_first_right, found.only_second_right)


def test_the_interval_is_that_of_paired_patients() -> None:
    """The difference of two log losses is a mean of differences, which a paired t test knows."""
    first, second = pair(400, worse_by=0.7, each=1)
    it = compare(first, second, resamples=4000).differences["log_loss"]
    rows = np.arange(400), first.truth
    costs = [-np.log(model.probabilities[rows]) for model in (first, second)]
    theirs = ttest_rel(*costs).confidence_interval()
    assert (it.low, it.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * it.width)


def test_what_two_runs_share_makes_the_difference_surer() -> None:
    first, second = pair(worse_by=0.5)
    alone = [estimates(model, resamples=200)["auroc"].width for model in (first, second)]
    paired = compare(first, second, resamples=200).differences["auroc"].width
    assert paired is not None
    assert paired < 0.7 * np.hypot(*np.array(alone, dtype=float))


def test_the_order_of_the_images_does_not_matter() -> None:
    first, second = pair(worse_by=1)
    shuffled = second.only(np.random.default_rng(0).permutation(len(second)))
    assert compare(first, shuffled, 100) == compare(first, second, 100)


def test_a_run_does_not_differ_from_itself() -> None:
    first, _ = pair()
    found = compare(first, first, resamples=100)
    assert found.delong_p is None
    assert found.mcnemar_p == 1
    for name, it in found.differences.items():
        assert it.value == 0
        if name != "log_loss":
            assert it.low is not None
            assert it.high is not None
            assert it.low < 0 < it.high  # that other images would not differ is not known
    assert conclusion(found).startswith("No difference shown: AUROC 0.000 (")


def test_mcnemar() -> None:
    """By hand: exact for 10 against 2, with continuity for Agresti's 150 against 86."""
    assert mcnemar(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar(2, 10) == mcnemar(10, 2)
    assert mcnemar(150, 86) == pytest.approx(chi2.sf(63**2 / 236, 1))
    assert mcnemar(13, 13) == 1
    assert mcnemar(0, 0) == 1


@pytest.mark.parametrize(
    ("auroc", "accuracy", "words"),
    [
        ((0.04, 0.01, 0.07), (0.02, -0.01, 0.05),
         "Run A is better: AUROC higher by 0.040 (0.010 to 0.070); no difference shown in "
         "accuracy: 0.020 (−0.010 to 0.050), Run A minus Run B."),
        ((-0.04, -0.07, -0.01), (-0.03, -0.04, -0.02),
         "Run B is better: AUROC higher by 0.040 (0.010 to 0.070), accuracy higher by 0.030 "
         "(0.020 to 0.040)."),
        ((0.04, 0.01, 0.07), (-0.03, -0.04, -0.02),
         "Run A is better: AUROC higher by 0.040 (0.010 to 0.070); Run B is better: accuracy "
         "higher by 0.030 (0.020 to 0.040)."),
        ((-0.0001, -0.02, 0.02), (0.0, -0.01, 0.01),
         "No difference shown: AUROC 0.000 (−0.020 to 0.020), accuracy 0.000 (−0.010 to 0.010), "
         "Run A minus Run B."),
        ((0.002, 0.0003, 0.004), (0.0, -0.01, 0.01),
         "Run A is better: AUROC higher by 0.0020 (0.0003 to 0.0040); no difference shown in "
         "accuracy: 0.000 (−0.010 to 0.010), Run A minus Run B."),
        ((None, None, None), (0.1, None, None),
         "Nothing can be said: there are too few patients."),
    ],
)  # fmt: skip
def test_what_is_said(auroc: tuple[float, ...], accuracy: tuple[float, ...], words: str) -> None:
    found = compare(*pair(worse_by=1), resamples=20)
    differences = found.differences | {
        name: Estimate(*ends) for name, ends in zip(DECIDING, (auroc, accuracy), strict=True)
    }
    assert conclusion(replace(found, differences=differences)) == words


def test_a_clearly_better_run_is_called_so_and_equal_ones_are_not() -> None:
    assert conclusion(compare(*pair(worse_by=3), 200), "good", "bad").startswith("good is better")
    first = made_up(300)
    noise = np.random.default_rng(3).normal(size=(2, 300, 2))
    equal = [replace(first, logits=first.logits + own) for own in noise]
    assert conclusion(compare(*equal, 200)).startswith("No difference shown")


def test_images_of_one_class_are_compared_by_accuracy_alone() -> None:
    first, second = (it.only(it.truth == 1) for it in pair(worse_by=3))
    found = compare(first, second, resamples=100)
    assert found.differences["auroc"].value is None
    assert conclusion(found).startswith("Run A is better: accuracy higher by ")


def test_nothing_to_compare() -> None:
    first, second = (it.only(np.array([], dtype=int)) for it in pair(worse_by=1))
    found = compare(first, second, resamples=10)
    assert found.mcnemar_p is None
    assert set(found.second.values()) == {None}
    assert conclusion(found).startswith("Nothing can be said")


def test_runs_on_other_images_classes_or_labels_are_refused() -> None:
    first, second = pair(40)
    with pytest.raises(EvaluationError, match=r"40 and 30, of which 30 are common\. Compare"):
        compare(first, second.only(np.arange(30)))
    other = replace(second, classes=("A", "Z"))
    with pytest.raises(EvaluationError, match="A, B and A, Z"):
        compare(first, other)
    relabelled = replace(second, truth=np.where(np.arange(40) < 3, 1 - second.truth, second.truth))
    with pytest.raises(EvaluationError, match="3 of these 40 images had another label"):
        compare(first, relabelled)
