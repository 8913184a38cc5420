"""Which folders of the server a person may name on a page."""

from __future__ import annotations

import os
from pathlib import Path

from medxfer.errors import DataError
from medxfer.ui.server.account import sign_in_configured
from medxfer.ui.server.address import told_open

ROOTS_VARIABLE = "MEDXFER_ROOTS"
"""Folders, parted as in PATH."""


def roots() -> tuple[Path, ...] | None:
    """The folders that may be read, and all below them; None: any, as on a computer of one's own.

    Where other people can reach the app and no folders are configured, there are none.
    """
    written = os.environ.get(ROOTS_VARIABLE, "")
    named = tuple(Path(part).resolve() for part in written.split(os.pathsep) if part.strip())
    if named or sign_in_configured() or told_open():
        return named
    return None


def check_root(path: Path) -> Path:
    """The path itself, if a person may name it; where links lead is what counts.

    Raises:
        DataError: it lies outside of the configured folders, or none are configured.
    """
    allowed = roots()
    if allowed is None:
        return path
    if not allowed:
        raise DataError(
            "No folder of this server may be named here: none has been set up.",
            f"Upload a ZIP file, or ask whoever runs medxfer to set {ROOTS_VARIABLE}.",
        )
    try:
        inside = any(path.resolve().is_relative_to(root) for root in allowed)
    except (OSError, RuntimeError):  # a loop of links
        inside = False
    if not inside:
        raise DataError(
            "This path is outside of the folders that may be used here.",
            f"Begin with {' or '.join(map(str, allowed))}.",
        )
    return path
