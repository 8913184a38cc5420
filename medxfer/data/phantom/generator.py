"""Patients, their visits to two scanners, and the files these leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from medxfer.data.phantom.chest import Chest, draw_chest, project
from medxfer.data.phantom.detector import SCANNERS, Grey, Scanner, collimate, expose
from medxfer.data.phantom.distractors import draw_passing, side_marker
from medxfer.data.phantom.projection import View

CLASSES = ("NORMAL", "PNEUMONIA")
MOST = 4
"""The most images a patient has."""
NOTICE = "Synthetic chest phantom computed by medxfer. It shows no person."

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Patient:
    """One made-up patient: `number` from 1; `scanners` has one entry an image."""

    seed: int
    number: int
    label: str
    scanners: tuple[Scanner, ...]

    @property
    def name(self) -> str:
        return f"P{self.number:04d}"


@dataclass(frozen=True)
class Radiograph:
    """One picture, grey 0 to 255, with its truth: where lung is and where an opacity shows."""

    pixels: Grey
    lungs: Mask
    mask: Mask


def draw_patients(count: int, seed: int) -> list[Patient]:
    """Patients in random order, half of them ill.

    Each ill one has a healthy twin with as many images on the same scanners, so neither the number
    of images nor the scanner tells the label.
    """
    rng = np.random.default_rng([seed, 0])
    places = rng.permutation(count) + 1
    patients = []
    for pair in range(0, count, 2):
        images, usual = rng.integers(1, MOST + 1), rng.integers(len(SCANNERS))
        other = rng.random(images) < 0.2  # noqa: PLR2004
        scanners = tuple(SCANNERS[index] for index in np.where(other, 1 - usual, usual))
        patients += [
            Patient(seed, int(number), label, scanners)
            for number, label in zip(places[pair : pair + 2], CLASSES, strict=False)
        ]
    return sorted(patients, key=lambda patient: patient.number)


def render(patient: Patient, image: int, *, opacities: bool = True) -> Radiograph:
    """One picture of a patient, `image` from 0.

    Without `opacities` it is the same exposure, noise included, of the same chest when it was
    well; its mask is empty.
    """
    return _render(_chest(patient), patient, image, opacities=opacities)


def generate(
    folder: Path,
    *,
    patients: int = 120,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Write pictures to `folder`/images/CLASS and masks to `folder`/masks, 8-bit grey PNG.

    Returns a row an image: file, label, patient, scanner, mask; paths are relative to `folder`,
    and mask is "" where the label is NORMAL. The same arguments give the same bytes. `progress` is
    told how many patients of how many are done.
    """
    for name in (*(f"images/{label}" for label in CLASSES), "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for done, patient in enumerate(draw_patients(patients, seed), start=1):
        rows += list(_write(folder, patient))
        if progress:
            progress(done, patients)
    return pd.DataFrame(rows, columns=["file", "label", "patient", "scanner", "mask"])


def _write(folder: Path, patient: Patient) -> Iterator[dict[str, str]]:
    chest = _chest(patient)
    for image, scanner in enumerate(patient.scanners):
        picture = _render(chest, patient, image, opacities=True)
        name = f"{patient.name}_{image + 1}.png"
        file, mask = f"images/{patient.label}/{name}", ""
        _save(picture.pixels, folder / file)
        if picture.mask.any():
            mask = f"masks/{name}"
            _save(picture.mask.astype(np.uint8) * np.uint8(255), folder / mask)
        yield {
            "file": file,
            "label": patient.label,
            "patient": patient.name,
            "scanner": scanner.name,
            "mask": mask,
        }


def _chest(patient: Patient) -> Chest:
    rng = np.random.default_rng([patient.seed, patient.number])
    return draw_chest(rng, ill=patient.label == CLASSES[1])


def _render(chest: Chest, patient: Patient, image: int, *, opacities: bool) -> Radiograph:
    rng = np.random.default_rng([patient.seed, patient.number, image + 1])
    scanner = patient.scanners[image]
    view = _pose(chest, scanner, rng)
    passing = draw_passing(chest.anatomy, rng)
    stage = rng.uniform(0.55, 1)
    beam = project(chest, view, passing, stage)
    met = beam.attenuation if opacities else beam.clear
    if rng.random() < 0.45:  # noqa: PLR2004
        rows, columns = view.shape
        x = view.shift[0] - view.field / 2 + rng.uniform(1.5, 3)
        y = view.shift[1] - rows / columns * view.field / 2 + rng.uniform(2, 4)
        met = met + side_marker(view, x, y, rng.normal(0, 8))
    lung = float(np.median(beam.clear[beam.lungs]))
    grey = expose(met, lung, scanner, view.pixel, rng)
    open_field = collimate(view.shape, scanner, rng)
    return Radiograph(
        np.where(open_field, grey, 0).astype(np.uint8),
        beam.lungs & open_field,
        beam.mask & open_field & opacities,
    )


def _pose(chest: Chest, scanner: Scanner, rng: np.random.Generator) -> View:
    ratio = rng.uniform(1.0, 1.12) if scanner.tilted else rng.uniform(0.92, 1.04)
    short = scanner.side + int(rng.integers(-8, 9))
    rows, columns = (short, int(short * ratio)) if ratio >= 1 else (int(short / ratio), short)
    anatomy = chest.anatomy
    return View(
        turn=rng.normal(0, 2.5),
        tilt=rng.normal(2, 2.5),
        roll=rng.normal(0, 1.6),
        shift=(rng.normal(0, 0.6), anatomy.height * 0.46 + rng.normal(0, 0.8)),
        field=max(rng.uniform(33, 38), 2 * anatomy.half_width + 4) * np.sqrt(max(ratio, 1)),
        lift=float(np.clip(rng.gamma(1.5, 0.8), 0, 4.5)),
        shape=(rows, columns),
    )


def _save(pixels: Grey, path: Path) -> None:
    info = PngInfo()
    info.add_text("Description", NOTICE)
    Image.fromarray(pixels).save(path, pnginfo=info)
