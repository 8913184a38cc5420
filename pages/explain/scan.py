"""What a trained network says of a scan, and where it looked."""

import streamlit as st

from medxfer.ui.explain.page import draw_scans
from medxfer.ui.explain.source import choose_scans
from medxfer.ui.frame import research_use
from medxfer.ui.runs.choice import choose_run
from medxfer.ui.workspace import workspace

st.title("Explain a scan")
place = workspace()
chosen = choose_run(place, with_model=True)
if chosen is not None:
    draw_scans(place, chosen, choose_scans(place, chosen.run))
research_use()
