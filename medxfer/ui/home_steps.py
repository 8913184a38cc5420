"""The three steps of the start page and how far one has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from medxfer.data.library import DatasetInfo
from medxfer.runs.summary import RunState, RunSummary
from medxfer.ui.data.choice import DATA_PAGE, IMPORT_PAGE, synthetic_badge
from medxfer.ui.runs.choice import NEW_PAGE, RESULT_PAGE, RUN_PAGE
from medxfer.ui.words import count, plain


@dataclass(frozen=True)
class Step:
    """One of the three steps: what it is, how it stands and where it is done."""

    title: str
    words: str
    done: bool
    action: str
    page: str
    query: dict[str, str]


def steps(infos: Sequence[DatasetInfo], runs: Sequence[RunSummary]) -> tuple[Step, Step, Step]:
    """The steps as they stand; both lists newest first."""
    return _images(infos), _model(infos, runs), _result(runs)


def next_step(three: Sequence[Step]) -> int:
    """Index of the first step that is not done; the last one when all are."""
    return next((index for index, step in enumerate(three) if not step.done), len(three) - 1)


def draw_steps(three: Sequence[Step], infos: Sequence[DatasetInfo]) -> None:
    """Three boxes, with one main button: the next thing to do."""
    following = next_step(three)
    columns = st.columns(3, gap="medium")
    for index, (column, step) in enumerate(zip(columns, three, strict=True)):
        with column.container(border=True, height="stretch"):
            icon = ":material/check_circle:" if step.done else f":material/counter_{index + 1}:"
            st.markdown(f"{icon} **{step.title}**")
            st.caption(step.words)
            if index == 0 and infos and all(info.synthetic for info in infos):
                synthetic_badge(infos[0])
            st.space("stretch")
            pressed = st.button(
                step.action,
                type="primary" if index == following else "secondary",
                disabled=not step.done and index > following,
                key=f"step-{index}",
            )
            if pressed:
                st.switch_page(step.page, query_params=step.query)
            if index == 0 and infos and st.button("Import your own images", key="step-import"):
                st.switch_page(IMPORT_PAGE)


def _images(infos: Sequence[DatasetInfo]) -> Step:
    title = "Bring images"
    if not infos:
        words = "A folder with one folder for each class, a table, or a ZIP file."
        return Step(title, words, False, "Import images", IMPORT_PAGE, {})
    newest = infos[0]
    words = f"{plain(newest.name)}: {count(newest.images, 'image')}"
    words += f", {count(len(newest.classes), 'class', 'classes')}."
    if len(infos) > 1:
        words += f" And {count(len(infos) - 1, 'more data set')}."
    return Step(title, words, True, "Look at the images", DATA_PAGE, {"data": newest.name})


def _model(infos: Sequence[DatasetInfo], runs: Sequence[RunSummary]) -> Step:
    title = "Train a model"
    active = next((run for run in runs if not run.state.ended), None)
    if active is not None:
        waits = active.state is RunState.WAITING
        doing = "waits in the queue, for" if waits else "is learning from"
        words = f"ResNet-{active.depth} {doing} {plain(active.data)}."
        action = "See its place" if waits else "Watch it learn"
        return Step(title, words, False, action, RUN_PAGE, {"run": active.run})
    trained = [run for run in runs if run.has_model]
    query = {"data": infos[0].name} if infos else {}
    if not trained:
        words = "A pretrained network is fine-tuned on your images. Good defaults are set."
        return Step(title, words, False, "Set up a run", NEW_PAGE, query)
    words = f"{count(len(trained), 'model')} so far."
    return Step(title, words, True, "Train another", NEW_PAGE, query)


def _result(runs: Sequence[RunSummary]) -> Step:
    title = "See how good it is"
    trained = next((run for run in runs if run.has_model), None)
    if trained is None:
        words = "Confusion matrix, curves, and heatmaps of where the network looked."
        return Step(title, words, False, "Open the result", RESULT_PAGE, {})
    words = f"ResNet-{trained.depth} on {plain(trained.data)}."
    return Step(title, words, True, "Open the result", RESULT_PAGE, {"run": trained.run})
