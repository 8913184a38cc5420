"""Pictures that do not belong: planted ones are found, few others are called strange."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from medxfer.audit import strangers as module
from medxfer.audit.strangers import finding, strangers
from medxfer.evaluation.severity import Severity

Cohort = tuple[NDArray[np.float64], list[str], list[str]]


def cohort(seed: int = 0, images: int = 400) -> Cohort:
    """Two classes of unequal size and spread in 40 correlated features, heavy tails."""
    generator = np.random.default_rng(seed)
    common = generator.normal(size=(8, 40))
    second = generator.random(images) < 0.25
    hidden = generator.standard_t(8, size=(images, 8)) * np.where(second, 1.5, 1)[:, None]
    features = (hidden + 2 * second[:, None]) @ common + generator.normal(size=(images, 40))
    return features, ["b" if is_second else "a" for is_second in second], [
        f"p{row // 2}" for row in range(images)
    ]  # fmt: skip


def with_guests(seed: int, guests: int = 10) -> Cohort:
    """Ten pictures of one other kind among them, which resemble one another."""
    features, labels, patients = cohort(seed)
    generator = np.random.default_rng(seed + 100)
    strange = 6 * generator.normal(size=40) + generator.normal(size=(guests, 40))
    strange *= 2
    return (
        np.vstack([features, strange]),
        [*labels, *generator.choice(labels, guests)],
        [*patients, *(f"guest{number}" for number in range(guests))],
    )


@pytest.mark.parametrize("seed", range(4))
def test_planted_pictures_are_found(seed: int) -> None:
    table = strangers(*with_guests(seed))
    planted = table["row"] >= 400
    assert table["stranger"][planted].all()
    assert table["stranger"][~planted].mean() <= 0.02
    assert table["rank"].tolist() == list(range(1, 411))
    found = finding(table)
    assert found is not None
    assert found.severity is Severity.SERIOUS


def test_distances_are_those_of_scipy() -> None:
    features, labels, patients = cohort(images=80)
    table = strangers(features, labels, patients).sort_values("row")
    apart = cdist(*[(features - features.mean(axis=0)) / features.std(axis=0)] * 2)
    apart[np.array(patients)[:, None] == np.array(patients)] = np.inf
    expected = np.full(80, np.inf)
    for name in ("a", "b"):
        members = np.array(labels) == name
        k = max(1, round(0.1 * members.sum()))
        far = np.sort(apart[:, members], axis=1)[:, k - 1]
        expected = np.minimum(expected, far / np.median(far[members]))
    np.testing.assert_allclose(table["distance"], expected, rtol=1e-4)


def test_a_label_does_not_make_a_stranger() -> None:
    """An image that is at home in another class is a label doubt, not a stranger."""
    features, labels, patients = cohort(1)
    swapped = ["a" if row == 7 else label for row, label in enumerate(labels)]
    swapped[7] = "b" if labels[7] == "a" else "a"
    table = strangers(features, swapped, patients)
    assert not table["stranger"][table["row"] == 7].any()


def test_a_patient_is_no_company_for_himself() -> None:
    """Twenty strange pictures of one patient are strange, however alike they are."""
    features, labels, patients = cohort(2)
    features[-20:] = features[-20:] * 0.1 + 15 * np.random.default_rng(9).normal(size=40)
    alone = strangers(features, labels, [*patients[:-20], *["one"] * 20])
    assert alone["stranger"][alone["row"] >= 380].all()


def test_comparing_with_a_sample_of_a_class_changes_little(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = strangers(*with_guests(3)).sort_values("row")
    monkeypatch.setattr(module, "_COMPARED", 120)
    monkeypatch.setattr(module, "_PIECE", 64)
    sampled = strangers(*with_guests(3)).sort_values("row")
    assert np.corrcoef(whole["distance"], sampled["distance"])[0, 1] > 0.98
    assert sampled["stranger"][sampled["row"] >= 400].all()


def test_standardising_takes_little_more_than_its_result() -> None:
    """2,048 features of 100,000 images are 0.8 GB; in double precision they would be 1.6 each."""
    features = np.random.default_rng(0).normal(3, 2, size=(4000, 512)).astype(np.float32)
    features[:, 7] = 4
    tracemalloc.start()
    found = module._standardised(features)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * features.nbytes
    expected = (features - features.mean(axis=0)) / features.std(axis=0).clip(1e-9)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("images", "patients"), [(0, 1), (1, 1), (4, 4), (30, 1), (30, 2), (30, 30)]
)
def test_small_and_equal_sets_have_no_strangers(images: int, patients: int) -> None:
    features = np.ones((images, 3))
    people = [str(row % patients) for row in range(images)]
    table = strangers(features, ["a"] * images, people)
    assert len(table) == images
    assert not table["stranger"].any()
    assert finding(table) is None


def test_images_of_a_tiny_class_are_measured_against_the_others() -> None:
    features, labels, patients = cohort(4)
    labels[:3] = ["c"] * 3
    table = strangers(features, labels, patients)
    assert table["distance"].notna().all()


@pytest.mark.data
@pytest.mark.slow
def test_brains_and_skin_are_found_among_chests(
    pack: Callable[[str], Path], tmp_path: Path
) -> None:
    """In the simplest feature space there is: 24 x 24 pixels, in grey and colour."""
    from PIL import Image

    def rows(name: str, count: int) -> pd.DataFrame:
        table = pd.read_csv(pack(name) / "manifest.csv", dtype=str, keep_default_na=False)
        table["path"] = [str(pack(name) / file) for file in table["file"]]
        return table.sample(count, random_state=0)

    def seen(path: str) -> NDArray[np.float32]:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((24, 24)), dtype=np.float32)
        return np.concatenate([pixels.mean(axis=2).ravel(), pixels.reshape(-1, 3).std(axis=1)])

    chest = rows("kermany-cxr-320", 400)
    guests = pd.concat([rows("brain-mri-4class", 8), rows("skin-ham10000", 8)])
    features = np.array([seen(path) for path in [*chest["path"], *guests["path"]]])
    labels = [*chest["label"], *["NORMAL"] * 16]
    people = [*chest["patient_key"], *(f"guest{number}" for number in range(16))]
    table = strangers(features, labels, people)
    planted = table["row"] >= 400
    assert table["stranger"][planted].mean() >= 0.9
    assert table["stranger"][~planted].mean() <= 0.02
