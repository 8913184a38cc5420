"""How good a trained network is."""

import streamlit as st

from medxfer.ui.frame import research_use
from medxfer.ui.results.page import draw_result
from medxfer.ui.runs.choice import choose_run
from medxfer.ui.workspace import workspace

st.title("Result")
place = workspace()
chosen = choose_run(place, with_model=True)
if chosen is not None:
    draw_result(place, chosen)
research_use()
