"""Which scans are explained: uploaded ones, or one of the data set."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime.uploaded_file_manager import UploadedFile

from medxfer.data.depth import Deep
from medxfer.data.manifest import Manifest, Split
from medxfer.data.picture import middle_frame
from medxfer.data.readers import Wanted, read_bytes, read_picture_bytes
from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.runs.decisions import decisions, looks
from medxfer.ui.data.table import manifest_for
from medxfer.ui.frame import show_problem
from medxfer.ui.results.lock import draw_lock, draw_unknown_looks
from medxfer.ui.words import count, number, plain, split_word

UPLOAD, DATA_SET = "Upload", "From the data set"
_LARGEST_UPLOAD_MB = 64
_ANY = "Any class"
_PARTS = (Split.VALIDATION, Split.TRAIN, Split.TEST, Split.EXCLUDED)
"""Validation first: looking at it costs nothing."""
_SPLIT_KEY, _CLASS_KEY = "scan-split", "scan-class"


@dataclass(frozen=True)
class Scan:
    """A picture to explain: its name, pixels, the SHA-256 of its file, and what is known of it.

    `pixels` is what the network gets; `deep` the same grey picture beyond 8 bits, for the viewer.
    Of a file with several pictures the digest is of this one. `spacing` is in millimetres between
    rows and between columns and holds where `spacing_note` says; `laterality` is the tag's.
    """

    name: str
    digest: str
    pixels: NDArray[np.uint8]
    notes: tuple[str, ...] = ()
    truth: str = ""
    split: str = ""
    patient: str = ""
    deep: Deep | None = None
    spacing: tuple[float, float] | None = None
    spacing_note: str = ""
    laterality: str = ""
    frames: int = 1
    frame: int = 1


def choose_scans(place: Workspace, run: str) -> list[Scan]:
    """The scans the person chose for a run, by either way; what cannot be used says why."""
    wanted = st.query_params.get("image", "")
    way = st.segmented_control(
        "Scans",
        [UPLOAD, DATA_SET],
        default=DATA_SET if wanted else UPLOAD,
        required=True,
        key="scan-way",
        label_visibility="collapsed",
    )
    return _uploaded() if way == UPLOAD else _from_data(place, run, wanted)


def read_scan(content: bytes, name: str, frame: int | None = None) -> Scan:
    """A scan from a file's bytes, judged by its content; ImageError says what is wrong.

    `frame` is the one wanted of several, counted from 1; without it the middle one is given.
    """
    picture = read_picture_bytes(content, name, Wanted(frame=frame, deep=True))
    digest = hashlib.sha256(content)
    if picture.frames > 1:
        digest.update(f" picture {picture.frame}".encode())
    return Scan(
        name,
        digest.hexdigest(),
        picture.pixels,
        picture.notes,
        deep=picture.deep,
        spacing=picture.spacing,
        spacing_note=picture.spacing_note,
        laterality=picture.origin.tags.get("Laterality", "") if picture.origin else "",
        frames=picture.frames,
        frame=picture.frame,
    )


def _uploaded() -> list[Scan]:
    files = st.file_uploader(
        "One or several scans: DICOM, NIfTI, PNG, JPEG, TIFF or BMP",
        accept_multiple_files=True,
        max_upload_size=_LARGEST_UPLOAD_MB,
        key="scan-files",
    )
    scans = []
    for file in files:
        try:
            scans.append(_upload(file))
        except MedxferError as error:
            show_problem(error)
    return scans


def _upload(file: UploadedFile) -> Scan:
    """The scan of an uploaded file; of several pictures in it, the one the person asks for."""
    key = f"scan-frame-{file.file_id}"
    scan = read_scan(file.getvalue(), file.name, st.session_state.get(key))
    if scan.frames > 1:
        st.number_input(
            f"Picture of the file {plain(scan.name)} (1 to {number(scan.frames)})",
            min_value=1,
            max_value=scan.frames,
            value=middle_frame(scan.frames),
            key=key,
            width=360,
        )
    return scan


def _from_data(place: Workspace, run: str, wanted: str) -> list[Scan]:
    try:
        manifest = manifest_for(place, run)
    except MedxferError as error:
        show_problem(error)
        return []
    _follow(manifest, wanted)
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    with left:
        split = _choose_part(manifest)
    if split == Split.TEST and not _test_is_open(place, run):
        return []
    with middle:
        rows = _of_class(manifest, split)
    if rows.empty:
        st.info("No image of this class is in this part. Choose another.")
        return []
    with right:
        row = _one_of(rows, manifest, wanted)
    st.query_params["image"] = row["image"]
    path = manifest.path(row["file"])
    scan = read_scan(read_bytes(path), path.name)
    # Where patients are not known, each image has been given one of its own.
    patient = row["patient"] if row["patient"] != row["image"] else ""
    return [replace(scan, truth=row["label"], split=row["split"], patient=patient)]


def _follow(manifest: Manifest, wanted: str) -> None:
    """Set the filters so that they fit the image the address names."""
    named = manifest.table[manifest.table["image"] == wanted]
    if named.empty:
        return
    row = named.iloc[0]
    st.session_state[_SPLIT_KEY] = row["split"]
    if st.session_state.get(_CLASS_KEY, _ANY) != row["label"]:
        st.session_state[_CLASS_KEY] = _ANY


def _forget_image() -> None:
    st.query_params.pop("image", None)


def _choose_part(manifest: Manifest) -> str:
    present = set(manifest.table["split"])
    parts = [str(split) for split in _PARTS if str(split) in present]
    return str(
        st.selectbox("Part", parts, format_func=split_word, key=_SPLIT_KEY, on_change=_forget_image)
    )


def _test_is_open(place: Workspace, run: str) -> bool:
    """Whether the test set may be seen; else its lock, before any image or class of it is shown."""
    seen = looks(place, run)
    if seen.unknown:
        draw_unknown_looks(seen)
        return False
    if decisions(place, run).is_open:
        return True
    st.markdown(
        "Here you would see right and wrong answers on test images, one by one, and might choose a "
        "run or a threshold by them. Validation images are open."
    )
    draw_lock(place, run, seen)
    return False


def _of_class(manifest: Manifest, split: str) -> pd.DataFrame:
    label = st.selectbox(
        "Class", [_ANY, *manifest.classes], key=_CLASS_KEY, on_change=_forget_image
    )
    table = manifest.table[manifest.table["split"] == split]
    return table if label == _ANY else table[table["label"] == label]


def _one_of(rows: pd.DataFrame, manifest: Manifest, wanted: str) -> pd.Series[str]:
    """The image the address names, else the one the person stepped to or drew."""
    named = manifest.table[manifest.table["image"] == wanted]
    if st.button(
        "Another one", icon=":material/casino:", key="scan-random",
        help=f"Any of {count(len(rows), 'image')}, drawn at random.",
    ):  # fmt: skip
        named = rows.iloc[[random.randrange(len(rows))]]  # noqa: S311 - a draw, not a secret
    if wanted and named.empty:
        st.caption(f"“{plain(wanted)}” is not in this data set; here is another image.")
    return (named if not named.empty else rows).iloc[0]
