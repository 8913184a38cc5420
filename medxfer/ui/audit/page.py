"""The audit's page: verdict, what is under way, and one part of what was found."""

from __future__ import annotations

import streamlit as st

from medxfer.audit.record import Audit
from medxfer.data.library import DatasetInfo
from medxfer.paths import Workspace
from medxfer.ui.audit.deciding import decisions, say_recorded
from medxfer.ui.audit.history import draw_history
from medxfer.ui.audit.job import asked_before, begin, begin_by_itself, draw_ending, draw_progress
from medxfer.ui.audit.labels import doubtful, draw_labels
from medxfer.ui.audit.pairs import draw_pairs
from medxfer.ui.audit.pictures import draw_pictures, odd_pictures
from medxfer.ui.audit.shortcuts import draw_shortcuts
from medxfer.ui.audit.sizes import draw_sizes
from medxfer.ui.audit.stored import Standing, standing
from medxfer.ui.audit.verdict import VIEWS, draw_findings, draw_verdict
from medxfer.ui.words import count, number

_VIEW = "audit-view"


def draw_audit(place: Workspace, info: DatasetInfo) -> None:
    """Everything there is to say about how far numbers from this data set could be trusted."""
    say_recorded()
    now = standing(place, info)
    # One that went out of date while a person decides is made again when they say so.
    if now.audit is None and begin_by_itself(place, info, now):
        now = standing(place, info)
    if now.audit is not None:
        draw_verdict(now.audit)
    else:
        st.markdown(
            "Every picture is looked at once: for copies, patients on more than one side, parts "
            "too small, shortcuts that are not anatomy, and poor pictures. No file is changed."
        )
    _draw_work(place, info, now)
    if now.audit is not None:
        _draw_view(place, info, now.audit, now)


def offer_fresh(place: Workspace, info: DatasetInfo) -> None:
    """Look at every picture again, where the audit is current."""
    now = standing(place, info)
    if now.current and not now.active and st.button("Check again", icon=":material/refresh:"):
        begin(place, info.name, fresh=True)
        st.rerun()


def _draw_work(place: Workspace, info: DatasetInfo, now: Standing) -> None:
    """The job that is under way, or how the last one ended, or that it is time for a new one."""
    if now.active:
        draw_progress(now.job)
        return
    draw_ending(now)
    if now.audit is None:
        if st.button("Check this data set", type="primary", icon=":material/fact_check:"):
            begin(place, info.name)
            st.rerun()
    elif not now.current:
        _offer_again(place, info, now.audit, now)
    elif since := _since(place, info, now.audit):
        st.caption(
            f"{count(since, 'decision')} since, with every picture in its class and part; check "
            "again to see the verdict with them."
        )


def _offer_again(place: Workspace, info: DatasetInfo, audit: Audit, now: Standing) -> None:
    since = _since(place, info, audit)
    why = (
        f"You made {count(since, 'decision')} since"
        if since
        else "The images, labels or parts have changed since"
    )
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f":material/update: **This audit is out of date.** {why}, so the verdict may no "
            "longer hold. Decide what else you like, then check again.",
            width="stretch",
        )
        if st.button("Check again", type="primary", icon=":material/refresh:", key="check-anew"):
            begin(place, info.name, doubts=asked_before(info, now))
            st.rerun()


def _since(place: Workspace, info: DatasetInfo, audit: Audit) -> int:
    """How many decisions were made after the audit."""
    return sum(made.time > audit.created for made in decisions(place, info))


def _draw_view(place: Workspace, info: DatasetInfo, audit: Audit, now: Standing) -> None:
    wanted = st.query_params.get("view", "")
    view = wanted if wanted in VIEWS else "findings"
    st.session_state[_VIEW] = view
    counts = _counts(place, info, audit)
    st.segmented_control(
        "Part of the audit", list(VIEWS), required=True, key=_VIEW, on_change=_chosen,
        label_visibility="collapsed",
        format_func=lambda name: f"{VIEWS[name]} ({number(counts[name])})"
        if counts.get(name) else VIEWS[name],
    )  # fmt: skip
    match view:
        case "copies":
            draw_pairs(place, info, audit)
        case "sizes":
            draw_sizes(place, info, audit)
        case "shortcuts":
            draw_shortcuts(audit)
        case "labels":
            draw_labels(place, info, audit, now)
        case "pictures":
            draw_pictures(place, info, audit)
        case "decisions":
            draw_history(place, info)
        case _:
            draw_findings(info, audit, current=now.current)


def _counts(place: Workspace, info: DatasetInfo, audit: Audit) -> dict[str, int]:
    """How many there are of each, as the audit found them."""
    tables = audit.tables
    doubts = audit.label_doubts
    return {
        "copies": len(tables["duplicates"]) + len(tables["near_duplicates"]),
        "shortcuts": int(tables["shortcuts"]["flagged"].astype(bool).sum()),
        "labels": 0 if doubts is None or doubts.empty else len(doubtful(doubts)),
        "pictures": len(odd_pictures(audit)),
        "decisions": len(decisions(place, info)),
    }


def _chosen() -> None:
    st.query_params["view"] = st.session_state[_VIEW]
