"""Recording what a person decides about images, and saying that it was."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from medxfer.data.corrections import Action, Correction
from medxfer.data.library import DatasetInfo, correct, load_corrections
from medxfer.data.manifest import Split
from medxfer.paths import Workspace

_SAID, _NOTE = "audit-said", "audit-note"
_LONGEST = 480
"""Letters of a reason that are kept; `Correction` takes 500."""


def decide(
    place: Workspace,
    info: DatasetInfo,
    action: Action,
    images: Sequence[str],
    *,
    why: str,
    check: str,
    said: str,
    label: str | None = None,
    split: Split | None = None,
) -> None:
    """Record a decision with its reason and the person's note, then draw the page anew.

    Raises:
        DataError: it would change nothing, or names what is gone; nothing is recorded.
        WorkspaceError: the disk is full or refuses.
    """
    note = (st.session_state.get(_NOTE) or "").strip()
    reason = f"{why} Note: {note}" if note else why
    new = Correction(
        action=action,
        images=tuple(images),
        label=label,
        split=split,
        reason=reason[:_LONGEST],
        check=check,
    )
    record(place, info, new, said)


def record(place: Workspace, info: DatasetInfo, new: Correction, said: str) -> None:
    """Record one correction, remember what to say about it, and draw the page anew."""
    correct(place, info.name, new)
    st.session_state[_SAID] = said
    st.rerun()


def say_recorded() -> None:
    """What was just recorded, in a word at the edge of the page."""
    if said := st.session_state.pop(_SAID, ""):
        st.toast(said, icon=":material/check_circle:")


def ask_note() -> None:
    """Where the person may say why, in words of their own."""
    st.text_input(
        "Note kept with each decision",
        key=_NOTE,
        max_chars=200,
        placeholder="Optional: why, who was asked",
        width=230,
    )


def decisions(place: Workspace, info: DatasetInfo) -> list[Correction]:
    """All that was decided, the earliest first; read again only when there is more."""
    return _decisions(place, info.name, str(place.root), info.corrections, str(info.created))


@st.cache_data(max_entries=8, show_spinner=False, ttl=600)
def _decisions(
    _place: Workspace, name: str, root: str, lines: int, created: str
) -> list[Correction]:
    return load_corrections(_place, name)
