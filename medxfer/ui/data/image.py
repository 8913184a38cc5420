"""One picture of a data set, large, with its row of facts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import COLUMNS, Manifest
from medxfer.data.readers import read_picture
from medxfer.errors import DataError
from medxfer.paths import Workspace
from medxfer.ui.data.table import manifest_of
from medxfer.ui.frame import boundary, show_problem
from medxfer.ui.words import number, plain, size, split_word

_LONGEST_SIDE = 1000


def forget_image() -> None:
    """Close the picture: its id leaves the address."""
    st.query_params.pop("image", None)


@st.dialog("Image", width="large", on_dismiss=forget_image)
@boundary()
def open_image(place: Workspace, info: DatasetInfo) -> None:
    """The picture named by `?image=` of this data set."""
    manifest = manifest_of(place, info)
    wanted = st.query_params.get("image", "")
    found = manifest.table[manifest.table["image"] == wanted]
    if found.empty:
        raise DataError(
            f"There is no image '{wanted}' in the data set '{info.name}'.",
            "It may have been imported again since the link was made.",
        )
    row = found.iloc[0]
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _draw_picture(manifest, row)
    with right:
        _draw_facts(row, manifest.table)
        _draw_steps(manifest.table, int(found.index[0]))


def _draw_picture(manifest: Manifest, row: pd.Series) -> None:
    try:
        picture = read_picture(manifest.path(row["file"]))
    except DataError as error:
        show_problem(error)
        return
    shown = Image.fromarray(picture.pixels)
    shown.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    st.image(np.asarray(shown), width="stretch", alt=f"{row['label']}, {row['file']}")
    for note in picture.notes:
        st.caption(plain(note))


def _draw_facts(row: pd.Series, table: pd.DataFrame) -> None:
    same = int((table["patient"] == row["patient"]).sum())
    facts = {
        "Class": row["label"],
        "Part": split_word(row["split"]),
        "Patient": row["patient"],
        "Images of this patient": number(same),
        "File": row["file"],
        "Size": f"{row['width']} × {row['height']} pixels",
        "Stored as": f"{row['format']}, {row['mode']}, {size(row['bytes'])}",
        "Id": row["image"],
    }
    values = [plain(value) for value in facts.values()]
    st.table(
        pd.DataFrame({"Fact": list(facts), "Value": values}),
        hide_index=True,
        hide_header=True,
        border="horizontal",
    )
    rest = {name: str(row[name]) for name in row.index if name not in COLUMNS and row[name]}
    if rest:
        with st.expander("More from the source"):
            st.dataframe(
                pd.DataFrame({"Column": list(rest), "Value": list(rest.values())}),
                hide_index=True,
                alt="What else the source says of this image",
            )


def _draw_steps(table: pd.DataFrame, index: int) -> None:
    steps = st.container(horizontal=True)
    for words, icon, step in (
        ("Previous image", ":material/chevron_left:", -1),
        ("Next image", ":material/chevron_right:", 1),
    ):
        neighbour = index + step
        inside = 0 <= neighbour < len(table)
        if steps.button(words, icon=icon, disabled=not inside, key=f"step-{step}"):
            st.query_params["image"] = table.iloc[neighbour]["image"]
            st.rerun(scope="fragment")
