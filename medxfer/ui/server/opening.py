"""What is done once when the app starts, before anybody is answered."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streamlit import config

from medxfer import bin as rubbish
from medxfer.activity import verify
from medxfer.errors import MedxferError
from medxfer.executors.local import wake
from medxfer.ui.server.account import sign_in_configured
from medxfer.ui.server.address import is_local, told_open
from medxfer.ui.workspace import find_workspace
from medxfer.using import clear_uses


@asynccontextmanager
async def opening(_app: object) -> AsyncIterator[None]:
    """Say what should be known about this start, and clear away what is due."""
    for line in first_words():
        sys.stderr.write(f"medxfer: {line}\n")
    yield


def first_words() -> list[str]:
    """Warnings for the log; empties the bin of what has been there for a week, wakes the worker."""
    words = []
    address = config.get_option("server.address") or ""
    if told_open() and not sign_in_configured() and not is_local(address):
        words.append(
            "The app is open: whoever can reach it can use it and see its images. Nobody signs in."
        )
    try:
        workspace = find_workspace()
        rubbish.sweep(workspace)
        clear_uses(workspace)
        wake(workspace)  # for runs that were waiting, or under way, when the computer went off
        words += verify(workspace)
    except (OSError, MedxferError) as error:
        words.append(str(error))
    return words
