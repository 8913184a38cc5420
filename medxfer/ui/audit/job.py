"""The audit on its way: started, watched, stopped, and why it ended if it did not end well."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from medxfer.audit.job import AuditJob, ask
from medxfer.data.library import DatasetInfo
from medxfer.errors import MedxferError
from medxfer.executors.local import spawn
from medxfer.paths import Workspace
from medxfer.ui import jobs
from medxfer.ui.audit.stored import Standing
from medxfer.ui.frame import show_problem

_BEGUN = "audits-begun"
_NEXT = {
    "Looking at pictures": "Each picture is opened once. Next: copies, then shortcuts.",
    "Looking for copies": "All pictures are compared with all others. Next: shortcuts.",
    "Trying shortcuts": "The last step.",
    "Asking a network": "Each picture is shown to the network once.",
}


def begin(place: Workspace, name: str, *, fresh: bool = False, doubts: str | None = None) -> None:
    """Start the audit in a process of its own; the data set's name finds it again.

    Raises:
        DataError: it is being audited already.
        WorkspaceError: the disk is full or refuses.
    """
    job = ask(place, name, fresh=fresh, doubts=doubts)
    spawn(job.arguments, job.log)


def begin_by_itself(place: Workspace, info: DatasetInfo, now: Standing) -> bool:
    """Start the audit of a data set that has no current one; whether it was started.

    One that was stopped, failed or was lost is left to the person, and none is started twice in
    a session for the same state of the data.
    """
    begun = st.session_state.setdefault(_BEGUN, set())
    state = (info.name, info.manifest_hash, info.split_hash)
    if now.current or now.state not in ("none", "done") or state in begun:
        return False
    begun.add(state)
    with suppress(MedxferError):  # another tab was quicker, or the disk is full: the page says so
        begin(place, info.name, doubts=asked_before(info, now))
        return True
    return False


def asked_before(info: DatasetInfo, now: Standing) -> str | None:
    """The network to ask again, since what it said was of other images or labels; None if none."""
    if now.audit is None or now.audit.manifest_hash == info.manifest_hash:
        return None
    return now.audit.doubts_by or None


def draw_progress(job: AuditJob) -> None:
    """Step, time left and Stop, kept up to date; the page is drawn anew at the end."""
    jobs.draw_progress(job, _NEXT, key="audit-stop")


def draw_ending(now: Standing) -> None:
    """Why the latest job did not end well; nothing if it did."""
    if now.state == "failed":
        show_problem(now.job.error())
    elif now.state == "stopped":
        st.info(
            "**The check was stopped.** What an earlier one found stays; pictures that were "
            "looked at need not be opened again.",
            icon=":material/stop_circle:",
        )
    elif now.state == "lost":
        st.warning(
            "**The check ended without a word.** The computer may have been switched off or run "
            "out of memory. Start it again.",
            icon=":material/info:",
        )
