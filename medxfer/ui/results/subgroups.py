"""Is the model as good for some as for others: by any column the data set came with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from medxfer.data.manifest import COLUMNS, OWN, Manifest
from medxfer.evaluation.estimate import Estimate
from medxfer.evaluation.intervals import estimates
from medxfer.evaluation.predictions import Predictions
from medxfer.evaluation.subgroups import FIGURES, Subgroups, by_subgroup
from medxfer.reports.blocks import interval
from medxfer.reports.characteristics import interesting
from medxfer.ui.data.table import manifest_for
from medxfer.ui.results.chart import draw_figure
from medxfer.ui.results.figures import LABELS
from medxfer.ui.results.intervals import Dot, interval_figure
from medxfer.ui.results.judging import Result
from medxfer.ui.words import plain


def draw_subgroups(result: Result) -> None:
    """Choose a column and a figure; each group with its interval, beside all other images."""
    manifest = manifest_for(result.place, result.run.run)
    columns = columns_of(manifest)
    if not columns:
        st.info(
            "**This data set says nothing more about its images.** Import it with a table that has "
            "columns such as age, sex, site or view, and each group is judged here.",
            icon=":material/info:",
        )
        return
    with st.container(horizontal=True):
        column = st.selectbox("By", columns, key=f"{result.key}-column", width=260)
        figures = [name for name in FIGURES if name in result.estimates]
        figure = st.selectbox(
            "Figure", figures, format_func=LABELS.__getitem__, key=f"{result.key}-figure",
            index=figures.index("auroc"), width=260,
        )  # fmt: skip
    values = manifest.table.set_index("image")[column]
    found = _by_subgroup(
        result.predictions, values, (*result.answers, manifest.content_hash), column
    )
    rows = found.table[found.table["figure"] == figure]
    shown = group_table(rows, LABELS[figure])
    whole = result.estimates[figure].value
    if whole is not None and rows["value"].notna().any():
        draw_figure(
            interval_figure(_dots(rows), LABELS[figure], whole, f"all images {whole:.3f}"),
            result.mark,
            key=f"{result.key}-subgroups",
            file=f"subgroups-{figure}",
            alt=f"{LABELS[figure]} by group with 95 % intervals; the table below holds the same",
        )
    st.dataframe(shown, hide_index=True, alt=f"{LABELS[figure]} of each group of {plain(column)}")
    st.caption(f"{plain(found.note)} Each group is compared with all other images.")


def columns_of(manifest: Manifest) -> list[str]:
    """What the source said about its images, the usual columns (age, sex, site) first."""
    extra = [
        name
        for name in manifest.table.columns
        if name not in COLUMNS and name not in OWN and manifest.table[name].nunique() > 1
    ]
    return list(dict.fromkeys([*interesting(manifest), *extra]))


def group_table(rows: pd.DataFrame, title: str) -> pd.DataFrame:
    """One row a group for readers, with the mark in words."""
    records = rows.to_dict("records")
    return pd.DataFrame(
        {
            "Group": rows["group"].to_list(),
            "Images": rows["n"].to_list(),
            "Patients": rows["patients"].to_list(),
            f"{title} (95 % interval)": [interval(Estimate.of_row(row)) for row in records],
            "All other images": [
                interval(Estimate.of_row(row, "rest_value", "rest_")) for row in records
            ],
            "Mark": [_mark(row) for row in records],
        }
    )


def _mark(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["value"]):
        return "too few images or one class only"
    if pd.isna(row["low"]):
        return "no interval: too few patients"
    if not row["apart"]:
        return ""
    return "▲ higher than the rest" if row["value"] > row["rest_value"] else "▼ lower than the rest"


def _dots(rows: pd.DataFrame) -> list[Dot]:
    return [
        Dot(f"{row['group']} (n = {row['n']})", Estimate.of_row(row), bool(row["apart"]))
        for row in rows.to_dict("records")
    ]


@st.cache_resource(max_entries=24, show_spinner="Judging each group …")
def _by_subgroup(
    _predictions: Predictions, _values: pd.Series[Any], key: tuple[Any, ...], column: str
) -> Subgroups:
    return by_subgroup(_predictions, _values, estimates)
