"""Work of another process as a page shows it: step, time left and Stop, kept up to date."""

from __future__ import annotations

import time
from collections.abc import Mapping

import streamlit as st

from medxfer.job import ACTIVE, Job, Progress
from medxfer.ui.frame import boundary
from medxfer.ui.words import duration, number, plain

_REFRESH_SECONDS = 1.5
_FIRST_GUESS_SECONDS = 3
_SEEN = "job-step-seen"


def draw_progress(job: Job, then: Mapping[str, str], key: str) -> None:
    """How far it is; the page is drawn anew at the end.

    `then` says for a step what is done in it, or comes after it; `key` names the Stop button.
    """
    st.fragment(_moving, run_every=_REFRESH_SECONDS)(job, then, key)


@boundary()
def _moving(job: Job, then: Mapping[str, str], key: str) -> None:
    if job.state() not in ACTIVE:
        st.rerun()
    progress = job.progress()
    share = progress.done / progress.total if progress.total else 0.0
    with st.container(border=True):
        st.progress(min(share, 1.0), text=_words(progress, stopping=job.is_stopping))
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Stop", icon=":material/stop:", disabled=job.is_stopping, key=key):
                job.stop()
                st.rerun(scope="fragment")
            left = f"{_left(job, progress)} {then.get(progress.step, '')}".strip()
            st.caption(f"{left} You can close this page: it goes on.".strip(), width="stretch")


def _words(progress: Progress, *, stopping: bool) -> str:
    if stopping:
        return "Stopping …"
    if not progress.step:
        return "Beginning …"
    if not progress.total:
        return f"{plain(progress.step)} …"
    of = f"{number(progress.done)} of {number(progress.total)}"
    return f"{plain(progress.step)}: {of if progress.total > 2 else 'beginning'}"  # noqa: PLR2004


def _left(job: Job, progress: Progress) -> str:
    """How long the step will take, by how fast it has gone since this page first saw it."""
    request = (job.request() or {}).get("id")
    step = (str(job.folder), request, progress.step)
    seen = st.session_state.get(_SEEN)
    if seen is None or seen[0] != step:
        seen = st.session_state[_SEEN] = (step, time.monotonic(), progress.done)
    passed, made = time.monotonic() - seen[1], progress.done - seen[2]
    if passed < _FIRST_GUESS_SECONDS or made <= 0:
        return ""
    left = (progress.total - progress.done) * passed / made
    return f"About {duration(left)} left in this step."
