"""Which class of another data set is which class of ours: suggested by name, settled by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher, get_close_matches

from medxfer.errors import RunError

Matching = Mapping[str, str | None]
"""Their class: ours, or None where we have none for it."""

_ALIKE = 0.75
"""Ratio of Ratcliff and Obershelp from which two names are taken for spellings of one."""
_ABSENCE = frozenset(
    {"normal", "negative", "healthy", "control", "nofinding", "nodisease", "notumor", "notumour"}
)
_NEGATION = re.compile(r"^(no|non|not|without|un|ab)[ _-]?")


def suggest(theirs: Iterable[str], ours: Iterable[str]) -> dict[str, str | None]:
    """The likely class of ours for each of theirs: equal but for case and signs, else similar.

    Each of ours is given to one of theirs at most. A name and its negation ("tumor", "no tumor")
    are never taken for each other; a person decides in the end.
    """
    theirs, ours = list(theirs), list(ours)
    scores = {(name, mine): _likeness(name, mine) for name in theirs for mine in ours}
    found: dict[str, str | None] = dict.fromkeys(theirs)
    taken: set[str] = set()
    for (name, mine), score in sorted(scores.items(), key=lambda item: -item[1]):
        if score >= _ALIKE and found[name] is None and mine not in taken:
            found[name] = mine
            taken.add(mine)
    return found


def checked(
    matching: Matching, theirs: Iterable[str], ours: Iterable[str]
) -> dict[str, str | None]:
    """The matching with every one of their classes in it; those it does not name have none of ours.

    Raises:
        RunError: it names a class that is not there, or nothing matches.
    """
    theirs, ours = list(theirs), list(ours)
    for name, mine in matching.items():
        if name not in theirs:
            raise _no_such(name, theirs, "the other data set")
        if mine is not None and mine not in ours:
            raise _no_such(mine, ours, "the run")
    whole = {name: matching.get(name) for name in theirs}
    if not any(whole.values()):
        raise RunError(
            f"None of the classes of the other data set ({', '.join(theirs)}) is matched with a "
            f"class of the run ({', '.join(ours)}).",
            f"Say which is which, such as {theirs[0]}={ours[0]}.",
        )
    return whole


def _likeness(one: str, other: str) -> float:
    """0 to 1; 1 for the same letters and digits."""
    first, second = _bare(one), _bare(other)
    if first == second:
        return 1.0
    if first in _ABSENCE and second in _ABSENCE:
        return 0.9
    if bool(_NEGATION.match(one.casefold())) != bool(_NEGATION.match(other.casefold())):
        return 0.0
    if (first in _ABSENCE) != (second in _ABSENCE):
        return 0.0
    shorter = min(len(first), len(second))
    contained = shorter > 3 and (first in second or second in first)  # noqa: PLR2004 - "flu"
    return max(0.8 if contained else 0.0, SequenceMatcher(None, first, second).ratio())


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _no_such(name: str, names: list[str], whose: str) -> RunError:
    near = get_close_matches(name, names, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"It has: {', '.join(names)}."
    return RunError(f"There is no class '{name}' in {whose}.", hint)
