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


def find_workspace() -> Workspace:
    """The same outside of a page, where nothing is remembered; WorkspaceError likewise."""
    home = os.environ.get(HOME_VARIABLE, "")
    return Workspace.find(Path(home) if home else None)


@st.cache_resource(max_entries=8, show_spinner=False)
def _found(home: str) -> Workspace:
    return Workspace.find(Path(home) if home else None)
