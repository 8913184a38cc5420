"""The checks of a heatmap on networks of which it is known where they look."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import nn

from medxfer.config import Depth, HeadConfig
from medxfer.errors import ExplainError
from medxfer.explain import curves, faithfulness, occlusion, stability
from medxfer.explain.altered import BATCH, Question, Still, answers
from medxfer.explain.baselines import centre_blob, moved
from medxfer.explain.curves import FRACTIONS, Curves
from medxfer.explain.faithfulness import Faithfulness, Step, Verdict, check, check_map
from medxfer.explain.heatmap import explain
from medxfer.explain.placing import Heat, in_view
from medxfer.models.preprocessing import seen_box, to_input
from medxfer.models.resnet import build
from medxfer.working import ended
from tests.explain.squares import LooksAt, heat_of, picture_of, random_heat

T = TypeVar("T")
PLACES = ((10, 20), (88, 88), (150, 60), (170, 176), (30, 120))
"""Rows and columns of squares of the view: corners, the centre, between."""


def followed(steps: Generator[Step, None, T]) -> T:
    """What a check returns, once it has told how far it is in order and to the end."""
    told: list[Step] = []
    found = ended(steps, told.append)
    assert [step.done for step in told] == sorted({step.done for step in told})
    assert told[-1].done == told[-1].total
    return found


def judged(model: nn.Module, pixels: NDArray[np.uint8], heat: Heat, seed: int = 0) -> Faithfulness:
    return followed(check_map(model, pixels, heat, Question(0), lambda _: heat, seed=seed))


@pytest.mark.parametrize(("row", "column"), PLACES)
@pytest.mark.parametrize("cells", [7, 28])
def test_the_true_map_is_well_supported(row: int, column: int, cells: int) -> None:
    """The map of a network that looks at one square, coarse or fine, wherever that lies."""
    found = judged(LooksAt(row, column), picture_of(row, column), heat_of(row, column, cells))
    assert found.verdict is Verdict.WELL
    assert found.own.deletion_area < min(other.deletion_area for other in found.random)
    assert found.own.insertion_area > max(other.insertion_area for other in found.random)
    assert found.by_chance <= 0.05


@pytest.mark.parametrize(("row", "column"), PLACES)
def test_a_map_elsewhere_is_not_supported(row: int, column: int) -> None:
    model, pixels = LooksAt(row, column), picture_of(row, column)
    elsewhere = heat_of((row + 112) % 176, (column + 112) % 176)
    assert judged(model, pixels, elsewhere).verdict is Verdict.NOT


@pytest.mark.slow
def test_a_random_map_is_called_well_supported_as_seldom_as_promised() -> None:
    """At most once in 20 on average: of 40 more than 5 has a chance of 1 %. Most get nothing."""
    verdicts = []
    for seed in range(40):
        row, column = (int(edge) for edge in np.random.default_rng(seed).integers(0, 176, 2))
        pixels = picture_of(row, column, seed)
        verdicts.append(judged(LooksAt(row, column), pixels, random_heat(seed), seed).verdict)
    assert verdicts.count(Verdict.WELL) <= 5
    assert verdicts.count(Verdict.NOT) >= 30


def test_the_centre_blob_of_a_network_that_looks_at_a_corner_is_not_supported() -> None:
    blob = np.pad(centre_blob(224), 16)
    assert judged(LooksAt(0, 0), picture_of(0, 0), blob).verdict is Verdict.NOT


def test_no_map_of_a_network_that_looks_nowhere_is_supported() -> None:
    blind = LooksAt(0, 0)
    with torch.no_grad():
        blind.weight.zero_()
    found = judged(blind, picture_of(80, 80), heat_of(80, 80))
    assert found.verdict is Verdict.NOT
    assert found.by_chance == 1


def test_an_empty_map_is_not_supported() -> None:
    found = judged(LooksAt(80, 80), picture_of(80, 80), np.zeros((256, 256), np.float32))
    assert found.empty
    assert found.verdict is Verdict.NOT


def test_a_true_map_that_does_not_come_back_is_only_partly_supported() -> None:
    model, pixels, heat = LooksAt(80, 80), picture_of(80, 80), heat_of(80, 80)
    other = heat_of(10, 10)
    found = followed(check_map(model, pixels, heat, Question(0), lambda _: other))
    assert not found.stable
    assert found.verdict is Verdict.PARTLY
    untried = followed(check_map(model, pixels, heat, Question(0)))
    assert untried.stability == ()
    assert untried.verdict is Verdict.PARTLY


def test_the_rule() -> None:
    """Every combination of the three checks."""
    falls, rises = np.linspace(0.9, 0.1, 7), np.linspace(0.1, 0.9, 7)
    good, bad = Curves(falls, rises), Curves(rises, falls)
    best = Faithfulness(
        own=good, centre=bad, random=(bad,), lost=np.zeros((6, 6)), agreement=0.8,
        centre_agreement=0.1, by_chance=0.005, stability=(0.9, 0.8), empty=False,
    )  # fmt: skip
    assert best.verdict is Verdict.WELL
    assert replace(best, stability=(0.9, 0.3)).verdict is Verdict.PARTLY
    assert replace(best, by_chance=0.06).verdict is Verdict.PARTLY
    assert replace(best, random=(bad, good)).verdict is Verdict.PARTLY
    assert replace(best, own=bad, by_chance=0.06).verdict is Verdict.NOT
    slightly = Curves(good.deletion, good.insertion + 0.03)
    assert replace(best, centre=slightly).verdict is Verdict.PARTLY
    assert replace(best, centre=Curves(good.deletion, good.insertion + 0.01)).removal_holds
    assert replace(best, empty=True).verdict is Verdict.NOT


def test_areas_are_those_of_trapezoids() -> None:
    falls = np.array([1, 0.8, 0.6, 0.4, 0.2, 0.1, 0])
    steps = np.diff(FRACTIONS)
    expected = float((steps * (falls[:-1] + falls[1:]) / 2).sum())
    found = Curves(deletion=falls, insertion=1 - falls)
    assert found.deletion_area == pytest.approx(expected)
    assert found.insertion_area == pytest.approx(1 - expected)
    assert found.gap == pytest.approx(1 - 2 * expected)
    assert Curves(np.ones(7), np.zeros(7)).gap == -1


def test_deletion_takes_the_hottest_first_and_insertion_gives_them_back() -> None:
    view = torch.rand(3, 224, 224, generator=torch.Generator().manual_seed(0))
    heat = np.random.default_rng(0).random((224, 224)).astype(np.float32)
    empty = curves.emptied(view)
    assert empty.std() < view.std() / 20  # of noise a wide blur leaves almost nothing
    torch.testing.assert_close(empty.mean(dim=(1, 2)), view.mean(dim=(1, 2)), rtol=0.01, atol=0)
    made = list(curves.altered(view, empty, [heat]))
    assert len(made) == curves.between() == 10
    for fraction, deleted, inserted in zip(FRACTIONS[1:-1], made[:5], made[5:], strict=True):
        hottest = torch.from_numpy(heat >= np.quantile(heat, 1 - fraction))
        assert hottest.float().mean() == pytest.approx(fraction, abs=1e-3)
        agree = (torch.where(hottest, empty, view) == deleted).float().mean()
        assert agree > 0.9999  # the quantile may fall on a pixel
        agree = (torch.where(hottest, view, empty) == inserted).float().mean()
        assert agree > 0.9999


def test_pixels_without_heat_follow_outwards_not_from_the_top() -> None:
    heat = np.zeros((224, 224), dtype=np.float32)
    heat[180:200, 100:120] = 1
    places = curves.ranks(heat)
    assert sorted(places.ravel()) == list(range(224 * 224))
    assert places[180:200, 100:120].max() == 399
    assert places[175, 110] < places[120, 110] < places[5, 110]


def test_the_question_is_that_of_softmax() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 30.0, -4.0]], dtype=torch.float64)
    for target in range(3):
        expected = logits.softmax(1)[:, target]
        torch.testing.assert_close(Question(target).evidence(logits).sigmoid(), expected)
    among = logits[:, [0, 2]].softmax(1)[:, 0]
    torch.testing.assert_close(Question(0, against=2).evidence(logits).sigmoid(), among)


def test_still_answers_as_the_network_and_leaves_it_alone() -> None:
    torch.manual_seed(0)
    model = build(Depth.RESNET18, 3, HeadConfig(kind="mlp", hidden=16)).train()
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    views = torch.randn(3, 3, 224, 224)
    found = Still(model).logits(views)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    with torch.no_grad():
        expected = model.eval()(views).double()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_questions_are_asked_in_batches() -> None:
    model = LooksAt(0, 0)
    views = [torch.full((3, 224, 224), float(number)) for number in range(BATCH + 5)]
    steps = answers(Still(model), Question(0), iter(views), len(views))
    assert next(steps) == BATCH
    assert next(steps) == 5
    with pytest.raises(StopIteration) as end:
        next(steps)
    np.testing.assert_allclose(end.value.value, 4 * np.arange(BATCH + 5))


def test_damaged_weights_are_named() -> None:
    model = LooksAt(0, 0)
    with torch.no_grad():
        model.weight.fill_(float("nan"))
    with pytest.raises(ExplainError, match="no valid number for altered copies"):
        judged(model, picture_of(0, 0), heat_of(0, 0))


def test_occlusion_finds_the_square() -> None:
    """Every square that covers it costs the answer, none other does."""
    row, column = 80, 150
    model, view = LooksAt(row, column), to_input(picture_of(row, column))
    hidden = list(occlusion.covered(view, curves.emptied(view)))
    assert len(hidden) == occlusion.CELLS**2
    evidence = Question(0).evidence(Still(model).logits(torch.stack([view, *hidden]))).numpy()
    lost = occlusion.loss(float(evidence[0]), evidence[1:])
    covers = occlusion.mean_heat(in_view(heat_of(row, column, cells=224 // 8))) > 0
    assert (lost[~covers] == 0).all()
    assert lost[covers].max() == lost.max() > 0
    assert np.unravel_index(lost.argmax(), lost.shape) in [(2, 4), (2, 5), (1, 4), (2, 3)]


def test_agreement_is_spearmans() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.normal(size=(2, 6, 6)).clip(0)
    expected = spearmanr(one.ravel(), other.ravel()).statistic
    assert occlusion.agreement(one, other) == pytest.approx(expected)
    assert occlusion.agreement(one, np.ones((6, 6))) == 0


def test_a_moved_map_is_the_same_heat_elsewhere() -> None:
    heat = random_heat(0)
    generator = np.random.default_rng(0)
    for _ in range(8):
        other = moved(heat, generator)
        np.testing.assert_array_equal(np.sort(other.ravel()), np.sort(heat.ravel()))
        assert not np.array_equal(other, heat)


def test_shifting_there_and_back_is_the_same_map() -> None:
    """300 by 400 pixels: a step is 9 of them, and no edge comes into what is seen."""
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8)
    assert stability.distance(300, 400) == 9
    moved_down = stability.shifted(pixels, (1, -1))
    np.testing.assert_array_equal(moved_down[9:, :-9], pixels[:-9, 9:])
    seen = seen_box(400, 300)
    heat = pixels[..., 0].astype(np.float32)
    for shift in stability.SHIFTS:
        other = stability.shifted(pixels, shift)[..., 0].astype(np.float32)
        assert stability.likeness(heat, other, shift, seen) == pytest.approx(1)
    assert abs(stability.likeness(heat, heat, (1, 1), seen)) < 0.1
    empty = np.zeros_like(heat)
    assert stability.likeness(empty, empty, (1, 1), seen) == 1
    assert stability.likeness(heat, empty, (1, 1), seen) == 0


def test_the_smallest_picture_can_be_checked() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (32, 40, 3)).astype(np.uint8)
    heat = np.random.default_rng(1).random((32, 40)).astype(np.float32)
    found = followed(check_map(LooksAt(0, 0), pixels, heat, Question(1), lambda _: heat))
    assert len(found.stability) == 4


@pytest.mark.parametrize("method", ["gradcam", "smoothgradcam++"])
def test_an_explanation_is_checked_by_its_own_method(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the class, method and stage it is of; the network is as before, after an error too."""
    torch.manual_seed(0)
    model = build(Depth.RESNET18, 3, HeadConfig(kind="linear")).train()
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    pixels = picture_of(60, 60)
    explanation = explain(model, pixels, ("a", "b", "c"), target=1, against=2, method=method)
    asked: list[tuple[object, ...]] = []

    def spied(*arguments: object, **options: object) -> object:
        asked.append((options["target"], options["against"], options["method"], options["stage"]))
        return explain(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(faithfulness, "explain", spied)
    found = followed(check(model, pixels, explanation))
    shifts = 4 if method == "gradcam" else 1
    assert asked == [(1, 2, method, explanation.stage)] * shifts
    assert len(found.stability) == shifts
    logits = model.eval()(to_input(pixels)[None])[0].detach().double()
    assert found.own.deletion[0] == pytest.approx(float(logits[[1, 2]].softmax(0)[0]), abs=1e-4)
    assert found.own.insertion[-1] == found.own.deletion[0]
    assert all(torch.equal(value, kept[name]) for name, value in model.state_dict().items())
    assert not any(len(module._forward_hooks) for module in model.modules())
