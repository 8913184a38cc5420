"""Whether numbers from a data set could be trusted, and what to do about it."""

import streamlit as st

from medxfer.data.library import list_datasets
from medxfer.ui.audit.page import draw_audit, offer_fresh
from medxfer.ui.data.choice import choose_dataset, lead_to_import, synthetic_badge
from medxfer.ui.workspace import workspace

st.title("Audit")
place = workspace()
infos = list_datasets(place)
if infos:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        info = choose_dataset(infos)
        offer_fresh(place, info)
    synthetic_badge(info)
    draw_audit(place, info)
else:
    lead_to_import("There is no data set to check yet.")
