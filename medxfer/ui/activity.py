"""The list of activity on the page."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from medxfer.activity import Act
from medxfer.reports.exports import table_csv
from medxfer.reports.stamp import stamp
from medxfer.ui.words import count, plain

_SHOWN = 500


def draw_verdict(problems: Sequence[str], lines: int) -> None:
    """Whether the list is as it was written."""
    if not problems:
        st.caption(f":material/verified: {count(lines, 'line')}, none changed or missing.")
        return
    found = "\n".join(f"- {plain(problem)}" for problem in problems)
    st.warning(
        f"**The list is not as it was written.**\n\n{found}\n\nPut activity.jsonl and "
        "activity.count back from a copy, or find out who changed them.",
        icon=":material/gpp_maybe:",
    )


def draw_acts(done: Sequence[Act]) -> None:
    """The latest lines as a table, and all of them as CSV."""
    table = acts_table(done)
    st.dataframe(
        table.head(_SHOWN), hide_index=True, height=520,
        alt="Who did what, the latest first",
    )  # fmt: skip
    if len(table) > _SHOWN:
        st.caption(f"The latest {_SHOWN} of {len(table)} lines.")
    st.download_button(
        "Download as CSV", lambda: table_csv(table, stamp()), file_name="activity.csv",
        mime="text/csv", icon=":material/download:", on_click="ignore", type="tertiary",
    )  # fmt: skip


def acts_table(done: Sequence[Act]) -> pd.DataFrame:
    """Columns Time (UTC), Who, What, Thing, Result; all text."""
    rows = [
        (f"{act.time:%Y-%m-%d %H:%M:%S}", act.who, act.what, act.thing, act.result) for act in done
    ]
    return pd.DataFrame(rows, columns=["Time (UTC)", "Who", "What", "Thing", "Result"], dtype=str)
