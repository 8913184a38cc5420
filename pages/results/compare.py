"""Is one of two trained networks better?"""

import streamlit as st

from medxfer.ui.frame import research_use
from medxfer.ui.results.comparison import choose_two, draw_comparison
from medxfer.ui.workspace import workspace

st.title("Compare two runs")
place = workspace()
chosen = choose_two(place)
if chosen is not None:
    draw_comparison(place, *chosen)
research_use()
