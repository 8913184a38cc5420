"""The audit on its way: started, watched, stopped, and why it ended if it did not end well."""

from __future__ import annotations

import time
from contextlib import suppress

import streamlit as st

from medxfer.audit.job import AuditJob, Progress, ask
from medxfer.data.library import DatasetInfo
from medxfer.errors import MedxferError
from medxfer.executors.local import spawn
from medxfer.paths import Workspace
from medxfer.ui.audit.stored import ACTIVE, Standing
from medxfer.ui.frame import boundary, show_problem
from medxfer.ui.words import duration, number, plain

_REFRESH_SECONDS = 1.5
_FIRST_GUESS_SECONDS = 3
_BEGUN, _SEEN = "audits-begun", "audit-step-seen"
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
    st.fragment(_moving, run_every=_REFRESH_SECONDS)(job)


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


@boundary()
def _moving(job: AuditJob) -> None:
    if job.state() not in ACTIVE:
        st.rerun()
    stopping = (job.paths.audit / "stop").exists()
    progress = job.progress()
    share = progress.done / progress.total if progress.total else 0.0
    with st.container(border=True):
        st.progress(min(share, 1.0), text=_words(progress, stopping))
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Stop", icon=":material/stop:", disabled=stopping, key="audit-stop"):
                job.stop()
                st.rerun(scope="fragment")
            st.caption(
                f"{_left(job, progress)} You can close this page: the check goes on.",
                width="stretch",
            )


def _words(progress: Progress, stopping: bool) -> str:
    if stopping:
        return "Stopping …"
    if not progress.step or not progress.total:
        return "Beginning …"
    of = f"{number(progress.done)} of {number(progress.total)}"
    return f"{plain(progress.step)}: {of if progress.total > 2 else 'beginning'}"  # noqa: PLR2004


def _left(job: AuditJob, progress: Progress) -> str:
    """How long the step will take, by how fast it has gone since this page first saw it."""
    then = _NEXT.get(progress.step, "")
    request = (job.request() or {}).get("id")
    step = (job.name, request, progress.step)
    seen = st.session_state.get(_SEEN)
    if seen is None or seen[0] != step:
        seen = st.session_state[_SEEN] = (step, time.monotonic(), progress.done)
    passed, made = time.monotonic() - seen[1], progress.done - seen[2]
    if passed < _FIRST_GUESS_SECONDS or made <= 0:
        return then
    left = (progress.total - progress.done) * passed / made
    return f"About {duration(left)} left in this step. {then}"
