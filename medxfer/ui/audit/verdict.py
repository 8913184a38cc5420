"""The verdict on top, then what was found, the worst first, each with what to do."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from medxfer.audit.finding import Finding
from medxfer.audit.record import Audit
from medxfer.audit.verdict import Trust
from medxfer.data.library import DatasetInfo
from medxfer.evaluation.severity import Severity
from medxfer.ui.audit.line import badge
from medxfer.ui.words import count, duration, plain, when

VIEWS = {
    "findings": "What was found",
    "copies": "Copies",
    "sizes": "Patients and sizes",
    "shortcuts": "Shortcuts",
    "labels": "Labels",
    "pictures": "Pictures",
    "decisions": "Decisions",
}
_VIEW_OF = {
    "duplicates": "copies",
    "near_duplicates": "copies",
    "patients": "sizes",
    "sizes": "sizes",
    "shortcuts": "shortcuts",
    "label_doubts": "labels",
    "quality": "pictures",
    "strangers": "pictures",
    "decisions": "decisions",
}
_LOOK = {
    "copies": "Look at the copies",
    "sizes": "See patients and sizes",
    "shortcuts": "See the shortcuts",
    "labels": "Look at the labels",
    "pictures": "Look at the pictures",
    "decisions": "See the decisions",
}
_SIGNS = {
    Severity.BLOCKING: ("Must be mended", ":material/gpp_bad:", "red"),
    Severity.SERIOUS: ("Needs care", ":material/gpp_maybe:", "orange"),
    Severity.NOTE: ("Worth knowing", ":material/info:", "gray"),
}


def draw_verdict(audit: Audit) -> None:
    """One sentence, and of when it is."""
    verdict = audit.verdict
    st.markdown(f"{badge(verdict.trust)} **{plain(verdict.sentence)}**")
    network = f" · network: {plain(audit.doubts_by.rsplit('/', 1)[-1])}" if audit.doubts_by else ""
    st.caption(
        f"{count(audit.images, 'picture')} checked {when(audit.created)} in "
        f"{duration(audit.seconds)}{network}"
    )


def draw_findings(info: DatasetInfo, audit: Audit, *, current: bool) -> None:
    """All findings, worst first; then what was checked and what could not be."""
    told = list(_together(audit.findings))
    if not told:
        st.success(
            "**Nothing was found that would make a number untrustworthy.** That is no proof that "
            "nothing is wrong; below is what was looked at.",
            icon=":material/check_circle:",
        )
    notes = [finding.severity is Severity.NOTE for finding, _ in told]
    for place, (finding, problems) in enumerate(told[: notes.count(False)]):
        _draw(finding, problems, place, main=place == 0 and current)
    if any(notes):
        with st.expander(f"Worth knowing ({notes.count(True)})", expanded=all(notes)):
            for place, (finding, problems) in enumerate(told[notes.count(False) :], len(told)):
                _draw(finding, problems, place, main=False)
    _draw_checked(audit)
    if audit.verdict.trust is Trust.NOTHING_FOUND and st.button(
        "Train on these images", type="primary", icon=":material/model_training:", key="then-train"
    ):
        st.switch_page("pages/train/new.py", query_params={"data": info.name})


def open_view(view: str) -> None:
    """Show one part of the audit; the address says which."""
    st.query_params["view"] = view


def _together(findings: Iterable[Finding]) -> Iterable[tuple[Finding, list[str]]]:
    """Findings of one kind with one remedy are told together, in the order of the first."""
    order: dict[tuple[str, Severity, str], list[Finding]] = {}
    for finding in findings:
        order.setdefault((finding.check, finding.severity, finding.remedy), []).append(finding)
    for group in order.values():
        yield group[0], [finding.problem for finding in group]


def _draw(finding: Finding, problems: list[str], place: int, *, main: bool) -> None:
    words, icon, colour = _SIGNS[finding.severity]
    view = _VIEW_OF.get(finding.check, "findings")
    with st.container(border=True):
        top = st.container(horizontal=True, vertical_alignment="center")
        with top:
            st.badge(words, icon=icon, color=colour)  # type: ignore[arg-type]
            st.markdown(f"**{plain(VIEWS.get(view, ''))}**", width="stretch")
            if view in _LOOK:
                st.button(
                    _LOOK[view],
                    key=f"look-{place}",
                    type="primary" if main else "tertiary",
                    icon=":material/arrow_forward:",
                    icon_position="right",
                    on_click=open_view,
                    args=(view,),
                )
        if len(problems) == 1:
            st.markdown(plain(problems[0]))
        else:
            st.markdown("\n".join(f"- {plain(problem)}" for problem in problems))
        st.caption(f"**What to do.** {plain(finding.remedy)}")


def _draw_checked(audit: Audit) -> None:
    verdict = audit.verdict
    with st.expander("What was checked, and what was not", expanded=not audit.findings):
        st.markdown("\n".join(f"- :material/check: {plain(what)}" for what in verdict.checked))
        for what, why in verdict.not_checked.items():
            reason = why if "medxfer data" not in why else "It needs a network: see Labels."
            st.markdown(f"- :material/remove: **Not:** {plain(what)}. {plain(reason)}")
