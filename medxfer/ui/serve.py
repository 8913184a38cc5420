"""Serve the app: `python -m medxfer.ui.serve`, with options of `streamlit run`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from streamlit.web import cli

from medxfer.errors import MedxferError
from medxfer.ui.server.address import TOLD, TOLD_VARIABLE

SERVER = Path(__file__).resolve().parents[2] / "server.py"
MENDABLE = 2
"""The exit code of what the person can mend, as everywhere on the command line."""


def main(options: list[str]) -> None:
    """Start the server and stay until it ends; an address it must not have is a sentence."""
    if TOLD in options:
        os.environ[TOLD_VARIABLE] = "1"
    sys.argv = ["streamlit", "run", str(SERVER), *(word for word in options if word != TOLD)]
    try:
        cli.main()
    except MedxferError as error:
        sys.stderr.write(f"medxfer: {error}\n")
        sys.exit(MENDABLE)


if __name__ == "__main__":
    main(sys.argv[1:])
