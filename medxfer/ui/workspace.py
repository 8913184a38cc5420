"""The workspace the pages show."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from medxfer.paths import HOME_VARIABLE, Workspace


def workspace() -> Workspace:
    """The workspace of this app: `MEDXFER_HOME`, else `~/.medxfer`.

    Raises:
        WorkspaceError: the folder cannot be made or written.
    """
    return _found(os.environ.get(HOME_VARIABLE, ""))


@st.cache_resource(max_entries=8, show_spinner=False)
def _found(home: str) -> Workspace:
    return Workspace.find(Path(home) if home else None)
