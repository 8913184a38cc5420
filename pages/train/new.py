"""A new run: choose the images, the network and what learns, then start."""

import streamlit as st

from medxfer.data.library import list_datasets
from medxfer.ui.data.choice import lead_to_import
from medxfer.ui.frame import boundary
from medxfer.ui.new_run.form import draw_form
from medxfer.ui.new_run.start import draw_start
from medxfer.ui.workspace import workspace

_WIDTH = 860

st.title("New run")
place = workspace()
infos = list_datasets(place)
if infos:
    with st.container(width=_WIDTH):
        chosen = draw_form(place, infos)
    with st.bottom, boundary():
        draw_start(place, chosen)
else:
    lead_to_import("There are no images to learn from yet.")
