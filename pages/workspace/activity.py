"""Who did what in this workspace, and whether the list is whole."""

import streamlit as st

from medxfer.activity import acts, verify
from medxfer.ui.activity import draw_acts, draw_verdict
from medxfer.ui.workspace import workspace

st.title("Activity")
st.markdown(
    "Who did what, and when. Lines are only added; each holds a fingerprint of the one before, so "
    "a changed or missing line is found."
)
place = workspace()
done = acts(place)
if done:
    draw_verdict(verify(place), len(done))
    draw_acts(done)
else:
    st.info("Nothing has been written down yet.", icon=":material/history:")
