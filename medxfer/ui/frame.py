"""What every page stands in: the error boundary and the research-use line."""

from __future__ import annotations

import secrets
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from medxfer import RESEARCH_USE_ONLY
from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.ui.words import plain
from medxfer.ui.workspace import find_workspace

LOG = "app.log"
_LOG_LIMIT = 5_000_000


_ONLY_OUR_EXPORTS = """<style>
[data-testid="stElementToolbarButton"]:has([aria-label^="Download as CSV"]) { display: none; }
</style>"""


def only_our_exports() -> None:
    """Take Streamlit's own "Download as CSV" from tables.

    Its file has no stamp, and a spreadsheet would compute a class that is called "=…".
    """
    st.html(_ONLY_OUR_EXPORTS)


@contextmanager
def boundary() -> Iterator[None]:
    """Show whatever is raised inside as a calm box instead of a broken page.

    Around `page.run()`, and as `@boundary()` below every `@st.fragment` and `@st.dialog`: what
    a fragment raises never reaches the handler around the page. A MedxferError is shown as its
    sentence and remedy; anything else is a bug, shown as an id that finds the traceback in the
    workspace's app.log.
    """
    try:
        yield
    except MedxferError as error:
        show_problem(error)
    except Exception as error:  # noqa: BLE001
        show_bug(record(error))


def show_problem(error: MedxferError) -> None:
    """An expected error: its sentence, and below it what to do next."""
    text = f"**{plain(error.problem)}**"
    if error.remedy:
        text += f"\n\n{plain(error.remedy)}"
    st.warning(text, icon=":material/info:")


def show_bug(error_id: str) -> None:
    """A bug: its id, nothing of its inside."""
    st.error(
        "**Something went wrong that should not have.** Nothing you saved is lost. "
        "Reload the page to try again.\n\n"
        f"If it happens again, report error `{error_id}`; details are in `{LOG}` in the "
        "workspace folder.",
        icon=":material/error:",
    )


def record(error: BaseException) -> str:
    """Write the traceback to the workspace's log; its short id."""
    error_id = secrets.token_hex(4)
    text = f"error {error_id}\n{''.join(traceback.format_exception(error))}\n"
    try:
        _append(find_workspace(), text)
    except (OSError, MedxferError):
        sys.stderr.write(text)
    return error_id


def research_use() -> None:
    """The line that stands on every result screen."""
    st.caption(RESEARCH_USE_ONLY)


def _append(place: Workspace, text: str) -> None:
    log = place.root / LOG
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))
    with log.open("a", encoding="utf-8") as file:
        file.write(text)
