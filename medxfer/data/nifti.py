"""NIfTI volumes to pictures: axial slices, as radiologists look at them; only the child comes here.

nibabel reads the header and says how the volume lies in the patient; the values are looked at
where they lie in the file.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.orientations import apply_orientation, io_orientation
from nibabel.spatialimages import HeaderDataError, HeaderTypeError
from numpy.typing import NDArray

from medxfer.data.meaning import EXACT, Meaning, Window
from medxfer.data.picture import (
    MAX_BYTES,
    Picture,
    Wanted,
    check_size,
    chosen_frame,
    cut_short,
    damaged,
    frame_note,
)
from medxfer.data.pixels import three
from medxfer.data.rendering import to_grey
from medxfer.data.sniffing import GZIP, NIFTI1_SIZE, NIFTI2_SIZE, sized
from medxfer.errors import ImageError

_RATIO, _RATIO_FROM = 200, 32 * 2**20
"""How much a packed volume may unpack to: so many times its size, or so many bytes."""
_HEADERS = {NIFTI1_SIZE: Nifti1Header, NIFTI2_SIZE: Nifti2Header}
_PAIR = b"ni"
_SLICE, _VOLUME, _SERIES = 2, 3, 4
"""Dimensions of a slice, of a volume, and of several volumes."""
_BYTE = 8
_TEXTS = {"data_type", "db_name", "descrip", "aux_file", "intent_name"}
"""Fields that hold what somebody typed, or the name of a file."""
_QUICKLY = 1
"""Level of gzip; the child has seconds."""
_MILLIMETRES = {"mm": 1.0, "meter": 1000.0, "micron": 0.001}
_LONGEST = 100.0
"""Millimetres that no pixel measures."""
_FAULTS = (
    OSError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, AssertionError,
    struct.error, zlib.error, HeaderDataError, HeaderTypeError,
)  # fmt: skip
"""What nibabel and gzip are known to raise on damaged files."""

Volume = NDArray[Any]


def read_nifti(data: bytes, name: str, wanted: Wanted) -> Picture:
    """One axial slice of a volume: the patient's right on the left of the screen, front up.

    Slices are counted from the feet. Of several volumes the first is used.

    Raises:
        ImageError: it is damaged, too large, or holds no volume of grey values.
    """
    try:
        plain = _unpacked(data, name) if data.startswith(GZIP) else data
        header = _header(plain, name)
        volume, notes = _volume(header, plain, name)
        affine, lies = _affine(header)
        turned = apply_orientation(volume, io_orientation(affine))
        frames = turned.shape[2]
        check_size(turned.shape[:2], name)
        frame = chosen_frame(frames, wanted.frame, name)
        # Rows from front to back, columns from the patient's right to left.
        values = turned[::-1, ::-1, frame - 1].T
        values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
        meaning = _meaning(header, values.dtype)
        grey = to_grey(values, meaning, name, deep=wanted.deep)
        spacing = _spacing(header, affine)
    except _FAULTS as error:
        raise damaged(name) from error
    if frames > 1:
        notes = (frame_note(frames, frame), *notes)
    return Picture(
        three(grey.levels),
        _mode(meaning),
        "NIfTI",
        (*notes, *lies, *grey.notes),
        frames=frames,
        frame=frame,
        spacing=spacing,
        deep=grey.deep,
    )


def stripped(data: bytes, name: str) -> bytes:
    """The file without its texts and extensions, and without what lies behind its values.

    Raises:
        ImageError: as `read_nifti`.
    """
    packed = data.startswith(GZIP)
    plain = _unpacked(data, name) if packed else data
    try:
        header = _header(plain, name)
        volumes = math.prod(int(side) for side in header.get_data_shape())
        start = int(header.get_data_offset())
        end = start + volumes * header.get_data_dtype().itemsize
        for field in _TEXTS & set(header.keys()):
            header[field] = b""
        kept = header.binaryblock
    except _FAULTS as error:
        raise damaged(name) from error
    bare = b"".join((kept, bytes(start - len(kept)), plain[start:end]))
    return gzip.compress(bare, _QUICKLY, mtime=0) if packed else bare


def _unpacked(packed: bytes, name: str) -> bytes:
    limit = min(MAX_BYTES, max(_RATIO_FROM, _RATIO * len(packed)))
    try:
        with gzip.GzipFile(fileobj=BytesIO(packed)) as file:
            found = file.read(limit + 1)
    except EOFError as error:
        raise cut_short(name) from error
    if len(found) > limit:
        raise ImageError(
            f"{name} was refused: it would unpack to more than {limit / 1e6:,.0f} MB from "
            f"{len(packed) / 1e3:,.0f} KB.",
            "Save a smaller part of the volume.",
        )
    return found


def _header(plain: bytes, name: str) -> Nifti1Header:
    """Header of NIfTI-1 or NIfTI-2; extensions, which may hold anything, are not looked at."""
    size = sized(plain)
    if len(plain) < size:
        raise cut_short(name)
    header = _HEADERS[size](plain[:size])
    if header["magic"].item().startswith(_PAIR):
        raise ImageError(
            f"{name} is one half of a NIfTI pair (.hdr and .img).", "Save both as one .nii file."
        )
    return header


def _volume(header: Nifti1Header, plain: bytes, name: str) -> tuple[Volume, tuple[str, ...]]:
    """The stored values (three dimensions, as they lie in the file), and notes."""
    shape = [int(side) for side in header.get_data_shape()]
    while len(shape) > _SLICE and shape[-1] == 1:
        shape.pop()
    if not _SLICE <= len(shape) <= _SERIES:
        raise ImageError(
            f"{name} has {len(shape)} dimensions; pictures are taken from 2, 3 or 4.",
            "Save one volume of it as a file of its own.",
        )
    kind = header.get_data_dtype()
    if kind.kind not in "iuf":
        raise ImageError(
            f"{name} holds colours or other values that are no grey.",
            "Export its slices as PNG, or one of its channels as NIfTI.",
        )
    offset, count = int(header.get_data_offset()), math.prod(shape)
    if min(shape) < 1 or offset < header.sizeof_hdr:
        raise damaged(name)
    needed = offset + count * kind.itemsize
    if needed > len(plain):
        raise cut_short(name, f": {len(plain):,} of {needed:,} bytes are there")
    whole = np.frombuffer(plain, kind, count, offset).reshape(shape, order="F")
    if len(shape) == _SERIES:
        return whole[..., 0], (f"it holds {shape[3]:,} volumes; the first is used",)
    return whole.reshape(*shape, 1) if len(shape) == _SLICE else whole, ()


def _affine(header: Nifti1Header) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """From places in the file to millimetres right, front and up; and a note if it is a guess."""
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    known = bool(header["sform_code"]) or bool(header["qform_code"])
    turns = affine[:3, :3]
    if not np.isfinite(affine).all() or np.linalg.matrix_rank(turns) < _VOLUME:
        affine, known = np.diag([-1.0, 1.0, 1.0, 1.0]), False
    note = "it does not say how it lies in the patient; left and right may be swapped"
    return affine, () if known else (note,)


def _meaning(header: Nifti1Header, kind: np.dtype[Any]) -> Meaning:
    """Its rescale and the window it names, if there are any."""
    slope, intercept = header.get_slope_inter()
    low, high = float(header["cal_min"]), float(header["cal_max"])
    window = np.isfinite([low, high]).all() and high > low
    return Meaning(
        bits=None if kind.kind == "f" else _BYTE * kind.itemsize,
        signed=kind.kind == "i",
        inverted=False,
        slope=1.0 if slope is None else slope,
        intercept=intercept or 0.0,
        modality=None,
        shown=Window((low + high) / 2, high - low, EXACT) if window else None,
        padding=None,
        unit="",
        notes=(),
    )


def _mode(meaning: Meaning) -> str:
    """How the values are stored, in Pillow's words."""
    if meaning.bits is None:
        return "F"
    return "I;16" if meaning.is_deep else "L"


def _spacing(header: Nifti1Header, affine: NDArray[np.float64]) -> tuple[float, float] | None:
    """Millimetres between rows (front to back) and columns (side to side); None if not told."""
    unit = _MILLIMETRES.get(header.get_xyzt_units()[0])
    if unit is None:
        return None
    order = np.argsort(io_orientation(affine)[:, 0])
    across, down, _ = (float(side) * unit for side in voxel_sizes(affine)[order])
    return (down, across) if 0 < down < _LONGEST and 0 < across < _LONGEST else None
