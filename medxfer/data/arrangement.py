"""From the splits a source gives to the splits that are used."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from medxfer.data.manifest import PARTS, Split
from medxfer.data.options import ImportOptions
from medxfer.data.splits import draw, joined

TOO_FEW = 20
"""Images of a class in a given validation part below which it may be too small …"""
TOO_SMALL = 0.1
"""… and is, if it is also less than this share of train and val."""
_NAMED = 5


@dataclass(frozen=True)
class Arrangement:
    """The split of each row, and what was done.

    `notes` say what was drawn and why; `across` are patients the source has on both sides of a
    split that is kept; `warnings` say what that costs if nothing was done about it.
    """

    splits: pd.Series[str]
    notes: tuple[str, ...]
    across: tuple[str, ...]
    warnings: tuple[str, ...]


def arrange(
    labels: pd.Series[str],
    patients: pd.Series[str],
    given: pd.Series[str],
    options: ImportOptions,
    contents: pd.Series[str] | None = None,
    *,
    known: bool,
) -> Arrangement:
    """Keep the given test part, keep or redraw validation, draw what is missing.

    `given` holds the source's split of each row, "" throughout if it gives none. A test part
    that is given is never changed. Validation is redrawn by patient from train and val if it is
    too small to select on. Images with equal `contents` are drawn into one part. `known` says
    whether `patients` are people.
    """
    splits = given.where(given != "", str(Split.TRAIN))
    has = {part: bool((given == str(part)).any()) for part in PARTS}
    notes: list[str] = []
    unit = "patient" if known else "image (patients are not known)"
    redraw = has[Split.VALIDATION] and (why := _too_small(labels, splits)) != ""
    if redraw:
        notes.append(why)
        splits = splits.where(splits != str(Split.VALIDATION), str(Split.TRAIN))
    if has[Split.VALIDATION] and not redraw and not (splits == str(Split.TRAIN)).any():
        notes.append("The source has no train part: its validation part is divided anew.")
        splits = splits.where(splits != str(Split.VALIDATION), str(Split.TRAIN))
    across, splits, warnings = _settle_overlap(patients, splits, options.set_aside_overlap)
    if not has[Split.TEST] or not (splits == str(Split.VALIDATION)).any():
        groups = patients if contents is None else joined(patients, contents)
        splits, drawn = _draw_missing(labels, groups, splits, has[Split.TEST], options, unit)
        notes += drawn
    else:
        notes.append("The given train, validation and test parts are kept.")
    if has[Split.TEST] and not (splits == str(Split.TRAIN)).any():
        warnings = (*warnings, "There is only a test part: nothing can be learned from this data.")
    return Arrangement(splits, tuple(notes), across, warnings)


def _too_small(labels: pd.Series[str], splits: pd.Series[str]) -> str:
    """Why the given validation part is too small to choose an epoch by; "" if it is not."""
    validation = splits == str(Split.VALIDATION)
    both = int((validation | (splits == str(Split.TRAIN))).sum())
    smallest = int(labels[validation].value_counts().reindex(labels.unique(), fill_value=0).min())
    if smallest >= TOO_FEW or int(validation.sum()) >= TOO_SMALL * both:
        return ""
    return (
        f"The given validation part has {int(validation.sum())} of {both:,} images ({smallest} in "
        "its smallest class), too few to choose an epoch by: validation was drawn anew from train "
        "and validation."
    )


def _settle_overlap(
    patients: pd.Series[str], splits: pd.Series[str], set_aside: bool
) -> tuple[tuple[str, ...], pd.Series[str], tuple[str, ...]]:
    """Find patients in two parts; if agreed, train goes before val and test before both."""
    across, kept = overlap(patients, splits)
    if not across:
        return (), splits, ()
    if not set_aside:
        return across, splits, (kept,)
    tested = patients.isin(patients[splits == str(Split.TEST)])
    trained = patients.isin(patients[splits == str(Split.TRAIN)])
    settled = splits.where(~(trained & (splits == str(Split.VALIDATION))), str(Split.TRAIN))
    settled = settled.where(~(tested & (splits != str(Split.TEST))), str(Split.EXCLUDED))
    moved = int((settled != splits).sum())
    words = (
        f"{_found(across)}: {moved:,} images were moved or set aside, and the test part stays as "
        "given."
    )
    return across, settled, (words,)


def overlap(patients: pd.Series[str], splits: pd.Series[str]) -> tuple[tuple[str, ...], str]:
    """Patients in more than one part, and what that costs if they are left there, "" if none."""
    parts = splits.groupby(patients).nunique()
    across = tuple(sorted(parts.index[parts > 1]))
    cost = f"{_found(across)}. They were left there, so results are probably too good."
    return across, cost if across else ""


def _found(across: tuple[str, ...]) -> str:
    shown = ", ".join(across[:_NAMED]) + (", …" if len(across) > _NAMED else "")
    return f"{len(across):,} patients are on both sides of the given splits ({shown})"


def _draw_missing(
    labels: pd.Series[str],
    groups: pd.Series[str],
    splits: pd.Series[str],
    has_test: bool,
    options: ImportOptions,
    unit: str,
) -> tuple[pd.Series[str], list[str]]:
    has_validation = bool((splits == str(Split.VALIDATION)).any())
    shares = {
        Split.VALIDATION: 0.0 if has_validation else options.validation_fraction,
        Split.TEST: 0.0 if has_test else options.test_fraction,
    }
    # A patient of a part that is kept must not be drawn into another one.
    kept = groups.isin(groups[splits == str(Split.VALIDATION)])
    pool = (splits == str(Split.TRAIN)) & ~kept
    if not pool.any() or not any(shares.values()):
        return splits, []
    shares = {Split.TRAIN: 1 - sum(shares.values()), **shares}
    drawn = draw(labels[pool], groups[pool], shares, options.seed)
    settled = splits.copy()
    settled[pool] = drawn
    names = [f"{part.words} {100 * shares[part]:g} %" for part in PARTS[1:] if shares[part]]
    note = f"Drawn by {unit}, stratified by class, seed {options.seed}: {', '.join(names)}."
    return settled, [note, "The given test part is kept."] if has_test else [note]
