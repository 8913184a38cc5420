"""All runs of this workspace."""

import streamlit as st

from medxfer.ui.runs.list import draw_runs
from medxfer.ui.workspace import workspace

st.title("Runs")
draw_runs(workspace())
