"""Serve the app: `python -m medxfer.ui.serve`, with options of `streamlit run`."""

from __future__ import annotations

import sys
from pathlib import Path

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

APP = Path(__file__).resolve().parents[2] / "app.py"


def main(options: list[str]) -> None:
    """Start the server and stay until it ends.

    A folder called `pages` makes Streamlit look for its older kind of pages in the first run of
    a fresh server, and greet a deep link with "Page not found" before app.py has listed the
    pages. What app.py decides in its first line is therefore said beforehand.
    """
    PagesManager.uses_pages_directory = False
    sys.argv = ["streamlit", "run", str(APP), *options]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1:])
