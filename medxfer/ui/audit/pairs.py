"""Copies, side by side: the worst pairs first, each with what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.audit.pairs import worst_first
from medxfer.audit.record import Audit
from medxfer.audit.settling import DROPPED, KEPT, OPEN, TOGETHER, copies_to_drop, settled
from medxfer.data.corrections import Action
from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import Manifest, Split
from medxfer.paths import Workspace
from medxfer.ui.audit.cards import draw_facts, draw_picture, facts_of, one_page, records, turn_pages
from medxfer.ui.audit.deciding import ask_note, decide, decisions
from medxfer.ui.data.table import manifest_of
from medxfer.ui.words import count, number, plain, split_word

_PAGE = 8
_CARD = 474
"""Pixels of a pair; two stand beside each other on a wide screen."""
_ORDER = [str(split) for split in Split]
_KINDS = {"exact": "Exact copies", "near": "Nearly the same"}
_SORTS = {
    "across": "Across parts",
    "labels": "Different classes",
    "all": "All",
}
_SIGNS = {"across": "across_splits", "labels": "different_labels"}
_DONE = {DROPPED: "One is dropped", TOGETHER: "Settled", KEPT: "Kept both"}


def all_pairs(audit: Audit) -> pd.DataFrame:
    """Exact and near pairs in one table, the worst first; `check` names who found them."""
    tables = [
        audit.tables[check].assign(check=check, kind=kind)
        for check, kind in (("duplicates", "exact"), ("near_duplicates", "near"))
        if not audit.tables[check].empty
    ]
    if not tables:
        return audit.tables["duplicates"].assign(check="")
    return worst_first(pd.concat(tables, ignore_index=True))


def draw_pairs(place: Workspace, info: DatasetInfo, audit: Audit) -> None:
    """Filters, the bulk action, and one page of pairs."""
    pairs = all_pairs(audit)
    if pairs.empty:
        st.success(
            "**No copies were found.** Every picture was compared with all others, also "
            "resized, mirrored, cropped, brightened or written on; not rotated.",
            icon=":material/check_circle:",
        )
        return
    manifest = manifest_of(place, info)
    state = settled(pairs, manifest, decisions(place, info))
    _offer_all(place, info, pairs[(pairs["kind"] == "exact") & (state == OPEN)], manifest)
    rows, key = _chosen(pairs.assign(state=state), info)
    if rows.empty:
        st.info(
            "**No such pair is left to decide.** Choose another kind above, or show the settled "
            "ones too.",
            icon=":material/check_circle:",
        )
        return
    shown = one_page(rows, _PAGE, key, "pairs")
    facts = facts_of(manifest.table, pd.concat([shown["first"], shown["second"]]))
    with st.container(horizontal=True, gap="small"):
        for pair in records(shown):
            with st.container(border=True, width=_CARD):
                _draw_pair(place, info, pair, facts)
    turn_pages(rows, _PAGE, key)


def _offer_all(
    place: Workspace, info: DatasetInfo, exact: pd.DataFrame, manifest: Manifest
) -> None:
    """Every exact copy across parts at once, so that no picture is learned and tested."""
    dropping = copies_to_drop(exact, manifest)
    if not dropping.images:
        return
    with st.container(border=True):
        st.markdown(
            f"**{count(len(dropping.images), 'picture')} can be dropped at once:** exact copies "
            "of pictures that are also in a later part (train, then validation, then test). The "
            "test part stays as it is."
        )
        if dropping.unclear:
            st.caption(
                f"{count(dropping.unclear, 'pair')} with different classes are left for you: "
                "which label is right must be seen first."
            )
        words = f"Drop {count(len(dropping.images), 'exact copy', 'exact copies')} across parts"
        if st.button(words, icon=":material/playlist_remove:", key="drop-all"):
            decide(
                place,
                info,
                Action.EXCLUDE,
                dropping.images,
                why="All exact copies of pictures that are also in a later part.",
                check="duplicates",
                said=f"{count(len(dropping.images), 'picture')} dropped.",
            )


def _chosen(pairs: pd.DataFrame, info: DatasetInfo) -> tuple[pd.DataFrame, str]:
    """The pairs to show, and a key that names this list."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        worst = next(
            (sort for sort, sign in _SIGNS.items() if pairs[sign].astype(bool).any()), "all"
        )
        sort = st.segmented_control(
            "Which", list(_SORTS), default=worst, required=True, key="pairs-sort",
            format_func=lambda sort: f"{_SORTS[sort]} ({number(_of(pairs, sort).sum())})",
        )  # fmt: skip
        kinds = st.segmented_control(
            "Kind", list(_KINDS), selection_mode="multi", default=list(_KINDS), key="pairs-kind",
            format_func=_KINDS.__getitem__,
        )  # fmt: skip
        settled_too = st.toggle("Settled ones too", key="pairs-settled")
        ask_note()
    rows = pairs[_of(pairs, sort or "all") & pairs["kind"].isin(kinds or list(_KINDS))]
    if not settled_too:
        rows = rows[rows["state"] == OPEN]
    return rows, f"pairs-page-{info.name}-{sort}-{kinds}-{settled_too}"


def _of(pairs: pd.DataFrame, sort: str) -> pd.Series[bool]:
    if sort == "all":
        return pd.Series(data=True, index=pairs.index)
    return pairs[_SIGNS[sort]].astype(bool)


def _draw_pair(
    place: Workspace, info: DatasetInfo, pair: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    ends = [(pair[end], facts.get(pair[end])) for end in ("first", "second")]
    with st.container(horizontal=True, vertical_alignment="center"):
        _draw_signs(pair)
    for column, (image, row) in zip(st.columns(2, gap="small"), ends, strict=True):
        with column:
            if row is None:
                st.caption("This picture is no longer in the data set.")
                continue
            draw_picture(place, info, row)
            draw_facts(place, info, row, f"{pair['second']}-{image}", bold=_points(pair))
    one, two = (row for _, row in ends)
    if one is not None and two is not None:
        _offer(place, info, pair, one, two)


def _draw_signs(pair: Mapping[str, Any]) -> None:
    """What the pair is and why it matters, as badges."""
    if pair["state"] != OPEN:
        st.badge(_DONE[pair["state"]], icon=":material/check_circle:", color="green")
    if pair["across_splits"]:
        st.badge("Across parts", icon=":material/call_split:", color="red")
    if pair["different_labels"]:
        st.badge("Different classes", icon=":material/label_off:", color="orange")
    what = "Exact copy" if pair["kind"] == "exact" else plain(pair["changes"]).capitalize()
    st.markdown(f"{what or 'Nearly the same'}", width="content")


def _points(pair: Mapping[str, Any]) -> str:
    return " ".join(
        name for name, sign in (("split", "across_splits"), ("label", "different_labels"))
        if pair[sign]
    )  # fmt: skip


def _offer(
    place: Workspace,
    info: DatasetInfo,
    pair: Mapping[str, Any],
    one: Mapping[str, Any],
    two: Mapping[str, Any],
) -> None:
    """Drop, keep, put on one side, or give both one class; each is recorded with its reason."""
    key = f"{pair['first']}-{pair['second']}"
    both = (pair["first"], pair["second"])
    done = pair["state"] != OPEN
    why = f"{_told(pair)}: {one['file']} ({split_word(one['split'])}, {one['label']}) and "
    why += f"{two['file']} ({split_word(two['split'])}, {two['label']})."
    # Whatever is tested on stays: of a pair across parts the earlier part gives way.
    earlier = _ORDER.index(one["split"]) < _ORDER.index(two["split"])
    obvious = "Drop the first" if earlier else "Drop the second"
    with st.container(horizontal=True, gap="small"):
        for words, action, images, said in (
            ("Drop the first", Action.EXCLUDE, both[:1], "The first is dropped."),
            ("Drop the second", Action.EXCLUDE, both[1:], "The second is dropped."),
            ("Put on one side", Action.ONE_SIDE, both, "Both are in one part now."),
            ("Keep both", Action.KEEP, both, _kept(pair)),
        ):
            if action is Action.ONE_SIDE and one["split"] == two["split"]:
                continue
            main = words == obvious and not done
            if st.button(
                words,
                key=f"{words}-{key}",
                disabled=done,
                type="secondary" if main else "tertiary",
            ):
                decide(place, info, action, images, why=why, check=pair["check"], said=said)
        if one["label"] != two["label"]:
            for label in (one["label"], two["label"]):
                if st.button(f"Both are {plain(label)}", key=f"label-{label}-{key}", disabled=done):
                    wrong = both[1:] if label == one["label"] else both[:1]
                    decide(
                        place, info, Action.RELABEL, wrong, label=label, why=why,
                        check=pair["check"], said=f"Both are {label} now.",
                    )  # fmt: skip


def _kept(pair: Mapping[str, Any]) -> str:
    if pair["kind"] == "exact" and pair["across_splits"]:
        return "Noted. The verdict still counts equal pictures in two parts."
    return "Noted: both are kept."


def _told(pair: Mapping[str, Any]) -> str:
    return "Exact copies" if pair["kind"] == "exact" else f"Nearly the same ({pair['changes']})"
