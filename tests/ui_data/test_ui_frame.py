from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from medxfer.paths import Workspace
from medxfer.ui.frame import LOG
from medxfer.ui.results.matrix import confusion_figure
from medxfer.ui.theme import DARK, LIGHT, MUTED, SERIES, Colours

ROOT = Path(__file__).resolve().parents[2]


def _expected() -> None:
    from medxfer.errors import DataError
    from medxfer.ui.frame import boundary

    with boundary():
        raise DataError("The file *a* is torn.", "Send it again.")


def _bug() -> None:
    from medxfer.ui.frame import boundary

    with boundary():
        raise KeyError("/secret/path")


def _rerun() -> None:
    import streamlit as st

    from medxfer.ui.frame import boundary

    with boundary():
        st.stop()
    st.text("not reached")


def _bug_in_fragment() -> None:
    import streamlit as st

    from medxfer.ui.frame import boundary

    @st.fragment
    @boundary()
    def part() -> None:
        raise RuntimeError("inside")

    part()


def test_an_expected_error_is_a_sentence_and_a_remedy(home: Workspace) -> None:
    app = AppTest.from_function(_expected).run()
    assert not app.exception
    assert app.warning[0].value == "**The file \\*a\\* is torn\\.**\n\nSend it again\\."
    assert not (home.root / LOG).exists()


@pytest.mark.parametrize("script", [_bug, _bug_in_fragment])
def test_a_bug_is_an_id_and_its_traceback_is_in_the_log(home: Workspace, script: object) -> None:
    app = AppTest.from_function(script).run()
    assert not app.exception
    shown = app.error[0].value
    assert "/secret/path" not in shown
    assert "Traceback" not in shown
    log = (home.root / LOG).read_text()
    error_id = log.splitlines()[0].removeprefix("error ")
    assert f"`{error_id}`" in shown
    assert "Traceback" in log


def test_stop_and_rerun_pass_through(home: Workspace) -> None:
    app = AppTest.from_function(_rerun).run()
    assert not app.error
    assert not app.text


@pytest.mark.parametrize(("name", "colours"), [("dark", DARK), ("light", LIGHT)])
def test_figures_and_pages_share_their_colours(name: str, colours: object) -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"][name]
    assert theme["textColor"] == colours.text  # type: ignore[attr-defined]
    assert theme["backgroundColor"] == colours.background  # type: ignore[attr-defined]
    assert tuple(theme["chartCategoricalColors"]) == SERIES


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [DARK, LIGHT])
def test_numbers_stand_out_from_the_deepest_and_the_palest_cell(colours: Colours) -> None:
    scale = confusion_figure(np.eye(2, dtype=int), ("a", "b"), False, None).data[0].colorscale
    for _, colour in scale:
        *accent, part = (float(number) for number in re.findall(r"[\d.]+", colour))
        below = [int(colours.background[i : i + 2], 16) for i in (1, 3, 5)]
        mixed = [round(part * a + (1 - part) * b) for a, b in zip(accent, below, strict=True)]
        assert _contrast(colours.text, "#{:02x}{:02x}{:02x}".format(*mixed)) >= 4.5


@pytest.mark.parametrize("colours", [DARK, LIGHT])
def test_text_and_series_stand_out_from_the_background(colours: object) -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast(colours.text, colours.background) >= 7  # type: ignore[attr-defined]
    for colour in (*SERIES, MUTED):
        assert _contrast(colour, colours.background) >= 3  # type: ignore[attr-defined]
