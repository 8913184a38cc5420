"""Which column of a table plays which part: chosen here where it cannot be recognised."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import streamlit as st

from medxfer.data import archive
from medxfer.data.listing import Tree, scan
from medxfer.data.sources import is_archive
from medxfer.data.table_text import read_text_table
from medxfer.errors import DataError

PARTS = {
    "file_column": "File name",
    "label_column": "Class (label)",
    "patient_column": "Patient",
    "split_column": "Part (split)",
}
_SUFFIXES = (".csv", ".tsv", ".txt")


def choose_columns(columns: Sequence[str], *, needed: bool) -> dict[str, str | None]:
    """A box for each part, empty at first; `needed` opens them to the eye at once."""
    fields: dict[str, str | None] = {}
    with st.expander("Columns of the table", expanded=needed):
        places = st.columns(2) * 2
        for place, (field, words) in zip(places, PARTS.items(), strict=True):
            fields[field] = place.selectbox(
                words, columns, index=None, placeholder="Found by itself", key=field
            )
    return fields


# Asked again at every click while the person chooses columns.
@st.cache_data(ttl=60, max_entries=16, show_spinner=False)
def header_of(source: str) -> tuple[str, ...]:
    """The column names of the one table of a source; empty if it has none, or several."""
    path = Path(source)
    with suppress(DataError, OSError):
        if is_archive(path):
            with archive.opened(path) as opened:
                return _header(archive.tree(opened, path.name))
        if path.is_dir():
            return _header(scan(path))
        if path.suffix.casefold() in _SUFFIXES:
            return _columns(path.read_bytes(), path.name)
    return ()


def _header(tree: Tree) -> tuple[str, ...]:
    tables = [file for file in tree.files if file.casefold().endswith(".csv")]
    if len(tables) != 1:
        return ()
    return _columns(tree.read(tables[0]), posixpath.basename(tables[0]))


def _columns(content: bytes, name: str) -> tuple[str, ...]:
    return tuple(read_text_table(content, name).rows.columns)
