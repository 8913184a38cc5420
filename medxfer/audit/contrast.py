"""What differs between classes, in a few words: the example beside a shortcut's figure."""

from __future__ import annotations

import pandas as pd

from medxfer.audit.groups import Group

_WHOLE_FROM = 100


def contrast(group: Group, labels: pd.Series[str]) -> str:
    """Between which two classes the group differs most, such as "median width 1,888 px in A, …".

    "" if no value of the group can be quoted or nothing differs.
    """
    if group.levels is not None:
        return _of_levels(group.levels, labels)
    return _of_numbers(group, labels)


def _of_levels(levels: pd.Series[str], labels: pd.Series[str]) -> str:
    shares = pd.crosstab(labels.to_numpy(), levels.to_numpy(), normalize="index")
    level = str((shares.max() - shares.min()).idxmax())
    least, most = shares[level].sort_values().iloc[[0, -1]].items()
    if least[1] == most[1]:
        return ""
    what = f"'{level}'" if level else "blank"
    return f"{what} in {most[1]:.0%} of {most[0]}, {least[1]:.0%} of {least[0]}"


def _of_numbers(group: Group, labels: pd.Series[str]) -> str:
    numbers = group.numbers[list(group.shown)]
    middles = numbers.groupby(labels.to_numpy()).median()
    word = "median"
    if (middles.max() == middles.min()).all():
        middles, word = numbers.groupby(labels.to_numpy()).mean(), "mean"
    scale = (numbers.quantile(0.75) - numbers.quantile(0.25)).where(lambda s: s > 0, numbers.std())
    spread = ((middles.max() - middles.min()) / scale).dropna()
    if spread.empty or spread.max() <= 0:
        return ""
    column = str(spread.idxmax())
    least, most = middles[column].dropna().sort_values().iloc[[0, -1]].items()
    name, unit = group.shown[column]
    high, low = f"{_shown(most[1])}{unit}", f"{_shown(least[1])}{unit}"
    return f"{word} {name} {high} in {most[0]}, {low} in {least[0]}"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.3g}"
