"""Loss, sampling, learning rate and augmentation, against what others compute."""

import math

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn
from torchvision.transforms import v2

from medxfer.config import Imbalance, Monitor, OptimiserConfig, Preset, Schedule, TrainConfig
from medxfer.training.augmentation import PRESET_WORDS, augment, augmentation
from medxfer.training.best import Best
from medxfer.training.loss import FocalLoss, build_loss, class_weights
from medxfer.training.optimiser import Course, cosine
from medxfer.training.sampling import EpochBatches, seed_of

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
    sampler.epoch = epoch
    drawn = list(sampler)
    assert len(drawn) == len(sampler)
    assert all(number == epoch for batch in drawn for number, _ in batch)
    return [[row for _, row in batch] for batch in drawn]


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


@pytest.mark.parametrize("preset", Preset)
def test_augmentation_is_a_function_of_its_seed(preset: Preset) -> None:
    transform = augmentation(preset)
    picture = torch.randint(0, 256, (3, 300, 260), dtype=torch.uint8)
    before = torch.random.get_rng_state()
    first, again, other = (augment(transform, picture, seed) for seed in (1, 1, 2))
    assert first.shape == (3, 224, 224)
    assert first.dtype is torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())
    assert PRESET_WORDS[preset]


def test_a_radiograph_is_never_mirrored() -> None:
    picture = torch.zeros(3, 256, 256, dtype=torch.uint8)
    picture[:, :, :128] = 255
    transform = augmentation(Preset.RADIOGRAPH)
    for seed in range(60):
        varied = augment(transform, picture, seed)
        assert varied[..., :60].mean() > varied[..., -60:].mean()
    mirrors = [type(step) for step in augmentation(Preset.ARTICLE).transforms]
    assert v2.RandomHorizontalFlip in mirrors
