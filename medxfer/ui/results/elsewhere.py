"""Does it hold elsewhere: the run on another data set, beside its figures on its own."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from medxfer.data.library import list_datasets, load_manifest
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.intervals import estimates
from medxfer.evaluation.predictions import Predictions
from medxfer.reports.blocks import interval
from medxfer.reports.gathering import gaps
from medxfer.runs.decision_log import By
from medxfer.runs.decisions import judged, looks_at, open_elsewhere
from medxfer.runs.external_record import External, holds_test, list_externals, load_external
from medxfer.runs.job import ask_external
from medxfer.runs.matching import suggest
from medxfer.ui.frame import show_problem
from medxfer.ui.people import who
from medxfer.ui.results.asking import begin, is_asked
from medxfer.ui.results.figures import LABELS
from medxfer.ui.results.judging import Result
from medxfer.ui.results.lock import draw_unknown_looks
from medxfer.ui.words import count, plain, split_word, when

LEFT_OUT = "left out"
_PARTS = (None, Split.TEST, Split.VALIDATION, Split.TRAIN)


def draw_elsewhere(result: Result) -> None:
    """What was evaluated already, then the form for another data set."""
    st.markdown(
        "A model that only knows one hospital may have learned that hospital. Judge it on a data "
        "set of **another origin with the same classes**."
    )
    for record in list_externals(result.place, result.run.run):
        _draw_record(result, record)
    others = [info.name for info in list_datasets(result.place) if info.name != result.run.data]
    if not others:
        st.info(
            "**There is no other data set in this workspace.** Import one, then come back here.",
            icon=":material/info:",
        )
        st.page_link("pages/data/add.py", label="Import a data set", icon=":material/upload:")
        return
    _draw_form(result, others)


def external_table(
    there: dict[str, Estimate], here: dict[str, Estimate], name: str, own: str
) -> pd.DataFrame:
    """One row a figure: there, here, and the difference, each with its interval."""
    away = gaps(there, here)
    nothing = Estimate(None)
    return pd.DataFrame(
        {
            "Figure": [LABELS[figure] for figure in there],
            name: [interval(found) for found in there.values()],
            own: [interval(here.get(figure, nothing)) for figure in there],
            "Difference": [interval(away.get(figure, nothing)) for figure in there],
        }
    )


def _draw_record(result: Result, record: External) -> None:
    try:
        _, answers = load_external(result.place, result.run.run, record.data, record.split)
        answers = judged(answers, result.decided)
    except MedxferError as error:
        show_problem(error)
        return
    if holds_test(answers) and not _is_open(result, record):
        return
    key = (result.run.run, record.data, record.split, record.time.isoformat())
    there = _figures(answers, (*key, result.decided.fingerprint))
    which = "all images" if record.split == "all" else split_word(record.split).lower()
    st.subheader(plain(record.data), anchor=False)
    patients = f" of {count(record.patients, 'patient')}" if record.patients is not None else ""
    left = sum(record.left_out.values())
    said = [f"{count(record.images, 'image')}{patients} ({which}), {when(record.time)}."]
    if left:
        said.append(f"{count(left, 'image')} of classes without a match left out.")
    if record.own:
        said.append(
            f"{count(record.own, 'image')} left out that the run's own data set holds, or that of "
            "a run it started from."
        )
    said += [plain(text) for text in record.cautions]
    st.caption(" ".join(said))
    _draw_sentence(there, result)
    own = f"Here ({split_word(result.split).lower()})"
    table = external_table(there, result.estimates, "There", own)
    st.dataframe(table, hide_index=True, alt=f"Figures on {plain(record.data)} beside the internal")


def _is_open(result: Result, record: External) -> bool:
    """Whether test figures there were looked at under what is in force; else offers to look."""
    place, run = result.place, result.run.run
    hashes = (record.manifest_hash, record.split_hash)
    seen = looks_at(place, record.data, *hashes, run)
    name = plain(record.data)
    if result.decided.is_open_on(*hashes) and not seen.unknown:
        st.caption(f":material/lock_open: {name}: {seen.sentence}.")
        return True
    with st.container(border=True):
        st.subheader(f":material/lock: {name}", anchor=False)
        if seen.unknown:
            draw_unknown_looks(seen)
            return False
        st.markdown(
            "It was judged on the test part of this data set too. Under the temperature and "
            "threshold in force now, its figures would be a new look at that test set."
        )
        st.caption(f"{name}: {seen.sentence}.")
        key = f"{run}-look-{record.data}-{record.split}"
        if st.button("Look and count it", icon=":material/lock_open:", key=key):
            open_elsewhere(place, run, record, By.PAGE, who())
            st.rerun()
    return False


def _draw_sentence(there: dict[str, Estimate], result: Result) -> None:
    gap = gaps(there, result.estimates).get("auroc", Estimate(None))
    if gap.value is None or gap.low is None or gap.high is None:
        return
    if gap.high < 0:
        st.markdown(f"**It does worse there**: AUROC lower by {interval(_turned(gap))}.")
    elif gap.low > 0:
        st.markdown(f"It does better there: AUROC higher by {interval(gap)}.")
    else:
        st.markdown(f"No difference in AUROC shown: {interval(gap)}, there minus here.")


def _turned(gap: Estimate) -> Estimate:
    return Estimate(*(None if end is None else -end for end in (gap.value, gap.high, gap.low)))


def _draw_form(result: Result, others: list[str]) -> None:
    with st.container(border=True):
        with st.container(horizontal=True):
            data = st.selectbox("Data set", others, key=f"{result.run.run}-other")
            part = st.selectbox(
                "Images", _PARTS, key=f"{result.run.run}-other-part", width=220,
                format_func=lambda split: "all" if split is None else split_word(split).lower(),
            )  # fmt: skip
        ours = result.predictions.classes
        suggested = suggest(load_manifest(result.place, data).classes, ours)
        st.markdown("**Which class there is which class here?** Suggested by name; you decide.")
        if part in (None, Split.TEST):
            st.caption("This looks at the test part of that data set, and is counted there.")
        chosen = {}
        columns = st.columns(min(len(suggested), 4))
        options = [*ours, LEFT_OUT]
        for place, (theirs, mine) in enumerate(suggested.items()):
            picked = columns[place % len(columns)].selectbox(
                plain(theirs), options, index=options.index(mine or LEFT_OUT),
                key=f"{result.run.run}-match-{data}-{theirs}",
            )  # fmt: skip
            chosen[theirs] = None if picked == LEFT_OUT else picked
        if st.button(
            f"Evaluate on {plain(data)}", icon=":material/domain_add:", type="primary",
            disabled=not any(chosen.values()) or is_asked(result.place, result.run.run),
        ):  # fmt: skip
            asked = (result.place, result.run.run, data, chosen, part)
            begin(ask_external(*asked, by=who()))


@st.cache_resource(max_entries=12, show_spinner="Computing 95 % intervals …")
def _figures(_answers: Predictions, key: tuple[str, ...]) -> dict[str, Estimate]:
    return estimates(_answers)
