"""The bin: what was deleted within a week, and the way back."""

import streamlit as st

from medxfer.bin import KEPT, contents
from medxfer.ui.bin import draw_entry, offer_to_empty
from medxfer.ui.workspace import workspace

st.title("Bin")
place = workspace()
found = contents(place)
st.markdown(
    f"Deleted runs and data sets stay here for {KEPT.days} days. Looks at a test set count on, "
    "whatever becomes of the run."
)
if found:
    for entry in found:
        draw_entry(place, entry)
    offer_to_empty(place, found)
else:
    st.info("The bin is empty.", icon=":material/delete_outline:")
