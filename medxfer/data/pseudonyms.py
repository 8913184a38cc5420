"""Patients of DICOM files under other names: the same patient is found again, and not known.

The names are keyed hashes (HMAC-SHA-256). Without the key, which leaves the workspace only when
a person asks for it, a list of all possible patient ids does not help to find out who is who.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from medxfer.errors import WorkspaceError

_BYTES = 32
_DIGITS = 16


def secret_of(path: Path) -> bytes:
    """The secret of this installation, made on first use; only its owner can read the file.

    Raises:
        WorkspaceError: it cannot be read or made, or is damaged.
    """
    try:
        if not path.exists():
            _make(path)
        secret = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is damaged"
        raise WorkspaceError(
            f"The secret of this installation, {path}, cannot be used: {why}.",
            "Put it back from a backup. Without it, patients of data sets imported from now on are "
            "not recognised as those of earlier ones; if that is no loss, delete it.",
        ) from error
    if len(secret) != _BYTES:
        raise WorkspaceError(
            f"The secret of this installation, {path}, is damaged.",
            "Put it back from a backup, or delete it and import data sets with DICOM files anew.",
        )
    return secret


def pseudonym(secret: bytes, kind: str, value: str) -> str:
    """16 hexadecimal digits for a value of a `kind`; "" for none. Equal values get equal ones."""
    plain = " ".join(value.split())
    if not plain:
        return ""
    return hmac.digest(secret, f"{kind}\x00{plain}".encode(), "sha256").hex()[:_DIGITS]


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all; another process may be doing the same."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)
