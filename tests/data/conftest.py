"""Small sources made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]
Write = Callable[[Iterable[str]], Path]


@pytest.fixture
def dicom() -> Encode:
    """Bytes of a DICOM file of an array, with elements changed, added or (None) left out."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    def make(pixels: np.ndarray, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
        bits = 8 * pixels.dtype.itemsize
        made = Dataset()
        made.SOPClassUID = CTImageStorage
        made.SOPInstanceUID = generate_uid()
        made.Modality = "CT"
        made.Rows, made.Columns = pixels.shape[:2]
        made.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
        made.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
        if pixels.ndim == 3:
            made.PlanarConfiguration = 0
        made.BitsAllocated = made.BitsStored = bits
        made.HighBit = bits - 1
        made.PixelRepresentation = int(pixels.dtype.kind == "i")
        made.PixelData = pixels.tobytes()
        made["PixelData"].VR = "OB" if bits == 8 else "OW"
        for keyword, value in elements.items():
            if value is None:
                del made[keyword]
            else:
                setattr(made, keyword, value)
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = syntax
        made.file_meta.MediaStorageSOPClassUID = made.get("SOPClassUID", CTImageStorage)
        made.file_meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", generate_uid())
        buffer = BytesIO()
        dcmwrite(buffer, made, enforce_file_format=True)
        return buffer.getvalue()

    return make


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write pictures, each with its own noise, under the names given; say the folder."""
    random = np.random.default_rng(0)
    folder = tmp_path / "source"

    def make(files: Iterable[str]) -> Path:
        for file in files:
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 255, (40, 48), np.uint8)
            Image.fromarray(pixels).save(path, "JPEG" if path.suffix == ".jpg" else "PNG")
        return folder

    return make
