"""Import: from a folder, a table or an archive to a data set."""

import streamlit as st

from medxfer.data.import_job import find_job
from medxfer.paths import Workspace
from medxfer.ui.data.job import begin, draw_job, draw_running
from medxfer.ui.data.preview import choose_options, draw_findings
from medxfer.ui.data.source import choose_source, name_problem, suggest_name
from medxfer.ui.words import count, plain
from medxfer.ui.workspace import workspace

_STAND_IN = "data"


def draw_form(place: Workspace) -> None:
    st.caption(
        "One folder for each class (inside train, val and test, or not), a CSV with a file and a "
        "label column, or a MedMNIST file. DICOM, PNG, JPEG, TIFF and BMP."
    )
    source = choose_source(place)
    if source is None:
        return
    st.subheader("What is there")
    name = st.text_input(
        "Name of the data set", suggest_name(place, source), max_chars=80, key=f"name-{source}"
    )
    if problem := name_problem(place, name):
        st.warning(plain(problem), icon=":material/info:")
    # What is there can be looked at before the name is right.
    chosen = choose_options(source, _STAND_IN if problem else name)
    if chosen is None:
        return
    options, found = chosen
    draw_findings(found)
    images = sum(found.classes.values())
    if st.button(
        f"Import {count(images, 'image')}",
        type="primary",
        icon=":material/upload:",
        disabled=bool(problem),
    ):
        begin(place, source, options)


st.title("Import")
place = workspace()
if job := st.query_params.get("job", ""):
    draw_job(place, find_job(place, job))
else:
    draw_running(place)
    draw_form(place)
