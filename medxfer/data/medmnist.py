"""MedMNIST `.npz` files: arrays of small images with their own splits (Yang et al. 2023)."""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from medxfer.data.listing import Listing
from medxfer.data.manifest import PARTS
from medxfer.errors import DataError

_MAX_BYTES = 4 * 2**30
_MAX_CLASSES = 65_536
_NAMED = 5
_SHOWN = 200
_FAULTS = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile,
    zlib.error, lzma.LZMAError, tokenize.TokenError,
)  # fmt: skip
"""What NumPy and zipfile are known to raise on damaged files."""
_GREY, _COLOUR, _RGB = 3, 4, 3
_ORGANS = (
    "bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver",
    "lung-left", "lung-right", "pancreas", "spleen",
)  # fmt: skip
_CLASSES: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle",
        "normal colon mucosa", "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium",
    ),
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma",
        "benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi",
        "vascular lesions",
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "breastmnist": ("malignant", "normal, benign"),
    "bloodmnist": (
        "basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte",
        "monocyte", "neutrophil", "platelet",
    ),
    "organamnist": _ORGANS,
    "organcmnist": _ORGANS,
    "organsmnist": _ORGANS,
}  # fmt: skip
"""Class names by the file's name; the files themselves hold numbers only (medmnist/info.py)."""


def list_arrays(source: Path | bytes, name: str) -> Listing:
    """Understand the labels and splits; images are named as `write_images` will write them.

    Raises:
        DataError: the file is no MedMNIST file of single-label 2D images.
    """
    with _opened(source, name) as arrays:
        given = _parts(arrays, name)
        numbers = [_labels(arrays, part, name) for part in given]
    names = _names(name, {number for found in numbers for number in np.unique(found).tolist()})
    parts = [
        pd.DataFrame(
            {
                "file": [f"{part}/{place:06d}.png" for place in range(len(found))],
                "label": [names[number] for number in found.tolist()],
                "split": part,
            }
        )
        for part, found in zip(given, numbers, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True).assign(patient="")
    layout = f"the MedMNIST file {name} with its own {', '.join(given)}"
    return Listing("medmnist", layout, table)


def write_images(source: Path | bytes, name: str, folder: Path) -> None:
    """Write every image as PNG below `folder`, one folder a split.

    Raises:
        DataError: the arrays are damaged or hold something else than 8-bit 2D images.
        OSError: they cannot be written.
    """
    with _opened(source, name) as arrays:
        for part in _parts(arrays, name):
            images = _array(arrays, f"{part}_images", name)
            _check_images(images, name)
            (folder / part).mkdir(parents=True)
            for place, pixels in enumerate(images):
                Image.fromarray(pixels).save(folder / part / f"{place:06d}.png", compress_level=1)


@contextmanager
def _opened(source: Path | bytes, name: str) -> Iterator[Any]:
    stream: BinaryIO | Path = BytesIO(source) if isinstance(source, bytes) else source
    with _reading(name):
        with zipfile.ZipFile(stream) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > _MAX_BYTES:
            raise DataError(
                f"{name} would need {size / 1e9:,.1f} GB of memory; the limit is "
                f"{_MAX_BYTES / 1e9:.1f} GB.",
                "Use the edition with smaller images.",
            )
        arrays = np.load(stream, allow_pickle=False)
    with arrays:
        yield arrays


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Faults of the file itself as a sentence; kept around nothing but reading from it."""
    try:
        yield
    except _FAULTS as error:
        raise DataError(
            f"{name} cannot be read as a MedMNIST file.", "Download or copy it again."
        ) from error


def _parts(arrays: Any, name: str) -> list[str]:
    given = [str(part) for part in PARTS if f"{part}_images" in arrays]
    if not given:
        found = ", ".join(arrays.files[:_NAMED]) or "nothing"
        raise DataError(
            f"{name} is no MedMNIST file: it has no 'train_images' and 'train_labels', but "
            f"{found[:_SHOWN]}.",
            "Give a MedMNIST file, or save the pictures as PNG, one folder a class.",
        )
    return given


def _array(arrays: Any, key: str, name: str) -> NDArray[Any]:
    _shape(arrays, key, name)
    with _reading(name):
        return np.asarray(arrays[key])


def _shape(arrays: Any, key: str, name: str) -> tuple[int, ...]:
    """The shape an array declares, which must fit what is stored before it is believed."""
    if key not in arrays.files:
        raise DataError(f"{name} lacks the array '{key}'.", "Download it again from MedMNIST.")
    with _reading(name), arrays.zip.open(f"{key}.npy") as stream:
        read = npy.read_array_header_1_0
        if npy.read_magic(stream) != (1, 0):
            read = npy.read_array_header_2_0
        shape, _, kind = read(stream)
        stored = arrays.zip.getinfo(f"{key}.npy").file_size
    declared = math.prod(shape) * kind.itemsize
    if not kind.hasobject and declared > stored:
        raise DataError(
            f"{name} is damaged: its array '{key}' declares {declared / 1e6:,.1f} MB and holds "
            f"{stored / 1e6:,.1f} MB.",
            "Download or copy it again.",
        )
    return tuple(shape)


def _labels(arrays: Any, part: str, name: str) -> NDArray[np.int64]:
    labels = _array(arrays, f"{part}_labels", name)
    if labels.ndim > 1 and labels.shape[1] > 1:
        raise DataError(
            f"{name} gives each image {labels.shape[1]} labels at once; medxfer needs one.",
            "Choose a single-label MedMNIST set, such as PneumoniaMNIST.",
        )
    flat = labels.reshape(-1)
    if flat.dtype.kind not in "iu" or (len(flat) and flat.min() < 0):
        raise DataError(f"The labels of {name} are not class numbers.", "Download it again.")
    if len(flat) and flat.max() >= _MAX_CLASSES:
        raise DataError(
            f"{name} has the label {flat.max()}, which is no class number: the limit is "
            f"{_MAX_CLASSES - 1:,}.",
            "Download it again, or number the classes from 0.",
        )
    images = _shape(arrays, f"{part}_images", name)
    if len(flat) != (images[0] if images else 0):
        raise DataError(
            f"{name} has {images[0] if images else 0:,} images and {len(flat):,} labels in "
            f"{part}, so it is not known which label is whose.",
            "Download it again.",
        )
    return flat.astype(np.int64)


def _check_images(images: NDArray[Any], name: str) -> None:
    coloured = images.ndim == _COLOUR and images.shape[-1] == _RGB
    if images.dtype != np.uint8 or not (images.ndim == _GREY or coloured) or 0 in images.shape[1:]:
        raise DataError(
            f"{name} holds {images.dtype} arrays of shape {images.shape}, not 8-bit 2D images.",
            "Three-dimensional MedMNIST sets cannot be used.",
        )


def _names(name: str, numbers: Iterable[int]) -> dict[int, str]:
    """Class names by number, for the numbers that occur."""
    known = _CLASSES.get(name.removesuffix(".npz").split("_")[0].casefold(), ())
    largest = max(numbers, default=0)
    if largest < len(known):
        return {number: known[number] for number in numbers}
    digits = len(str(largest))
    return {number: f"class {number:0{digits}d}" for number in numbers}
