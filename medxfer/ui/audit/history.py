"""What was decided: when, about which pictures, and why; each can be undone."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from medxfer.data.corrections import Action, Correction, in_force
from medxfer.data.library import DatasetInfo
from medxfer.paths import Workspace
from medxfer.ui.audit.cards import one_page, turn_pages
from medxfer.ui.audit.deciding import decisions, record
from medxfer.ui.data.table import manifest_of
from medxfer.ui.words import count, plain, split_word, when

_PAGE = 15
_NAMED = 3
_DONE = {
    Action.EXCLUDE: "Excluded",
    Action.INCLUDE: "Used again",
    Action.RELABEL: "Relabelled",
    Action.MOVE: "Moved",
    Action.ONE_SIDE: "Put on one side",
    Action.KEEP: "Kept as it is",
    Action.UNDO: "Undone",
}
_CHECKS = {
    "duplicates": "exact copies",
    "near_duplicates": "near copies",
    "label_doubts": "labels in doubt",
    "quality": "picture quality",
    "strangers": "pictures unlike the others",
}


def draw_history(place: Workspace, info: DatasetInfo) -> None:
    """The latest decision first, fifteen a page."""
    made = decisions(place, info)
    if not made:
        st.info(
            "**Nothing was decided yet.** What you drop, keep, relabel or put on one side is "
            "listed here with its reason, and can be undone. No file is ever changed.",
            icon=":material/info:",
        )
        return
    table = manifest_of(place, info).table
    files = dict(zip(table["image"], table["file"], strict=True))
    numbered = pd.DataFrame({"number": range(len(made), 0, -1)})
    key = f"decisions-page-{info.name}"
    shown = one_page(numbered, _PAGE, key, "decisions, the latest first")
    counts = in_force(made)
    for number in shown["number"]:
        _draw(place, info, number, made[number - 1], counts[number - 1], files)
    turn_pages(numbered, _PAGE, key)


def _draw(
    place: Workspace,
    info: DatasetInfo,
    number: int,
    made: Correction,
    counts: bool,
    files: Mapping[str, str],
) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(_what(made, files) if counts else f"~~{_what(made, files)}~~ · undone")
            check = f" · found by: {_CHECKS[made.check]}" if made.check in _CHECKS else ""
            st.caption(f"{when(made.time)} · {plain(made.reason)}{check}")
        if (
            made.action is not Action.UNDO
            and counts
            and st.button("Undo", icon=":material/undo:", key=f"undo-{number}", type="tertiary")
        ):
            undoing = Correction(
                action=Action.UNDO, undoes=number, reason="Undone on the audit's page."
            )
            record(place, info, undoing, "Undone.")


def _what(made: Correction, files: Mapping[str, str]) -> str:
    """A decision in a line of Markdown."""
    if made.action is Action.UNDO:
        return f"**Undone:** decision {made.undoes}"
    named = ", ".join(plain(files.get(image, image)) for image in made.images[:_NAMED])
    more = len(made.images) - _NAMED
    rest = f" and {count(more, 'more', 'more')}" if more > 0 else ""
    to = f" as {plain(made.label)}" if made.label else ""
    to += f" to {plain(split_word(made.split))}" if made.split else ""
    return f"**{_DONE[made.action]}{to}:** {named}{rest}"
