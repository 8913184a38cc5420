"""One run: watched while it trains, looked back on when it has ended."""

import streamlit as st

from medxfer.ui.runs.choice import choose_run
from medxfer.ui.runs.watch import draw_run
from medxfer.ui.workspace import workspace

st.title("Run")
place = workspace()
chosen = choose_run(place, with_model=False)
if chosen is not None:
    draw_run(place, chosen)
