"""A workspace with small, made-up images, and the app opened on it."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from data_cases import APP, SPEED, Open, write_images
from streamlit.testing.v1 import AppTest

from medxfer.data.importing import import_source
from medxfer.data.options import ImportOptions
from medxfer.paths import HOME_VARIABLE, Workspace


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of 32 pictures of 16 patients in two classes."""
    return write_images(tmp_path / "scans")


@pytest.fixture
def home(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The empty workspace that the app shows; this computer's speed is made up."""
    monkeypatch.setenv(HOME_VARIABLE, str(workspace.root))
    monkeypatch.setattr(
        "medxfer.ui.new_run.here.measure", lambda device, dtype: SPEED, raising=True
    )
    # An audit begins by itself: here nothing carries it out.
    monkeypatch.setattr("medxfer.ui.audit.job.spawn", lambda arguments, log: 0)
    st.cache_data.clear()
    return workspace


@pytest.fixture
def filled(home: Workspace, scans: Path) -> Workspace:
    """A workspace with the data set `scans`, one file of which could not be used."""
    (scans / "sick" / "s9_0.png").write_text("<html>")
    import_source(home, scans, ImportOptions(name="scans", patient_pattern=r"([hs]\d+)_"))
    return home


@pytest.fixture
def open_page(home: Workspace) -> Open:
    """Open a page of the app with an address's parameters."""

    def run(page: str, **address: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.query_params.update(address)
        return app.switch_page(page).run()

    return run
