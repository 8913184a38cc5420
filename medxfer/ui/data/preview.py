"""What an import would read, as understood, and the choices that change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.data.importing import Preview, preview
from medxfer.data.options import ImportOptions
from medxfer.data.patients import apply_pattern
from medxfer.errors import DataError
from medxfer.ui.data.columns import choose_columns, header_of
from medxfer.ui.data.warnings import draw_warnings
from medxfer.ui.frame import boundary, show_problem
from medxfer.ui.words import count, number, plain, split_word

_LOOK_AGAIN_SECONDS = 60
_PATIENTS_NAMED = 12


def understood(source: Path, options: ImportOptions) -> Preview:
    """A preview, remembered for a minute: folders may be changed meanwhile."""
    return _preview(str(source), options.model_dump_json())


@st.cache_data(ttl=_LOOK_AGAIN_SECONDS, max_entries=16, show_spinner="Looking at the files …")
def _preview(source: str, options: str) -> Preview:
    return preview(Path(source), ImportOptions.model_validate_json(options))


def choose_options(source: Path, name: str) -> tuple[ImportOptions, Preview] | None:
    """Show what is there and let the person correct it; the options and what they lead to.

    None while the table's columns are not known: then they are asked for.

    Raises:
        MedxferError: the source, or a choice, cannot be used.
    """
    fields: dict[str, Any] = {"name": name}
    first = _recognised(source, fields)
    if first is None:
        return None
    _draw_understood(first)
    fields["classes"] = _choose_classes(first)
    if not fields.get("patient_column"):
        fields |= _choose_patients(first)
    fields |= _choose_parts()
    fields |= _choose_overlap(understood(source, ImportOptions.parse(fields)))
    options = ImportOptions.parse(fields)
    return options, understood(source, options)


def _recognised(source: Path, fields: dict[str, Any]) -> Preview | None:
    """The preview by the columns chosen, which are added to `fields`; None after saying why not."""
    message = st.container()
    needed = False
    try:
        first = understood(source, ImportOptions.parse(fields))
        columns = first.columns
    except DataError:
        columns, needed = header_of(str(source)), True
        if not columns:
            raise
    if not columns:
        return first
    fields |= choose_columns(columns, needed=needed)
    try:
        return understood(source, ImportOptions.parse(fields))
    except DataError as error:
        with message:
            show_problem(error)
        return None


def _draw_understood(found: Preview) -> None:
    st.markdown(f"**{plain(found.layout[:1].upper() + found.layout[1:])}**")
    if found.first_rows:
        st.caption("The first rows, as understood")
        rows = pd.DataFrame(list(found.first_rows))
        given = rows.loc[:, (rows != "").any()]
        st.dataframe(given, hide_index=True, alt="First rows of the table")


def draw_findings(found: Preview) -> None:
    """What the options lead to: parts, patients, and what to beware of."""
    parts = " · ".join(
        f"{split_word(split)} {number(images)}" for split, images in found.splits.items()
    )
    patients = (
        f"{count(found.patients, 'patient')}, told apart by {plain(found.patient_source)}"
        if found.patients is not None
        else "Not known"
    )
    lines = [f"**Parts:** {parts}", *(plain(note) for note in found.split_notes)]
    lines.append(f"**Patients:** {patients}")
    if found.skipped:
        lines.append(f"**Left out:** {count(len(found.skipped), 'file')}; listed after the import")
    st.markdown("\n".join(f"- {line}" for line in lines))
    draw_warnings(found.warnings)


def _choose_classes(found: Preview) -> tuple[str, ...] | None:
    names = list(found.classes)
    kept = st.multiselect(
        "Classes to use",
        names,
        default=names,
        format_func=lambda name: f"{name} ({number(found.classes[name])})",
        key=f"classes-{'|'.join(names)}",
        help="The number of files is in brackets. Take away what should not be learned.",
    )
    return None if kept == names else tuple(kept)


def _choose_patients(found: Preview) -> dict[str, str | None]:
    with st.expander("Patients: tell them apart by file name"):
        st.caption(
            "Images of one patient must not be both learned from and tested on. If the file "
            "names hold a patient number, describe it with a pattern (a regular expression) with "
            "brackets around the patient: for p12_scan3.png, (p\\d+)\\_ finds p12."
        )
        pattern = st.text_input("Pattern", key="pattern", max_chars=200, placeholder="(p\\d+)_")
        with boundary():
            _draw_names(pattern, found.names)
    return {"patient_pattern": pattern or None}


def _draw_names(pattern: str, names: Sequence[str]) -> None:
    table = pd.DataFrame({"File": pd.Series(list(names), dtype="str")})
    if pattern:
        table["Patient"] = apply_pattern(pattern, table["File"]).replace("", "– not found")
    st.dataframe(table, hide_index=True, alt="Your file names and the patient found in each")


def _choose_parts() -> dict[str, Any]:
    fields: dict[str, Any] = {}
    with st.expander("Parts: train, validation, test"):
        st.caption("Parts the source gives are kept. These shares are for those it does not give.")
        left, right = st.columns(2)
        with left:
            fields["validation_fraction"] = _share("Validation, to choose the best epoch", "val")
        with right:
            fields["test_fraction"] = _share("Test, looked at last", "test")
        fields["seed"] = st.number_input(
            "Seed", 0, 2**31 - 1, 0, key="split-seed", help="The same seed draws the same parts."
        )
    return fields


def _choose_overlap(found: Preview) -> dict[str, bool]:
    """Patients on both sides of the given parts: left there unless the person agrees."""
    across = found.patients_across_splits
    if not across:
        return {}
    with st.container(border=True):
        st.markdown(
            f":material/group: **{count(len(across), 'patient')} on both sides of the given "
            f"parts:** {plain(', '.join(across[:_PATIENTS_NAMED]))}"
            + (" …" if len(across) > _PATIENTS_NAMED else "")
        )
        agreed = st.toggle(
            "Keep each patient on one side: the test part stays as given, and other images of "
            "its patients are not learned from",
            key="set-aside",
            help="Their images leave train and validation. Patients in train and validation "
            "alone go to train. Otherwise the source's parts are kept as they are.",
        )
    return {"set_aside_overlap": agreed}


def _share(words: str, key: str) -> float:
    return st.slider(words, 0, 40, 15, 5, format="%d %%", key=f"{key}-share") / 100
