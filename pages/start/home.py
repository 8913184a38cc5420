"""The start page: what this is, where one stands, and the next thing to do."""

import streamlit as st

from medxfer.data.library import DatasetInfo, list_datasets
from medxfer.runs.store import list_runs
from medxfer.runs.summary import RunSummary
from medxfer.ui.home_steps import draw_steps, steps
from medxfer.ui.runs.choice import RUN_PAGE, run_label
from medxfer.ui.words import plain
from medxfer.ui.workspace import workspace

_RECENT = 5


def draw_recent(runs: list[RunSummary]) -> None:
    st.subheader("Recent runs")
    for run in runs[:_RECENT]:
        auroc = run.validation.get("auroc")
        line = st.container(horizontal=True, vertical_alignment="center")
        line.page_link(
            RUN_PAGE,
            label=plain(run_label(run)),
            icon=":material/show_chart:",
            query_params={"run": run.run},
        )
        if auroc is not None:
            line.caption(f"validation AUROC {auroc:.3f}")


def newest_first(infos: list[DatasetInfo]) -> list[DatasetInfo]:
    return sorted(infos, key=lambda info: (info.synthetic, -info.created.timestamp()))


st.title("From a folder of scans to a model you can argue with")
st.markdown(
    "medxfer fine-tunes a pretrained ResNet on your labelled images and shows how good it is and "
    "where it looked. No code; everything stays on this computer."
)
place = workspace()
infos = newest_first(list_datasets(place))
runs = list_runs(place)
draw_steps(steps(infos, runs), infos)
if infos and all(info.synthetic for info in infos):
    st.info(
        "**The demo data set is here to try things out.** Its chest images are computed "
        "phantoms, not patients; a result on them says nothing about patients.",
        icon=":material/science:",
    )
if runs:
    draw_recent(runs)
