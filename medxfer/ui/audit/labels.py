"""Labels in doubt: asking a network, then the pictures, the most doubtful first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.audit.record import Audit
from medxfer.audit.settling import kept_together
from medxfer.data.corrections import Action
from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import Split
from medxfer.paths import Workspace
from medxfer.ui.audit.cards import draw_cards, draw_facts, draw_picture
from medxfer.ui.audit.deciding import ask_note, decide, decisions
from medxfer.ui.audit.stored import Standing
from medxfer.ui.data.table import manifest_of
from medxfer.ui.words import plain

_CHECK = "label_doubts"


def draw_labels(place: Workspace, info: DatasetInfo, audit: Audit, now: Standing) -> None:
    """Start the network, or what it said."""
    doubts = audit.label_doubts
    if doubts is None:
        _offer(place, info, now)
        return
    for finding in audit.doubts_found:
        if finding.check == _CHECK:
            st.markdown(f"**{plain(finding.problem)}**")
            st.caption(plain(finding.remedy))
    if doubts.empty:
        st.info("**The network could say nothing about these labels.**", icon=":material/info:")
    else:
        _draw_doubts(place, info, doubts)
    with st.expander("Ask another network, or again"):
        _offer(place, info, now)


def _offer(place: Workspace, info: DatasetInfo, now: Standing) -> None:
    # torch takes seconds to import: only who comes here needs it
    from medxfer.ui.audit.network import offer_network

    offer_network(place, info, now)


def doubtful(doubts: pd.DataFrame) -> pd.DataFrame:
    """The rows where the network suggests another class than the one given."""
    return doubts[(doubts["suggested"] != doubts["label"]) & doubts["doubt"].notna()]


def _draw_doubts(place: Workspace, info: DatasetInfo, doubts: pd.DataFrame) -> None:
    table = manifest_of(place, info).table
    rows = doubtful(doubts)
    if rows.empty:
        st.success(
            "**No label is in doubt:** for every picture the network would have said the same.",
            icon=":material/check_circle:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        decided_too = st.toggle("Decided ones too", key="doubts-decided")
        ask_note()
    if not decided_too:
        rows = rows[~_decided(place, info, rows, table)]
    if rows.empty:
        st.info("**All doubtful labels are decided.**", icon=":material/check_circle:")
        return
    key = f"doubts-page-{info.name}-{decided_too}"
    things = "pictures, the most doubtful label first"
    draw_cards(rows, table, key, things, partial(_draw_doubt, place, info))


def _decided(
    place: Workspace, info: DatasetInfo, rows: pd.DataFrame, table: pd.DataFrame
) -> pd.Series[bool]:
    facts = table.set_index("image").reindex(rows["image"])
    kept = kept_together(decisions(place, info), _CHECK)
    changed = (facts["label"].to_numpy() != rows["label"].to_numpy()) | (
        facts["split"].to_numpy() == str(Split.EXCLUDED)
    )
    right = [frozenset({image}) in kept for image in rows["image"]]
    return pd.Series(changed | right, index=rows.index)


def _draw_doubt(
    place: Workspace, info: DatasetInfo, doubt: Mapping[str, Any], row: Mapping[str, Any]
) -> None:
    image, given, other = doubt["image"], doubt["label"], doubt["suggested"]
    out = row["split"] == str(Split.EXCLUDED) or row["label"] != given
    draw_picture(place, info, row)
    st.markdown(f"Given **{plain(given)}**, suggested **{plain(other)}**")
    draw_facts(place, info, row, image)
    why = f"Label in doubt ({doubt['doubt']:.2f} of 1): given {given}, suggested {other}."
    with st.container(horizontal=True, gap="small"):
        if st.button(f"Relabel: {plain(other)}", key=f"relabel-{image}", disabled=out):
            decide(
                place, info, Action.RELABEL, [image], label=other, why=why, check=_CHECK,
                said=f"Relabelled: {other}.",
            )  # fmt: skip
        if st.button("It is right", key=f"right-{image}", type="tertiary", disabled=out):
            decide(
                place, info, Action.KEEP, [image], why=f"Looked at, and right. {why}",
                check=_CHECK, said=f"Noted: {given} is right.",
            )  # fmt: skip
        if st.button("Exclude", key=f"exclude-{image}", type="tertiary", disabled=out):
            decide(
                place, info, Action.EXCLUDE, [image], why=why, check=_CHECK,
                said="Excluded: it is used for nothing.",
            )  # fmt: skip
