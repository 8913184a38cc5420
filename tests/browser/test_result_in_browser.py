"""The lock of the test set and the operating point, by clicking."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from recorded import make

from medxfer.paths import Workspace
from medxfer.runs.decisions import decisions, looks

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FIRST = 30_000
"""Milliseconds: the first page of a server also imports it."""


def test_the_test_set_opens_on_purpose_and_locks_after_a_new_operating_point(
    serve: Callable[[Workspace], str], page: Page, workspace: Workspace, tmp_path: Path
) -> None:
    run = make(workspace, tmp_path / "source").run
    page.goto(f"{serve(workspace)}/result?run={run}")
    figures = page.get_by_test_id("stMetric")
    expect(figures).to_have_count(4, timeout=FIRST)
    expect(figures.first).to_contain_text(re.compile(r"0\.\d{3} to 0\.\d{3}"))

    page.get_by_role("radio", name="Test", exact=True).click()
    expect(page.get_by_text("Test set not opened yet")).to_be_visible(timeout=FIRST)
    expect(figures).to_have_count(0)
    page.get_by_role("button", name="Open the test set").click()
    page.get_by_role("button", name="Keep it locked").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert looks(workspace, run).total == 0
    page.get_by_role("button", name="Open the test set").click()
    page.get_by_role("button", name="Open and count it").click()
    expect(page.get_by_text("Test set opened once")).to_be_visible(timeout=FIRST)
    expect(figures).to_have_count(4, timeout=FIRST)

    page.get_by_role("tab", name="Threshold").click()
    warning = page.get_by_text("the next look counts again")  # folded sections warn as well
    expect(warning.filter(visible=True)).to_have_count(1, timeout=FIRST)
    page.get_by_role("button", name="Use this operating point").click()
    expect(page.get_by_text("another threshold or temperature")).to_be_visible(timeout=FIRST)
    assert decisions(workspace, run).operating_point is not None
    page.reload()
    expect(page.get_by_text("Test set opened once")).to_be_visible(timeout=FIRST)
    expect(figures).to_have_count(0)
    assert looks(workspace, run).total == 1
