"""What a data set of phantoms must hold, whoever trains on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from medxfer.data.phantom.generator import CLASSES, NOTICE, draw_patients, generate, render

PATIENTS = 14


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phantoms")


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    told: list[tuple[int, int]] = []
    made = generate(folder, patients=PATIENTS, seed=1, progress=lambda *step: told.append(step))
    assert told == [(done, PATIENTS) for done in range(1, PATIENTS + 1)]
    return made


@pytest.fixture(scope="module")
def pictures(folder: Path, table: pd.DataFrame) -> list[npt.NDArray[np.uint8]]:
    return [np.asarray(Image.open(folder / file)) for file in table["file"]]


def test_table_names_every_file(folder: Path, table: pd.DataFrame) -> None:
    assert list(table.columns) == ["file", "label", "patient", "scanner", "mask"]
    named = {*table["file"], *table["mask"]} - {""}
    assert named == {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}
    assert table["file"].is_unique
    assert not table.isna().any().any()


def test_pictures_are_grey_and_use_their_range(
    folder: Path, table: pd.DataFrame, pictures: list[npt.NDArray[np.uint8]]
) -> None:
    for file, picture in zip(table["file"], pictures, strict=True):
        with Image.open(folder / file) as image:
            assert (image.mode, image.text["Description"]) == ("L", NOTICE)
        assert picture.dtype == np.uint8
        assert 250 <= min(picture.shape) <= 320
        low, high = np.percentile(picture, [2, 98])
        assert low < 60
        assert 170 < high <= 255


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    again = generate(tmp_path, patients=2, seed=5)
    once_more = generate(tmp_path / "more", patients=2, seed=5)
    pd.testing.assert_frame_equal(again, once_more)
    for file in {*again["file"], *again["mask"]} - {""}:
        assert (tmp_path / file).read_bytes() == (tmp_path / "more" / file).read_bytes()


def test_another_seed_is_another_patient() -> None:
    patient = draw_patients(2, 0)[0]
    other = render(replace(patient, seed=1), 0).lungs
    assert render(patient, 0).lungs.tobytes() != other.tobytes()


def test_masks_show_opacities_inside_the_lungs(folder: Path, table: pd.DataFrame) -> None:
    assert ((table["mask"] != "") == (table["label"] == "PNEUMONIA")).all()
    for file, mask in table.loc[table["mask"] != "", ["file", "mask"]].itertuples(index=False):
        with Image.open(folder / mask) as image, Image.open(folder / file) as picture:
            assert image.size == picture.size
            assert set(np.unique(np.asarray(image))) == {0, 255}


@pytest.mark.parametrize("number", range(0, 40, 8))
def test_opacity_brightens_what_its_mask_covers(number: int) -> None:
    ill = replace(draw_patients(40, 2)[number], label="PNEUMONIA")
    with_it, without = render(ill, 0), render(ill, 0, opacities=False)
    assert with_it.mask.any()
    assert not without.mask.any()
    assert with_it.lungs[with_it.mask].all()
    assert 0.1 < with_it.lungs.mean() < 0.5
    gain = with_it.pixels.astype(float) - without.pixels
    assert gain[with_it.mask].mean() > 8
    far = ~with_it.lungs
    assert abs(gain[far].mean()) < 2


def test_well_patient_is_the_same_with_and_without() -> None:
    well = next(patient for patient in draw_patients(4, 3) if patient.label == "NORMAL")
    assert (render(well, 0).pixels == render(well, 0, opacities=False).pixels).all()


def test_patients_keep_their_label_and_their_anatomy(table: pd.DataFrame) -> None:
    assert (table.groupby("patient")["label"].nunique() == 1).all()
    assert table.groupby("patient").size().between(1, 4).all()
    patient = max(draw_patients(8, 0), key=lambda patient: len(patient.scanners))
    same = replace(patient, scanners=(patient.scanners[0],) * 2)
    first, second = (render(same, image).lungs.mean() for image in (0, 1))
    assert first == pytest.approx(second, rel=0.4)
    assert render(same, 0).pixels.tobytes() != render(same, 1).pixels.tobytes()


@pytest.mark.parametrize("seed", range(3))
def test_neither_scanner_nor_number_of_images_tells_the_label(seed: int) -> None:
    patients = draw_patients(120, seed)
    assert len({patient.name for patient in patients}) == 120
    by_class = [
        sorted(tuple(scanner.name for scanner in patient.scanners) for patient in patients
               if patient.label == label)
        for label in CLASSES
    ]  # fmt: skip
    assert by_class[0] == by_class[1]
    images = [scanner.name for patient in patients for scanner in patient.scanners]
    assert 0.3 < images.count("A") / len(images) < 0.7


def test_odd_number_of_patients_is_honoured() -> None:
    assert [patient.name for patient in draw_patients(3, 0)] == ["P0001", "P0002", "P0003"]


def test_scanners_differ_in_size(
    table: pd.DataFrame, pictures: list[npt.NDArray[np.uint8]]
) -> None:
    side = pd.Series([min(picture.shape) for picture in pictures])
    assert roc_auc_score(table["scanner"] == "A", side) > 0.95


def test_size_and_mean_do_not_give_the_label_away(
    folder: Path, table: pd.DataFrame, pictures: list[npt.NDArray[np.uint8]]
) -> None:
    figures = {
        "width": [picture.shape[1] for picture in pictures],
        "height": [picture.shape[0] for picture in pictures],
        "mean": [picture.mean() for picture in pictures],
        "bytes": [(folder / file).stat().st_size for file in table["file"]],
    }
    ill = table["label"] == "PNEUMONIA"
    for name, figure in figures.items():
        assert roc_auc_score(ill, figure) == pytest.approx(0.5, abs=0.15), name
