"""Where an import reads from: a path on the computer medxfer runs on, or an uploaded ZIP."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from secrets import token_hex

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from medxfer.errors import DataError, WorkspaceError
from medxfer.paths import Workspace
from medxfer.ui.roots import check_root
from medxfer.ui.words import plain, size

_PATH, _UPLOAD = "A folder or file on this computer", "Upload a ZIP file"
_KEPT = "upload"
_ROUND = "upload-round"
_ID = re.compile(r"[0-9a-f]{16}")
_UNUSUAL = re.compile(r"[^\w .()-]")
_DAY = 86400


def choose_source(place: Workspace) -> Path | None:
    """The folder or file the person means; None while they have not said.

    Raises:
        DataError: there is nothing at the path they typed.
    """
    kind = st.segmented_control(
        "Where are the images?", [_PATH, _UPLOAD], default=_PATH, required=True, key="source-kind"
    )
    if kind == _UPLOAD:
        return _uploaded(place)
    typed = st.text_input(
        "Folder, CSV, ZIP or MedMNIST file",
        placeholder="/data/chest_xray",
        key="source-path",
        help="A path on the computer medxfer runs on. The images stay where they are and are "
        "only read. Suited to large sets.",
    )
    return existing(typed) if typed and typed.strip() else None


def existing(typed: str) -> Path:
    """The path as typed or pasted, quotes and `~` understood.

    Raises:
        DataError: it is not absolute, outside of the folders that may be used, or there is
            nothing.
    """
    path = Path(typed.strip().strip("'\"")).expanduser()
    if not path.is_absolute():
        raise DataError(
            f"'{typed.strip()}' is not a full path.",
            "Begin with /, like /data/scans.",
        )
    check_root(path)  # asked first: what exists elsewhere is nobody's business
    if not path.exists():
        nearest = next(parent for parent in path.parents if parent.exists())
        raise DataError(
            f"There is nothing at {path}.",
            f"{nearest} exists; check what follows it. The path is one on the computer medxfer "
            "runs on.",
        )
    return path


def suggest_name(place: Workspace, source: Path) -> str:
    """The source's own name, numbered if a data set has it already."""
    name = (
        _UNUSUAL.sub("_", source.name if source.is_dir() else source.stem).strip(" ._-") or "data"
    )
    taken = {folder.name for folder in place.datasets.iterdir()}
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)


def name_problem(place: Workspace, name: str) -> str:
    """Why a data set cannot have this name, in a sentence; "" if it can."""
    if not name.strip():
        return "Give the data set a name."
    try:
        taken = place.dataset(name).root.exists()
    except WorkspaceError as error:
        return f"{error.problem} {error.remedy}"
    return f"There is already a data set called “{name}”. Choose another name." if taken else ""


def keep_upload(place: Workspace, name: str, content: memoryview) -> str:
    """Write an upload into the workspace's staging folder; its id.

    Uploads nobody imported within a day are removed on the way.
    """
    for folder in place.staging.glob("upload-*"):
        if time.time() - folder.stat().st_mtime > _DAY:
            shutil.rmtree(folder, ignore_errors=True)
    upload = token_hex(8)
    folder = _folder(place, upload)
    folder.mkdir()
    (folder / (_UNUSUAL.sub("_", name).lstrip(".")[-80:] or "upload.zip")).write_bytes(content)
    return upload


def upload_path(place: Workspace, upload: str) -> Path | None:
    """The uploaded file of this id, if it is still there."""
    if not _ID.fullmatch(upload):
        return None
    return next(_folder(place, upload).glob("*"), None)


def is_upload(place: Workspace, source: Path) -> bool:
    """Whether this path is an uploaded file, which the import may take away."""
    return source.parent.parent == place.staging and source.parent.name.startswith("upload-")


def _folder(place: Workspace, upload: str) -> Path:
    return place.staging / f"upload-{upload}"


def _uploaded(place: Workspace) -> Path | None:
    kept = upload_path(place, st.session_state.get(_KEPT, ""))
    if kept is None:
        _upload(place)
        return None
    row = st.container(horizontal=True, vertical_alignment="center")
    row.markdown(f"**{plain(kept.name)}** · {size(kept.stat().st_size)}", width="content")
    if row.button("Choose another file", icon=":material/close:", type="tertiary"):
        shutil.rmtree(kept.parent, ignore_errors=True)
        st.rerun()
    return kept


def _upload(place: Workspace) -> None:
    # Moved to disk and out of the widget at once: an upload stays in memory while it shows.
    turn = st.session_state.setdefault(_ROUND, 0)
    file: UploadedFile | None = st.file_uploader(
        "One ZIP of class folders, or of images with a CSV table, or of a MedMNIST file",
        type="zip",
        key=f"upload-{turn}",
        help="Up to 200 MB. For more, put the images on this computer and give their path.",
    )
    if file is not None:
        st.session_state[_KEPT] = keep_upload(place, file.name, file.getbuffer())
        st.session_state[_ROUND] = turn + 1
        st.rerun()
