"""Corrections: what people decided about single images, and what a manifest becomes by it.

Nothing is overwritten. Each decision is a line with its time and its reason; the manifest is what
the import (or the last change of the splits) gave, with every decision in force applied in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self, assert_never

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, StringConstraints, model_validator

from medxfer.config import Settings
from medxfer.data.manifest import ARRANGED_SPLIT, ORIGINAL_LABEL, PARTS, Manifest, Split
from medxfer.errors import DataError

_OUT = str(Split.EXCLUDED)

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class Action(StrEnum):
    """What is done with the images of a correction."""

    EXCLUDE = "exclude"
    """They are used for nothing."""
    INCLUDE = "include"
    """They are used again, where they were before."""
    RELABEL = "relabel"
    """They get another class; the one they came with is kept in a column."""
    MOVE = "move"
    """They go to another part, with all images of their patients."""
    ONE_SIDE = "one_side"
    """They go to one part together, with all images of their patients."""
    KEEP = "keep"
    """They were looked at and are right as they are; nothing changes."""
    UNDO = "undo"
    """An earlier correction no longer counts."""


class Correction(Settings):
    """One decision of a person."""

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """UTC, for display; order is the order in the file."""
    action: Action
    images: tuple[str, ...] = ()
    """Ids of the manifest's column `image`."""
    label: str | None = None
    """For `relabel`: the class they get."""
    split: Split | None = None
    """For `move` the part they go to; for `one_side` too, or None: where most of them are."""
    undoes: Annotated[int, Field(ge=1)] | None = None
    """For `undo`: the number of the correction, the first is 1."""
    reason: Text
    check: Annotated[str, Field(max_length=80)] = ""
    """Which check of the audit led to it; "" if none did."""

    @model_validator(mode="after")
    def _says_what_its_action_needs(self) -> Self:
        needs = {
            "label": self.action is Action.RELABEL,
            "undoes": self.action is Action.UNDO,
            "images": self.action is not Action.UNDO,
        }
        for name, needed in needs.items():
            if needed and not getattr(self, name):
                raise ValueError(f"'{self.action}' needs {name}")
            if not needed and getattr(self, name):
                raise ValueError(f"'{self.action}' takes no {name}")
        goes = self.action is Action.MOVE
        if (goes and self.split is None) or self.split is Split.EXCLUDED:
            raise ValueError(f"'{self.action}' needs a part: {', '.join(PARTS)}")
        if self.split is not None and not goes and self.action is not Action.ONE_SIDE:
            raise ValueError(f"'{self.action}' takes no part")
        return self


def in_force(corrections: Sequence[Correction]) -> list[bool]:
    """Whether each one still counts; an `undo` counts as such."""
    undone = {correction.undoes for correction in corrections}
    return [number not in undone for number in range(1, len(corrections) + 1)]


def apply(manifest: Manifest, corrections: Sequence[Correction]) -> Manifest:
    """The manifest with all corrections in force, whichever of them it had before.

    The labels of the import and the splits as arranged are taken from the columns that keep them,
    or, before the first correction, from the manifest itself; they are kept from then on. Patients
    who were on one side stay there.
    """
    table = manifest.table
    if ORIGINAL_LABEL not in table and not corrections:
        return manifest
    state = _State(
        table["image"].to_numpy(dtype=object),
        table["patient"].to_numpy(dtype=object),
        _base(table, ORIGINAL_LABEL, "label"),
        _base(table, ARRANGED_SPLIT, "split"),
        np.zeros(len(table), dtype=bool),
    )
    originals = {ORIGINAL_LABEL: state.labels.copy(), ARRANGED_SPLIT: state.sides.copy()}
    for correction, counts in zip(corrections, in_force(corrections), strict=True):
        if counts:
            state.take(correction)
    texts = {
        "label": state.labels,
        "split": np.where(state.excluded, _OUT, state.sides),
        **originals,
    }
    columns = {
        name: pd.Series(values, index=table.index, dtype="str") for name, values in texts.items()
    }
    return replace(manifest, table=table.assign(**columns))


def excluded(manifest: Manifest) -> NDArray[np.bool_]:
    """(n,): which images are out by a correction, not because the splits set them aside."""
    table = manifest.table
    if ARRANGED_SPLIT not in table:
        return np.zeros(len(table), dtype=bool)
    return np.asarray((table["split"] == _OUT) & (table[ARRANGED_SPLIT] != _OUT), dtype=bool)


def check(manifest: Manifest, corrections: Sequence[Correction], new: Correction) -> None:
    """Make sure that a correction can be made now.

    Raises:
        DataError: it names what is not there, or would change nothing.
    """
    if new.action is Action.UNDO:
        _check_undo(corrections, new.undoes or 0)
        return
    unknown = sorted(set(new.images) - set(manifest.table["image"]))
    if unknown:
        raise DataError(
            f"There is no image '{unknown[0]}' in this data set.",
            "Name images by their id or their file, as 'splits.csv' of the data set lists them.",
        )
    if new.label is not None and new.label not in manifest.classes:
        raise DataError(
            f"There is no class '{new.label}' in this data set.",
            f"It has: {', '.join(manifest.classes)}.",
        )
    if new.action is Action.KEEP:
        return
    after = apply(manifest, [*corrections, new]).table
    if after[["label", "split"]].equals(manifest.table[["label", "split"]]):
        raise DataError(f"This correction changes nothing: {_idle(manifest, new)}.")


def _check_undo(corrections: Sequence[Correction], number: int) -> None:
    if number > len(corrections):
        raise DataError(
            f"There is no correction {number}.", "'medxfer data corrections NAME' lists them."
        )
    if corrections[number - 1].action is Action.UNDO:
        raise DataError(
            f"Correction {number} is an undo and cannot be undone.", "Make the correction again."
        )
    if not in_force(corrections)[number - 1]:
        raise DataError(f"Correction {number} was undone before.")


def _idle(manifest: Manifest, new: Correction) -> str:
    match new.action:
        case Action.EXCLUDE:
            return "these images are excluded already"
        case Action.INCLUDE:
            named = manifest.table["image"].isin(new.images)
            aside = (manifest.table["split"][named] == _OUT).any()
            why = "the splits set these images aside, no correction did"
            return why if aside else "these images are in use"
        case Action.RELABEL:
            return f"these images have the label '{new.label}'"
        case Action.MOVE | Action.ONE_SIDE:
            return "these images are there already, or are used for nothing"
        case Action.KEEP | Action.UNDO:
            return "there is nothing to do"
        case _ as never:
            assert_never(never)


@dataclass
class _State:
    """What corrections change, image by image."""

    images: NDArray[np.object_]
    patients: NDArray[np.object_]
    labels: NDArray[np.object_]
    sides: NDArray[np.object_]
    """The split an image has as long as it is not excluded."""
    excluded: NDArray[np.bool_]

    def take(self, correction: Correction) -> None:
        """Let one correction come into force."""
        named = _among(self.images, correction.images)
        match correction.action:
            case Action.EXCLUDE:
                self.excluded |= named
            case Action.INCLUDE:
                self.excluded &= ~named
            case Action.RELABEL:
                self.labels[named] = correction.label
            case Action.MOVE | Action.ONE_SIDE:
                self._move(named, correction.split)
            case Action.KEEP | Action.UNDO:
                pass
            case _ as never:
                assert_never(never)

    def _move(self, named: NDArray[np.bool_], split: Split | None) -> None:
        whole = _among(self.patients, set(self.patients[named])) & (self.sides != _OUT)
        if whole.any():
            self.sides[whole] = str(split or self._commonest(whole))

    def _commonest(self, rows: NDArray[np.bool_]) -> Split:
        """The part most of these images are in; of equals the first: train, val, test."""
        return max(PARTS, key=lambda part: int((self.sides[rows] == str(part)).sum()))


def _base(table: pd.DataFrame, kept: str, now: str) -> NDArray[np.object_]:
    return table[kept if kept in table else now].to_numpy(dtype=object).copy()


def _among(
    values: NDArray[np.object_], wanted: Collection[str] | Iterable[str]
) -> NDArray[np.bool_]:
    return np.asarray(pd.Series(values).isin(list(wanted)), dtype=bool)
