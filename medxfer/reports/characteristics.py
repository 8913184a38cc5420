"""What the images of each part are like: the columns worth a line in a report, by group."""

from __future__ import annotations

import re
from collections.abc import Sequence

from medxfer.data.manifest import COLUMNS, OWN, Manifest
from medxfer.errors import DataError, EvaluationError
from medxfer.evaluation.grouping import groups
from medxfer.evaluation.predictions import Ints

_USUAL = re.compile(
    r"\b(age|sex|gender|race|ethnicity|site|hospital|cent(er|re)|scanner|manufacturer|vendor|view"
    r"|view ?position|projection|modality|laterality|body ?part( examined)?|skin ?type|fitzpatrick"
    r"|localization)\b"
)
_TELLING = re.compile(r"\b(id|uid|name|birth|born|date|address|mrn|key)\b")
"""Words of columns that could tell who somebody is; only told if asked for by name."""
_MOST_GROUPS = 12
_FEWEST_GROUPS = 2


def interesting(manifest: Manifest, wanted: Sequence[str] = ()) -> list[str]:
    """Columns of the source with the usual names of who and how, then those asked for.

    Raises:
        DataError: a column asked for is not there.
    """
    extra = [name for name in manifest.table.columns if name not in (*COLUMNS, *OWN)]
    for name in wanted:
        if name not in extra:
            raise DataError(
                f"The data set has no further column '{name}'.",
                f"It has: {', '.join(extra)}." if extra else "It has none besides its own.",
            )
    usual = [name for name in extra if _is_usual(name) and not _is_constant(manifest, name)]
    return list(dict.fromkeys([*usual, *wanted]))


def grouped(manifest: Manifest, column: str) -> tuple[list[str], Ints] | None:
    """The names of the groups, and which of them each row is in; None if they are many."""
    try:
        names, place = groups(manifest.table[column])
    except EvaluationError:
        return None
    return (names, place) if len(names) <= _MOST_GROUPS else None


def _is_usual(column: str) -> bool:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column)
    words = re.sub(r"[\W_]+", " ", words).casefold()
    return bool(_USUAL.search(words)) and not _TELLING.search(words)


def _is_constant(manifest: Manifest, column: str) -> bool:
    return bool(manifest.table[column].nunique() < _FEWEST_GROUPS)
