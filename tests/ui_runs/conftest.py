"""The app opened on a workspace with runs in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from run_cases import add_run, completed, predictions
from streamlit.testing.v1 import AppTest

from medxfer.paths import HOME_VARIABLE, Workspace
from medxfer.runs import job

APP = Path(__file__).resolve().parents[2] / "app.py"
Open = Callable[..., AppTest]


@pytest.fixture
def home(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace that the app shows."""
    monkeypatch.setenv(HOME_VARIABLE, str(workspace.root))
    st.cache_data.clear()
    st.cache_resource.clear()
    return workspace


@pytest.fixture(autouse=True)
def asked_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page asks of a network is done before the click returns, in this process."""

    def here(arguments: list[str], log: Path) -> int:
        assert arguments[:2] == ["-m", "medxfer.runs.job"]
        job.execute(Workspace(Path(arguments[2])), arguments[3])
        return 0

    monkeypatch.setattr("medxfer.ui.results.asking.spawn", here)


@pytest.fixture
def finished_run(home: Workspace) -> str:
    """A finished run with its predictions; its data set is no longer there."""
    run = add_run(home, completed())
    for split in ("val", "test"):
        predictions(split).save(home.run(run).predictions(split))
    return run


@pytest.fixture
def open_page(home: Workspace) -> Open:
    """Open a page of the app with an address's parameters."""

    def run(page: str, **address: str) -> AppTest:
        app = AppTest.from_file(str(APP), default_timeout=30)
        app.query_params.update(address)
        return app.switch_page(page).run()

    return run
