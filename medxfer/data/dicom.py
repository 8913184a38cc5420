"""DICOM files to pictures, through pydicom; only the child of `quarantine` comes here."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage

from medxfer.data import jpeg12
from medxfer.data.meaning import meaning_of
from medxfer.data.picture import (
    MAX_BYTES,
    Origin,
    Picture,
    Wanted,
    check_size,
    chosen_frame,
    cut_short,
    damaged,
    frame_note,
)
from medxfer.data.pixels import Pixels, three
from medxfer.data.rendering import to_grey
from medxfer.data.sniffing import hidden_in
from medxfer.data.tags import may_show_names, spacing_of, technical, text
from medxfer.errors import ImageError

jpeg12.register()

MAX_FRAMES = 20_000
_PREFIX = 132
_RATIO, _RATIO_FROM = 200, 10 * 2**20
"""How much a compressed header may unpack to: so many times its size, or so many bytes."""
_PIECE = 1 << 20
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_GREYS = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
_RGB = 3
_BYTE = 8
_REPORTS = {"SR": "a report", "KO": "a list of pictures", "PR": "a way to show pictures",
            "DOC": "a document", "RTSTRUCT": "outlines", "RTPLAN": "a plan of treatment",
            "ECG": "curves"}  # fmt: skip
_FAULTS = (
    OSError, ValueError, TypeError, ArithmeticError, LookupError, EOFError, AttributeError,
    RuntimeError, AssertionError, NotImplementedError, struct.error, zlib.error, InvalidDicomError,
)  # fmt: skip
"""What pydicom and its decoders are known to raise on damaged files; a RecursionError is one."""
_DECOMPRESS = {
    "JPEG-LS": "dcmdjpls", "JPEG 2000": "gdcmconv --raw", "JPEG": "dcmdjpeg", "RLE": "dcmdrle",
}  # fmt: skip


def read_dicom(data: bytes, name: str, wanted: Wanted) -> Picture:
    """Decode one frame of a DICOM file, as its windows and tables say it is to be shown.

    Raises:
        ImageError: it holds no picture, is damaged, too large, or encoded in an unknown way.
    """
    try:
        dataset = parsed(data, name)
        _check_is_picture(dataset, name)
        check_size((_number(dataset, "Columns", name), _number(dataset, "Rows", name)), name)
        frames = _frames(dataset, name)
        frame = chosen_frame(frames, wanted.frame, name)
        kind = _photometric(dataset, name)
        _check_whole(dataset, name)
        shown = _rendered(dataset, frame - 1, kind, name, wanted)
        origin = _origin(dataset, data)
        spacing, spacing_note = spacing_of(dataset, frame - 1)
    except RecursionError as error:
        raise ImageError(
            f"{name} is nested too deeply to be read.", "Export it again from its source."
        ) from error
    except _FAULTS as error:
        raise damaged(name) from error
    notes = shown.notes
    if frames > 1:
        notes = (frame_note(frames, frame), *notes)
    if origin.may_show_names:
        notes = (*notes, "names or dates may be burnt into it")
    if origin.preamble:
        notes = (*notes, f"its first bytes look like {origin.preamble}")
    return replace(
        shown,
        notes=notes,
        frames=frames,
        frame=frame,
        origin=origin,
        spacing=spacing,
        spacing_note=spacing_note,
    )


def parsed(data: bytes, name: str) -> Dataset:
    """The data set of a file; never by force, never unpacked without bounds.

    Raises:
        ImageError: it has no DICOM header, or a compressed one that unpacks to too much.
    """
    if data[_PREFIX - 4 : _PREFIX] != b"DICM":
        raise ImageError(
            f"{name} is not a complete DICOM file: its header is missing, so how it is encoded "
            "would have to be guessed.",
            "Export it again as a DICOM file (Part 10).",
        )
    file = BytesIO(data)
    file.seek(_PREFIX)
    meta = pydicom.filereader._read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        _check_deflated(data[file.tell() :], name)
    file.seek(0)
    return pydicom.dcmread(file)


def stored(
    dataset: Dataset, index: int, *, raw: bool = False
) -> tuple[NDArray[Any], dict[str, Any]]:
    """The values of a frame as they are stored and what they are.

    (height, width), or (height, width, 3) with YBR turned into RGB unless `raw`. Bits beyond
    BitsStored are cleared and signs extended.
    """
    decoder = get_decoder(dataset.file_meta.TransferSyntaxUID)
    return decoder.as_array(dataset, index=index, raw=raw)


def _check_deflated(packed: bytes, name: str) -> None:
    limit = min(MAX_BYTES, max(_RATIO_FROM, _RATIO * len(packed)))
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    size, rest = 0, packed
    while not unpacker.eof:
        piece = unpacker.decompress(rest, _PIECE)
        rest = unpacker.unconsumed_tail
        size += len(piece)
        if size > limit:
            raise ImageError(
                f"{name} was refused: its compressed header would unpack to more than "
                f"{limit / 1e6:,.0f} MB from {len(packed) / 1e3:,.0f} KB.",
                "Export it again without compressing the header (Deflated).",
            )
        if not piece and not rest:
            raise cut_short(name)


def _check_is_picture(dataset: Dataset, name: str) -> None:
    if any(keyword in dataset for keyword in _PIXELS):
        return
    kind = text(dataset, "Modality")
    meta = dataset.file_meta.get("MediaStorageSOPClassUID", "")
    if meta == MediaStorageDirectoryStorage:
        held = "the index of a folder"
    elif "EncapsulatedDocument" in dataset:
        held = "a document"
    elif kind not in _REPORTS and ("Rows" in dataset or not dataset or _is_image(dataset)):
        raise cut_short(name, ": it holds no pixels")
    else:
        held = _REPORTS.get(kind, "a report or other data")
    raise ImageError(f"{name} holds {held}, not a picture.", "Choose the pictures of the study.")


def _is_image(dataset: Dataset) -> bool:
    """Whether it calls itself a picture, by what DICOM calls its class."""
    kind = dataset.file_meta.get("MediaStorageSOPClassUID")
    return kind is not None and "Image Storage" in kind.name


def _photometric(dataset: Dataset, name: str) -> str:
    kind = text(dataset, "PhotometricInterpretation")
    if kind not in (*_GREYS, *_COLOURS, _PALETTE):
        raise ImageError(
            f"{name} describes its colours as '{kind[:16]}', which cannot be read."
            if kind
            else f"{name} does not say what its values mean (PhotometricInterpretation).",
            "Export it again, or as PNG.",
        )
    return kind


def _number(dataset: Dataset, keyword: str, name: str) -> int:
    value = dataset.get(keyword)
    if not isinstance(value, int) or value < 1:
        raise ImageError(
            f"{name} is damaged: it gives no usable number of {keyword.lower()}.",
            "Export it again from its source.",
        )
    return int(value)


def _frames(dataset: Dataset, name: str) -> int:
    """How many pictures it says it holds; the number itself may be text, or nonsense."""
    try:
        frames = int(dataset.get("NumberOfFrames") or 1)
    except (TypeError, ValueError) as error:
        raise damaged(name) from error
    if not 1 <= frames <= MAX_FRAMES:
        raise ImageError(
            f"{name} claims to hold {frames:,} pictures; the limit is {MAX_FRAMES:,}.",
            "Export the frames you need.",
        )
    return frames


def _check_whole(dataset: Dataset, name: str) -> None:
    """Refuse pixels that are fewer than the header says; pydicom reads such files silently."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None:
        raise ImageError(
            f"{name} does not say how it is encoded.", "Export it again from its source."
        )
    if syntax.is_private or not syntax.is_transfer_syntax or not _decodable(syntax):
        raise _unknown_encoding(syntax, name)
    if syntax.is_encapsulated:
        return
    found = len(dataset[next(k for k in _PIXELS if k in dataset)].value or b"")
    expected = get_expected_length(dataset)
    if found < expected:
        raise cut_short(name, f": {found:,} of {expected:,} bytes are there")


def _decodable(syntax: pydicom.uid.UID) -> bool:
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _unknown_encoding(syntax: pydicom.uid.UID, name: str) -> ImageError:
    words = syntax.name if syntax.name != syntax else f"an unknown encoding ({syntax[:64]})"
    tool = next((t for part, t in _DECOMPRESS.items() if part in words), "gdcmconv --raw")
    return ImageError(
        f"{name} uses {words}, which this installation cannot read.",
        f"Convert it with `{tool}`, or export it uncompressed.",
    )


def _rendered(dataset: Dataset, index: int, kind: str, name: str, wanted: Wanted) -> Picture:
    """The picture of a frame, its mode in Pillow's words, with the notes of showing it."""
    values, found = stored(dataset, index)
    if kind == _PALETTE:
        return Picture(_coloured(dataset, values), "P", "DICOM")
    if values.ndim == _RGB:
        bits = found["bits_stored"]
        cut = f"{bits} bits a colour were cut to 8"
        notes = (cut,) if bits > _BYTE else ()
        return Picture(_eight_bits(values, bits), "RGB", "DICOM", notes)
    meaning = meaning_of(dataset, index, kind == _GREYS[0], found.get("bits_stored"))
    grey = to_grey(values, meaning, name, deep=wanted.deep)
    mode = "I;16" if meaning.is_deep else "L"
    return Picture(three(grey.levels), mode, "DICOM", grey.notes, deep=grey.deep)


def _eight_bits(values: NDArray[Any], bits: int) -> Pixels:
    if bits > _BYTE:
        return (values >> (bits - _BYTE)).astype(np.uint8)
    return values.astype(np.uint8)


def _coloured(dataset: Dataset, values: NDArray[Any]) -> Pixels:
    """Palette indices as colours: the palette is looked up once a value, not once a pixel."""
    low, high = int(values.min()), int(values.max())
    steps = np.arange(low, high + 1, dtype=np.int64)
    table = apply_color_lut(steps, dataset)[:, :_RGB]
    if table.dtype != np.uint8:
        # Some makers put 8-bit colours into 16-bit entries.
        table = table >> _BYTE if table.max() > np.iinfo(np.uint8).max else table
    return table.astype(np.uint8)[values.astype(np.int64) - low]


def _origin(dataset: Dataset, data: bytes) -> Origin:
    return Origin(
        tags=technical(dataset),
        patient=text(dataset, "PatientID"),
        instance=text(dataset, "SOPInstanceUID"),
        model=text(dataset, "ManufacturerModelName"),
        may_show_names=may_show_names(dataset),
        preamble=hidden_in(data[: _PREFIX - 4]),
    )
