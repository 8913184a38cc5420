"""What an audit says, in one line for other pages."""

from __future__ import annotations

import streamlit as st

from medxfer.audit.verdict import Trust
from medxfer.data.library import DatasetInfo
from medxfer.paths import Workspace
from medxfer.ui.audit.job import begin_by_itself, draw_ending, draw_progress
from medxfer.ui.audit.stored import Standing, standing
from medxfer.ui.words import plain

AUDIT_PAGE = "pages/data/audit.py"
_BADGES = {
    Trust.NOT_TRUSTWORTHY: ("Not trustworthy", ":material/gpp_bad:", "red"),
    Trust.DOUBTFUL: ("Needs care", ":material/gpp_maybe:", "orange"),
    Trust.NOTHING_FOUND: ("Nothing found", ":material/verified_user:", "green"),
}
_STALE = "The images, labels or parts have changed since, so it may no longer hold."


def badge(trust: Trust) -> str:
    """The verdict in a word, as Markdown."""
    words, icon, colour = _BADGES[trust]
    return f":{colour}-badge[{icon} {words}]"


def draw_line(place: Workspace, info: DatasetInfo) -> None:
    """The verdict, or how far the check is; it begins by itself if there is no current one."""
    now = standing(place, info)
    if begin_by_itself(place, info, now):
        now = standing(place, info)
    if now.audit is not None:
        _draw_verdict(info, now)
    if now.active:
        if now.audit is None:
            st.caption(
                "**Being checked** for copies, leaks, shortcuts and poor pictures, so that you "
                "know whether a number from these images could be trusted."
            )
        draw_progress(now.job)
    elif now.audit is None:
        draw_ending(now)
        _link(info, "Check this data set")


def draw_if_serious(place: Workspace, info: DatasetInfo) -> None:
    """For the form of a run: one line if something serious was found, else nothing."""
    now = standing(place, info)
    if now.audit is not None and now.audit.verdict.trust is not Trust.NOTHING_FOUND:
        _draw_verdict(info, now)


def _draw_verdict(info: DatasetInfo, now: Standing) -> None:
    verdict = now.audit.verdict if now.audit else None
    if verdict is None:
        return
    st.markdown(f"{badge(verdict.trust)} {plain(verdict.sentence)}")
    _link(info, "See what was found, and what to do")
    if not now.current and not now.active:
        st.caption(_STALE)


def _link(info: DatasetInfo, words: str) -> None:
    st.page_link(
        AUDIT_PAGE,
        label=words,
        icon=":material/fact_check:",
        query_params={"data": info.name},
    )
