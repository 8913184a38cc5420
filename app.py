"""Front door: the list of pages, the theme's frame and the error boundary; no logic."""

import streamlit as st

from medxfer import RESEARCH_USE_ONLY, __version__
from medxfer.ui.deletion import say_deleted
from medxfer.ui.frame import boundary, only_our_exports
from medxfer.ui.people import draw_account, draw_entrance, is_admitted
from medxfer.ui.theme import ASSETS, dark_unless_chosen

admitted = is_admitted()
st.set_page_config(
    page_title="medxfer",
    page_icon=str(ASSETS / "mark.svg"),
    layout="wide",
    initial_sidebar_state="auto" if admitted else "collapsed",
    menu_items={"About": f"medxfer {__version__}. {RESEARCH_USE_ONLY}"},
)
st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "mark.svg"), size="large")

# One folder below pages/, or Streamlit would serve a first deep link without this file.
pages = {
    "": [st.Page("pages/start/home.py", title="Start", icon=":material/home:")],
    "Data": [
        st.Page("pages/data/browse.py", title="Data sets", icon=":material/photo_library:"),
        st.Page("pages/data/add.py", title="Import", icon=":material/upload:"),
        st.Page("pages/data/audit.py", title="Audit", icon=":material/fact_check:"),
    ],
    "Train": [
        st.Page("pages/train/new.py", title="New run", icon=":material/model_training:"),
        st.Page("pages/train/runs.py", title="Runs", icon=":material/list:"),
        st.Page("pages/train/run.py", title="Run", icon=":material/show_chart:"),
    ],
    "Results": [
        st.Page("pages/results/result.py", title="Result", icon=":material/grid_on:"),
        st.Page("pages/results/compare.py", title="Compare", icon=":material/compare_arrows:"),
    ],
    "Explain": [
        st.Page("pages/explain/scan.py", title="Explain a scan", icon=":material/search:"),
    ],
    "Workspace": [
        st.Page("pages/workspace/activity.py", title="Activity", icon=":material/history:"),
        st.Page("pages/workspace/bin.py", title="Bin", icon=":material/delete:"),
    ],
}
page = st.navigation(pages, position="sidebar" if admitted else "hidden")
with st.sidebar:
    if admitted:
        draw_account()
        st.caption(RESEARCH_USE_ONLY)
    only_our_exports()
    dark_unless_chosen([page.url_path for section in pages.values() for page in section])
with boundary():
    if admitted:
        say_deleted()
        page.run()
    else:
        draw_entrance()
