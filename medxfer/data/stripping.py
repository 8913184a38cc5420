"""A DICOM file with its picture and nothing about whom it shows; only the child comes here.

What medxfer keeps of a DICOM file from a ZIP archive. The pixels stay encoded as they are.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Any

from pydicom import Dataset, Sequence, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from medxfer.data.dicom import parsed
from medxfer.data.picture import Origin

_WHOLE = (
    "SamplesPerPixel", "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelPaddingValue", "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor", "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData",
    "LUTDescriptor", "LUTData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "FloatPixelData", "DoubleFloatPixelData", "PixelData",
)  # fmt: skip
"""Numbers in binary: they hold no text."""
_NUMBERS = ("NumberOfFrames", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth",
            "PixelSpacing", "ImagerPixelSpacing")  # fmt: skip
"""Numbers written as text: kept if they are numbers."""
_WORDS = {
    "PhotometricInterpretation": (
        "MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT",
        "PALETTE COLOR",
    ),
    "VOILUTFunction": ("LINEAR", "LINEAR_EXACT", "SIGMOID"),
}  # fmt: skip
_NESTED = (
    "ModalityLUTSequence", "VOILUTSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "PixelValueTransformationSequence", "FrameVOILUTSequence",
)  # fmt: skip
_KEPT_TAGS = ("Modality", "BodyPartExamined", "ViewPosition", "Laterality", "BurnedInAnnotation")


def stripped(data: bytes, name: str, origin: Origin) -> bytes:
    """The file's picture under a new UID, an empty preamble and the technical tags of `origin`.

    Raises:
        ImageError: as `dicom.parsed`.
    """
    before = parsed(data, name)
    after = _picture_of(before)
    for keyword in _KEPT_TAGS:
        if keyword in origin.tags:
            setattr(after, keyword, origin.tags[keyword].upper())
    after.SOPClassUID = SecondaryCaptureImageStorage
    after.SOPInstanceUID = generate_uid(entropy_srcs=[hashlib.sha256(data).hexdigest()])
    after.file_meta = FileMetaDataset()
    after.file_meta.TransferSyntaxUID = before.file_meta.TransferSyntaxUID
    after.file_meta.MediaStorageSOPClassUID = after.SOPClassUID
    after.file_meta.MediaStorageSOPInstanceUID = after.SOPInstanceUID
    after.preamble = bytes(128)
    after.set_original_encoding(*before.original_encoding)
    buffer = BytesIO()
    dcmwrite(buffer, after, enforce_file_format=True)
    return buffer.getvalue()


def _picture_of(dataset: Dataset) -> Dataset:
    """What decoding and showing need, at any depth."""
    kept = Dataset()
    for keyword in _WHOLE:
        if keyword in dataset:
            kept[keyword] = dataset[keyword]
    for keyword in _NUMBERS:
        if keyword in dataset and _is_numeric(dataset, keyword):
            kept[keyword] = dataset[keyword]
    for keyword, known in _WORDS.items():
        if (word := str(dataset.get(keyword, "")).strip()) in known:
            setattr(kept, keyword, word)
    for keyword in _NESTED:
        if dataset.get(keyword):
            setattr(kept, keyword, Sequence(_picture_of(item) for item in dataset[keyword].value))
    return kept


def _is_numeric(dataset: Dataset, keyword: str) -> bool:
    try:
        value: Any = dataset[keyword].value
        several = [value] if isinstance(value, str | int | float) else list(value)
        return all(float(each) is not None for each in several)
    except (TypeError, ValueError, OverflowError):
        return False
