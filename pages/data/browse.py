"""The data sets of this workspace: facts, warnings and pictures."""

import streamlit as st

from medxfer.data.library import DatasetInfo, list_datasets
from medxfer.paths import Workspace
from medxfer.ui.audit.line import draw_line
from medxfer.ui.data.choice import choose_dataset, lead_to_import, synthetic_badge
from medxfer.ui.data.delete import confirm_delete
from medxfer.ui.data.facts import (
    draw_classes,
    draw_numbers,
    draw_sizes,
    draw_skipped,
    offer_set_aside,
)
from medxfer.ui.data.image import open_image
from medxfer.ui.data.images import draw_images
from medxfer.ui.data.names import draw_names
from medxfer.ui.data.table import manifest_of
from medxfer.ui.data.warnings import draw_warnings
from medxfer.ui.workspace import workspace


def draw(place: Workspace, info: DatasetInfo) -> None:
    synthetic_badge(info)
    draw_numbers(info)
    draw_line(place, info)
    draw_warnings((*info.warnings, *info.split_warnings))
    draw_names(place, info)
    offer_set_aside(place, info)
    manifest = manifest_of(place, info)
    pictures, classes, sizes, skipped = st.tabs(
        ["Images", "Classes and parts", "Image sizes", f"Files left out ({info.skipped})"]
    )
    with pictures:
        draw_images(place, info)
    with classes:
        draw_classes(manifest, info)
    with sizes:
        draw_sizes(manifest)
    with skipped:
        draw_skipped(place, info)
    if "image" in st.query_params:
        open_image(place, info)


st.title("Data sets")
place = workspace()
infos = list_datasets(place)
if infos:
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    with bar:
        info = choose_dataset(infos)
        if st.button("Train on these images", type="primary", icon=":material/model_training:"):
            st.switch_page("pages/train/new.py", query_params={"data": info.name})
        if st.button("Delete", icon=":material/delete:", type="tertiary"):
            confirm_delete(place, info)
    draw(place, info)
else:
    lead_to_import("There is no data set yet.")
