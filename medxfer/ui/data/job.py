"""An import on its way: progress, Stop, and the report or the reason it ended."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import streamlit as st

from medxfer.activity import IMPORTED, note
from medxfer.data.import_job import ImportJob, create_job, list_jobs
from medxfer.data.importing import ImportReport
from medxfer.data.library import dataset_info
from medxfer.data.options import ImportOptions
from medxfer.errors import DataError
from medxfer.executors.local import spawn
from medxfer.paths import Workspace
from medxfer.ui.audit.line import draw_line
from medxfer.ui.data.choice import DATA_PAGE, IMPORT_PAGE
from medxfer.ui.data.source import is_upload
from medxfer.ui.data.warnings import draw_warnings
from medxfer.ui.frame import boundary, show_problem
from medxfer.ui.people import who
from medxfer.ui.words import count, duration, number, plain, split_word

_ACTIVE = ("waiting", "running")
_REFRESH_SECONDS = 1.0
_FIRST_GUESS_SECONDS = 3


def begin(place: Workspace, source: Path, options: ImportOptions) -> None:
    """Start the import in a process of its own; its id in the address finds it again."""
    job = create_job(place, source, options, upload=is_upload(place, source))
    spawn(job.arguments[1:], job.log)
    note(place, who(), IMPORTED, f"data set {options.name}", "begun")
    st.query_params.clear()
    st.query_params["job"] = job.id
    st.rerun()


def draw_running(place: Workspace) -> None:
    """Imports that are on their way, as links; nothing if there are none."""
    for job in list_jobs(place):
        if job.state() in _ACTIVE:
            st.page_link(
                IMPORT_PAGE,
                label=f"{plain(job.name())} is being imported. Watch it",
                icon=":material/hourglass:",
                query_params={"job": job.id},
            )


def draw_job(place: Workspace, job: ImportJob | None) -> None:
    """The import as it stands; None is one that is long gone."""
    state = job.state() if job is not None else "gone"
    if job is not None and state in _ACTIVE:
        st.subheader(f"Importing {plain(job.name())}")
        _watch(job)
        return
    if job is not None and state == "done":
        report = job.report()
        draw_report(report)
        _draw_check(place, report.name)
    elif job is not None and state == "failed":
        show_problem(job.error())
    elif state == "lost":
        st.warning(
            "**The import ended without a word.** The computer may have been switched off or run "
            "out of memory. No half data set was left behind; start it again.",
            icon=":material/info:",
        )
    else:
        st.warning(
            "**This import is no longer known.** What it made is among the data sets.",
            icon=":material/info:",
        )
    st.button("Import something else", on_click=st.query_params.clear)


def _draw_check(place: Workspace, name: str) -> None:
    """The audit begins as soon as an import has ended."""
    with suppress(DataError):  # deleted meanwhile
        st.subheader("Could numbers from these images be trusted?")
        draw_line(place, dataset_info(place, name))


@st.fragment(run_every=_REFRESH_SECONDS)
@boundary()
def _watch(job: ImportJob) -> None:
    if job.state() not in _ACTIVE:
        st.rerun()
    done, total = job.progress()
    share = done / total if total else 0.0
    st.progress(share, text=f"{number(done)} of {count(total, 'file')}" if total else "Beginning …")
    st.caption(_time_left(job, share))
    if st.button("Stop", icon=":material/stop:", help="Nothing of it is kept."):
        job.stop()
    st.caption("You can close this page: the import goes on, and this address finds it again.")


def _time_left(job: ImportJob, share: float) -> str:
    passed = time.time() - (job.folder / "spec.json").stat().st_mtime
    if share <= 0 or passed < _FIRST_GUESS_SECONDS:
        return "Every image is opened and checked."
    return f"About {duration(passed * (1 - share) / share)} left."


def draw_report(report: ImportReport) -> None:
    """What was imported, what was left out and why, and what to beware of."""
    tried = report.images + len(report.skipped)
    st.success(
        f"**{plain(report.name)} is ready:** {number(report.images)} of {count(tried, 'file')} "
        "imported.",
        icon=":material/check_circle:",
    )
    patients = (
        count(report.patients, "patient") if report.patients_known else "patients are not known"
    )
    parts = ", ".join(f"{split_word(split)} {number(n)}" for split, n in report.splits.items())
    st.caption(f"{count(len(report.classes), 'class', 'classes')} · {patients} · {parts}")
    draw_warnings(report.warnings)
    if report.skipped:
        with st.expander(f"Files left out ({number(len(report.skipped))})"):
            st.dataframe(
                [{"File": file.file, "Reason": file.reason} for file in report.skipped],
                hide_index=True,
                alt="Files left out and why",
            )
    if st.button("Look at the images", type="primary", icon=":material/photo_library:"):
        st.switch_page(DATA_PAGE, query_params={"data": report.name})
