"""The parts a phantom is made of, against cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medxfer.data.phantom.anatomy import draw_anatomy
from medxfer.data.phantom.detector import SCANNERS, Scanner, expose
from medxfer.data.phantom.opacity import draw_opacities
from medxfer.data.phantom.projection import Cloud, View, join
from medxfer.data.phantom.soft_tissue import lungs
from medxfer.data.phantom.solids import ellipse, rod
from medxfer.data.phantom.texture import rough_field, sample

PLAIN = View(
    turn=0, tilt=0, roll=0, shift=(0, 0), field=20, lift=0, shape=(201, 201)
)  # fmt: skip


def test_chord_integrates_to_the_volume_of_the_solid() -> None:
    x, y = PLAIN.grid
    ball = ellipse(x, y, (1, -2), (3, 3), 6, 20)
    assert ball.sum() * PLAIN.pixel**2 == pytest.approx(4 / 3 * np.pi * 27, rel=0.01)
    stick = rod(x, y, (-4, 0), (4, 0), 1, 1)
    assert stick[100, 100] == pytest.approx(2, rel=0.01)
    volume = np.pi * 8 + 4 / 3 * np.pi
    assert stick.sum() * PLAIN.pixel**2 == pytest.approx(volume, rel=0.01)


def test_splat_keeps_all_matter_and_puts_it_where_it_is() -> None:
    cloud = Cloud(np.array([[2.0, -3.0, 4.0]]), np.array([0.5]))
    picture = PLAIN.splat(join([cloud, cloud]))
    assert picture.sum() * PLAIN.pixel**2 == pytest.approx(1.0, rel=1e-4)
    x, y = PLAIN.grid
    place = np.unravel_index(picture.argmax(), picture.shape)
    assert (x[place], y[place]) == (pytest.approx(2, abs=0.1), pytest.approx(-3, abs=0.1))


@pytest.mark.parametrize(("turn", "tilt", "roll"), [(20, 0, 0), (0, 10, 0), (4, -3, 8)])
def test_points_and_solids_move_alike_when_the_person_turns(
    turn: float, tilt: float, roll: float
) -> None:
    view = View(turn, tilt, roll, (1.0, 0.5), 20, 0, (201, 201))
    picture = view.splat(Cloud(np.array([[0.0, 2.0, 5.0]]), np.array([1.0])))
    ball = ellipse(*view.at_depth(5), (0, 2), (1, 1), 2, 0)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    rows, columns = np.nonzero(ball)
    assert (row, column) == (
        pytest.approx(rows.mean(), abs=1.5),
        pytest.approx(columns.mean(), abs=1.5),
    )


@pytest.mark.parametrize("scanner", SCANNERS, ids=lambda scanner: scanner.name)
def test_picture_brightens_with_what_the_beam_lost(scanner: Scanner) -> None:
    wedge = np.tile(np.linspace(0.5, 5, 200, dtype=np.float32), (200, 1))
    profile = expose(wedge, 1.6, scanner, 0.12, np.random.default_rng(0)).mean(axis=0)
    assert (np.diff(profile[5:-5:10]) > -1).all()
    assert profile[-1] > profile[0] + 150


def test_a_tenth_of_the_dose_makes_more_noise() -> None:
    flat = np.full((100, 100), 2.5, np.float32)
    full, tenth = (
        expose(flat, 1.6, replace(SCANNERS[1], photons=count), 0.12, np.random.default_rng(0))
        for count in (7e3, 7e2)
    )
    assert tenth.std() == pytest.approx(full.std() * np.sqrt(10), rel=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_fluid_never_exceeds_the_lung_it_replaces_and_grows_with_the_stage(seed: int) -> None:
    rng = np.random.default_rng(seed)
    anatomy = draw_anatomy(rng)
    view = View(2, 1, 1, (0, 11), 36, 1, (180, 180))
    lung = lungs(anatomy, view)
    for opacity in draw_opacities(anatomy, rng):
        early, late = (opacity.fluid(anatomy, view, lung, stage) for stage in (0.55, 1.0))
        assert (late <= lung).all()
        assert (early >= 0).all()
        assert 0 < early.sum() < late.sum()
        assert opacity.fluid(anatomy, view, lung, 0.0).max() == 0


def test_heart_and_higher_right_dome_shape_the_lungs() -> None:
    anatomy = draw_anatomy(np.random.default_rng(0))
    view = View(0, 0, 0, (0, 11), 36, 0, (180, 180))
    lung = lungs(anatomy, view)
    x, y = view.grid
    assert anatomy.dome[0] < anatomy.dome[1]
    assert lung[(np.abs(x) < 0.5) & (y > 5)].max() < 1
    low = (y > 13) & (y < 18) & (np.abs(x) < 8)
    assert lung[low & (x < 0)].sum() > 1.2 * lung[low & (x > 0)].sum()
    assert lung[y < -0.5].max() == 0


def test_rough_field_is_standardised_and_repeats() -> None:
    field = rough_field(np.random.default_rng(0), 1.5)
    assert field.mean() == pytest.approx(0, abs=0.01)
    assert field.std() == pytest.approx(1, abs=0.01)
    at = np.array([[1.0]]), np.array([[2.0]])
    assert sample(field, *at) == pytest.approx(sample(field, at[0] + 48, at[1] - 48), abs=1e-5)
