from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", sorted(ROOT.glob("pages/*/*.py")), ids=lambda page: page.stem)
def test_a_page_only_reads_calls_and_draws(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) < 80
    assert "unsafe_allow_html" not in text
    assert str(page.relative_to(ROOT)) in (ROOT / "app.py").read_text()


def test_no_page_lies_where_streamlit_would_find_it_without_the_frame() -> None:
    assert not list(ROOT.glob("pages/*.py"))
