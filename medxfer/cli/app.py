"""`medxfer app`: the browser app, on this computer only unless said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

import medxfer
from medxfer.cli.output import Counter, Session, command, say
from medxfer.data.library import clear_abandoned, ensure_demo
from medxfer.errors import DataError, WorkspaceError
from medxfer.paths import HOME_VARIABLE

TOLD = "--i-know-it-is-open"
"""Passed on as it is: the server knows whether people have to sign in."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option(TOLD, "told", is_flag=True, help="Let others in although nobody has to sign in.")
@command
def app(session: Session, port: int, address: str, told: bool) -> int:
    """Serve the app; draw the demo data set on first use."""
    home = Path(medxfer.__file__).resolve().parents[1]
    if not (home / "app.py").is_file():
        raise WorkspaceError(
            "The app's pages are not beside the installed package.",
            "Run it from a clone of the repository: make app",
        )
    clear_abandoned(session.workspace)
    try:
        ensure_demo(session.workspace, Counter("Drawing the demo data set, patients"))
    except DataError as error:
        say(f"Warning: the demo data set cannot be used. {error}")
    shown = f"[{address}]" if ":" in address else address
    say(f"medxfer: http://{shown}:{port}  (Ctrl-C ends the app; runs go on)")
    # a module of its own process: the command line itself never imports streamlit
    arguments = [sys.executable, "-m", "medxfer.ui.serve", "--server.port", str(port)]
    arguments += ["--server.address", address, *([TOLD] if told else [])]
    environment = os.environ | {HOME_VARIABLE: str(session.workspace.root)}
    try:
        return subprocess.run(arguments, cwd=home, env=environment, check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        return 0
