"""The report to take away: one page for a reviewer, a model card, and every table and figure."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from medxfer.reports.blocks import Document
from medxfer.reports.card import to_markdown
from medxfer.reports.document import report
from medxfer.reports.html import to_html
from medxfer.ui.people import noting
from medxfer.ui.results.downloads import draw_downloads
from medxfer.ui.results.judging import Result
from medxfer.ui.runs.live import EventTail


def draw_report(result: Result) -> None:
    """The report first; single tables and figures below it."""
    st.markdown(
        "Everything this run recorded, in one file: where the images came from, how they were "
        "divided, training, figures with intervals, threshold, calibration, subgroups, failures, "
        "limits, and a checklist of **CLAIM 2024** and **TRIPOD+AI**."
    )
    with st.container(horizontal=True):
        _offer(result, "Download the report (HTML)", "html", "text/html", to_html, first=True)
        _offer(result, "Model card (Markdown)", "md", "text/markdown", to_markdown, first=False)
    opened = "It holds the test figures, with how often they were looked at."
    closed = "It opens no test set: as long as that is locked, it holds validation figures only."
    st.caption(
        f"{opened if result.decided.is_open else closed} No picture, file name or patient id is "
        "in it."
    )
    st.subheader("Tables and figures")
    live = EventTail(result.place.run(result.run.run).events).read()
    draw_downloads(result, live)


def _offer(
    result: Result,
    title: str,
    ending: str,
    kind: str,
    write: Callable[[Document], str],
    *,
    first: bool,
) -> None:
    run = result.run.run
    st.download_button(
        title,
        noting(result.place, f"{title}, run {run}", lambda: write(report(result.place, run))),
        file_name=f"{run}-report.{ending}",
        mime=kind, on_click="ignore", icon=":material/download:", key=f"{result.key}-{ending}",
        type="primary" if first else "secondary",
    )  # fmt: skip
