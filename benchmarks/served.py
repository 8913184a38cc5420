"""The app served by a process of its own, on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
APP = ("medxfer.ui.serve",)
PATIENCE = 60
"""Seconds until a server answers."""


def free_port() -> int:
    """A port of this computer that nobody listens at just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(
    command: Sequence[str], environment: dict[str, str], port: int | None = None
) -> Iterator[str]:
    """Run `python -m COMMAND`, which takes Streamlit's options, until the block ends; its address.

    Raises:
        TimeoutError: it did not answer in time.
    """
    port = port or free_port()
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", *command, "--server.port", str(port)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with urlopen(url, timeout=2):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(url)
