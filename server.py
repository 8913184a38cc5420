"""The app of app.py as ASGI: health, security headers and the gate; no logic.

`medxfer app` serves it. Under a server of one's own: `uvicorn server:app`.
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager

from medxfer.ui.server.account import check_sign_in, sign_in_configured
from medxfer.ui.server.address import ask_nobody_outside, check_address
from medxfer.ui.server.gate import Gate
from medxfer.ui.server.health import route
from medxfer.ui.server.opening import opening
from medxfer.ui.server.policy import Headers, broken
from medxfer.ui.workspace import find_workspace

ask_nobody_outside()
check_sign_in()
check_address(config.get_option("server.address") or "", sign_in=sign_in_configured())

# A folder called `pages` makes Streamlit look for its older kind of pages in the first run of a
# fresh server, and greet a deep link with "Page not found" before app.py has listed the pages.
# What app.py decides in its first line is therefore said beforehand.
PagesManager.uses_pages_directory = False

app = st.App(
    Path(__file__).with_name("app.py"),
    lifespan=opening,
    routes=[Route("/health", route(find_workspace))],
    middleware=[Middleware(Headers), Middleware(Gate)],
    exception_handlers={Exception: broken},
)
