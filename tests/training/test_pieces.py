"""Loss, sampling, learning rate and augmentation, against what others compute."""

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from medxfer.config import Imbalance, Monitor, OptimiserConfig, Schedule, TrainConfig
from medxfer.training.best import Best
from medxfer.training.loss import FocalLoss, build_loss, class_weights
from medxfer.training.optimiser import Course, cosine
from medxfer.training.sampling import EpochBatches, seed_of
from medxfer.training.watch import Preparation

TARGETS = [0] * 6 + [1] * 3 + [2]


def test_class_weights_are_the_balanced_ones_of_scikit_learn() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(3), y=np.array(TARGETS))
    np.testing.assert_allclose(class_weights(TARGETS, 3), expected, rtol=1e-6)


def test_a_class_without_images_weighs_nothing() -> None:
    assert class_weights([0, 0, 1], 3).tolist() == pytest.approx([0.5, 1.0, 0.0])


def test_focal_loss_without_gamma_is_cross_entropy() -> None:
    logits, target = torch.randn(20, 4), torch.randint(0, 4, (20,))
    expected = nn.functional.cross_entropy(logits, target, label_smoothing=0.1)
    assert FocalLoss(0, 0.1)(logits, target) == pytest.approx(expected.item(), rel=1e-6)


def test_focal_loss_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.9, 0.1], [0.4, 0.6]]))
    by_hand = (0.1**2 * -math.log(0.9) + 0.6**2 * -math.log(0.4)) / 2
    assert FocalLoss(2.0)(logits, torch.tensor([0, 0])) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("imbalance", Imbalance)
def test_every_choice_of_loss_is_finite_and_has_a_gradient(imbalance: Imbalance) -> None:
    config = TrainConfig(data="d", imbalance=imbalance, label_smoothing=0.1)
    logits = torch.randn(10, 3, requires_grad=True)
    build_loss(config, TARGETS, 3)(logits, torch.tensor(TARGETS)).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum() > 0


def batches(size: int, *, balanced: bool = False, epoch: int = 1, seed: int = 0) -> list[list[int]]:
    sampler = EpochBatches(TARGETS, 3, size, seed, balanced=balanced)
    drawn = sampler.of(epoch)
    assert len(drawn) == len(sampler)
    return [batch.tolist() for batch in drawn]


def test_an_epoch_shows_every_image_once_in_an_order_of_its_own() -> None:
    first, second = batches(4), batches(4, epoch=2)
    assert sorted(sum(first, [])) == sorted(sum(second, [])) == list(range(10))
    assert first != second
    assert first == batches(4)
    assert first != batches(4, seed=1)


@pytest.mark.parametrize("size", [2, 3, 4, 9, 10, 64])
def test_no_batch_has_a_single_image(size: int) -> None:
    assert all(len(batch) > 1 for batch in batches(size))


def test_balanced_sampling_shows_the_classes_equally_often() -> None:
    drawn = [
        row for epoch in range(1, 301) for row in sum(batches(5, balanced=True, epoch=epoch), [])
    ]
    shares = np.bincount([TARGETS[row] for row in drawn]) / len(drawn)
    np.testing.assert_allclose(shares, 1 / 3, atol=4 * math.sqrt(2 / 9 / len(drawn)))


def test_seeds_of_neighbours_differ() -> None:
    assert len({seed_of(0, epoch, row) for epoch in range(30) for row in range(30)}) == 900


def test_cosine_rises_over_the_warm_up_and_falls_to_nothing() -> None:
    factors = [cosine(step, 4, 20) for step in range(21)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert factors[12] == pytest.approx(0.5)
    assert factors[20] == pytest.approx(0, abs=1e-12)
    assert factors[4:] == sorted(factors[4:], reverse=True)


def test_plateau_halves_the_rate_after_patience_runs_out() -> None:
    optimiser = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=1e-3)
    course = Course(optimiser, OptimiserConfig(patience=1), steps=5, epochs=9)
    rates = []
    for _ in range(4):
        course.after_epoch({"loss": 1.0})
        rates.append(course.learning_rate)
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4])


def test_cosine_moves_with_batches_and_not_with_epochs() -> None:
    optimiser = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=1e-3)
    config = OptimiserConfig(schedule=Schedule.COSINE, warmup_epochs=0)
    course = Course(optimiser, config, steps=4, epochs=2)
    for _ in range(4):
        optimiser.step()
        course.after_batch()
        course.after_epoch({"loss": 1.0})
    assert course.learning_rate == pytest.approx(5e-4)


def test_the_best_epoch_is_never_an_undefined_one() -> None:
    model = nn.Linear(2, 2)
    best = Best(Monitor.AUROC)
    assert not best.offer(1, {"auroc": None}, model)
    assert best.epoch is None
    assert best.offer(2, {"auroc": 0.5}, model)
    assert not best.offer(3, {"auroc": None}, model)
    assert not best.offer(4, {"auroc": 0.5}, model)
    assert best.epoch == 2


def test_the_best_weights_are_a_copy_and_come_back() -> None:
    model = nn.Linear(2, 2)
    best = Best(Monitor.LOSS)
    kept = model.weight.detach().clone()
    assert best.offer(1, {"loss": 0.3}, model)
    with torch.no_grad():
        model.weight.add_(1)
    assert not best.offer(2, {"loss": 0.4}, model)
    best.restore(model)
    assert torch.equal(model.weight, kept)


def test_preparing_in_parts_only_goes_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three parts of 10, 4 of the second already there, an image a second."""
    clock = itertools.count(100.0)
    monkeypatch.setattr("medxfer.training.watch.time.monotonic", lambda: next(clock))
    preparation = Preparation("features", 30)
    told = []
    for missing in (10, 6, 10):
        preparation.next_part(10)
        told += [preparation.report(done, missing) for done in range(missing + 1)]
    events = [event for event in told if event]
    assert len(events) == len(told)
    assert [event.done for event in events] == [*range(11), *range(10, 17), *range(16, 27)]
    assert [event.total for event in events] == [30] * 11 + [26] * 18
    assert events[0].seconds_left is None
    assert events[5].seconds_left == pytest.approx(25)
    assert events[-1].seconds_left == 0
