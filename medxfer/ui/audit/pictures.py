"""Pictures that stand apart: poor ones and, if a network was asked, those unlike all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.audit.record import Audit
from medxfer.audit.settling import PICTURE_CHECKS, kept_together
from medxfer.data.corrections import Action
from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import Split
from medxfer.paths import Workspace
from medxfer.ui.audit.cards import draw_cards, draw_facts, draw_picture
from medxfer.ui.audit.deciding import ask_note, decide, decisions
from medxfer.ui.data.table import manifest_of
from medxfer.ui.words import plain

_MOST_REASONS = 12
_ALL = "All"


def odd_pictures(audit: Audit) -> pd.DataFrame:
    """Columns image, reason and check: a row for each picture, its reasons joined; poor ones
    first, then the strangest."""
    quality = audit.tables["quality"].assign(check="quality")
    found = [quality[["image", "reason", "check"]]]
    if audit.strangers is not None and not audit.strangers.empty:
        strange = audit.strangers[audit.strangers["stranger"].astype(bool)]
        reason = [
            f"lies {times:.1f} times as far from the others as is usual"
            for times in strange["distance"]
        ]
        found.append(strange[["image"]].assign(reason=reason, check="strangers"))
    table = pd.concat(found, ignore_index=True)
    joined = table.groupby("image", sort=False).agg({"reason": "; ".join, "check": "first"})
    return joined.reset_index()


def draw_pictures(place: Workspace, info: DatasetInfo, audit: Audit) -> None:
    """Thumbnails with the reason, to be excluded or kept."""
    if audit.strangers is None:
        st.caption(
            "Pictures that do not belong, such as another body part, are found by a network: "
            "start it under Labels."
        )
    table = odd_pictures(audit)
    if table.empty:
        st.success(
            "**No picture stands apart.** Looked for: one grey level, nearly all black or white, "
            "far more blurred, far smaller or of another shape than the rest, negatives.",
            icon=":material/check_circle:",
        )
        return
    manifest = manifest_of(place, info)
    rows, key = _chosen(table, _undecided(place, info, table, manifest.table), info)
    if rows.empty:
        st.info("**All of these are decided.**", icon=":material/check_circle:")
        return
    draw_cards(rows, manifest.table, key, "pictures", partial(_draw_odd, place, info))


def _undecided(
    place: Workspace, info: DatasetInfo, table: pd.DataFrame, rows: pd.DataFrame
) -> pd.Series[bool]:
    kept = kept_together(decisions(place, info), *PICTURE_CHECKS)
    out = set(rows["image"][rows["split"] == str(Split.EXCLUDED)])
    return pd.Series(
        [image not in out and frozenset({image}) not in kept for image in table["image"]],
        index=table.index,
    )


def _chosen(
    table: pd.DataFrame, undecided: pd.Series[bool], info: DatasetInfo
) -> tuple[pd.DataFrame, str]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reasons: Sequence[str] = [_ALL, *sorted(table["reason"].unique())]
        alike = len(reasons) <= _MOST_REASONS  # each stranger has a reason of its own
        reason = st.selectbox("Reason", reasons, key="odd-reason", width=420) if alike else _ALL
        decided_too = st.toggle("Decided ones too", key="odd-decided")
        ask_note()
    rows = table if decided_too else table[undecided]
    if reason != _ALL:
        rows = rows[rows["reason"] == reason]
    return rows, f"odd-page-{info.name}-{reason}-{decided_too}"


def _draw_odd(
    place: Workspace, info: DatasetInfo, odd: Mapping[str, Any], row: Mapping[str, Any]
) -> None:
    image, out = odd["image"], row["split"] == str(Split.EXCLUDED)
    draw_picture(place, info, row)
    reason = plain(odd["reason"])
    st.markdown(f"**{reason[:1].upper()}{reason[1:]}**")
    draw_facts(place, info, row, image)
    why = f"It {odd['reason']}."
    with st.container(horizontal=True, gap="small"):
        if st.button("Exclude", key=f"exclude-{image}", disabled=out):
            decide(
                place, info, Action.EXCLUDE, [image], why=why, check=odd["check"],
                said="Excluded: it is used for nothing.",
            )  # fmt: skip
        if st.button("It is fine", key=f"fine-{image}", type="tertiary", disabled=out):
            decide(
                place, info, Action.KEEP, [image], why=f"Looked at, and fine. {why}",
                check=odd["check"], said="Noted: it is fine.",
            )  # fmt: skip
