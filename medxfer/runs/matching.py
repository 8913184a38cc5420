"""Which class of another data set is which class of ours: suggested by name, settled by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches

from medxfer.errors import RunError
from medxfer.evaluation.positive import positive_class

Matching = Mapping[str, str | None]
"""Their class: ours, or None where we have none for it."""

_ALIKE = 0.8
"""Likeness from which a class is suggested."""
_TIE = 0.05
"""Two suggestions this close are none: a person must look."""
_SPELLING = 0.85
"""Ratio of Ratcliff and Obershelp from which two names are taken for spellings of one; carcinoma
and sarcoma have 0.75."""
_SIGNS = {"+": " positive", "-": " negative", "−": " negative"}
"""What a sign behind a name stands for: ER+, ER-."""
_ABSENCE = frozenset(
    {"normal", "normals", "negative", "negatives", "neg", "healthy", "control", "controls", "none",
     "no", "non", "not", "without", "absent", "absence", "free", "clear"}
)  # fmt: skip
"""Words that say no more than that something is absent."""
_RUN_TOGETHER = frozenset({"nofinding", "nofindings", "nodisease", "notumor", "notumour"})
_ANY = frozenset({"finding", "findings", "disease", "diseases", "abnormality", "abnormalities"})
"""Words for whatever might be found: "no finding" is absence of all."""
_FILLING = frozenset(
    {"positive", "positives", "pos", "present", "with", "of", "the", "case", "cases", "patient",
     "patients", "image", "images", "class"}
)  # fmt: skip
_ROMAN = frozenset({"ii", "iii", "iv", "vi"})
_OPPOSING = ("a", "an", "ab", "un", "non", "no", "not", "in", "im", "dis", "anti", "fe", "without")
"""What, put before a word, makes it another or its opposite: typical, atypical; male, female."""


@dataclass(frozen=True)
class _Name:
    """A class name taken apart: what it is about, and whether it says that this is absent."""

    bare: str
    """Its letters and digits in lower case."""
    words: tuple[str, ...]
    """What it is about, without words that only affirm or deny; () for plain absence."""
    numbers: tuple[str, ...]
    """Digits, Roman numbers and single letters: grade 2, stage II, hepatitis B."""
    negative: bool
    denies: bool
    """Whether a word of it says that something is absent, which "benign" does not."""


def equal(theirs: Iterable[str], ours: Iterable[str]) -> dict[str, str | None]:
    """The class of ours with the same name but for case, where there is exactly one."""
    ours = list(ours)
    found = {name: [mine for mine in ours if _same(name, mine)] for name in theirs}
    return {name: same[0] if len(same) == 1 else None for name, same in found.items()}


def suggest(theirs: Iterable[str], ours: Iterable[str]) -> dict[str, str | None]:
    """The likely class of ours for each of theirs: equal but for case and signs, else similar.

    Each of ours is given to one of theirs at most. A name and its negation ("tumor", "tumor
    absent") are never taken for each other, and where two are equally likely none is suggested; a
    person decides in the end.
    """
    theirs, ours = list(theirs), list(ours)
    scores = {(name, mine): _likeness(name, mine) for name in theirs for mine in ours}
    found: dict[str, str | None] = dict.fromkeys(theirs)
    names, taken = set[str](), set[str]()
    for (name, mine), score in sorted(scores.items(), key=lambda item: -item[1]):
        if score < _ALIKE:
            break
        if name in names or mine in taken:
            continue
        rivals = [
            (other, our)
            for (other, our), close in scores.items()
            if (other == name) != (our == mine)
            and other not in names
            and our not in taken
            and close > score - _TIE
        ]
        names |= {name, *(other for other, _ in rivals)}
        taken |= {mine, *(our for _, our in rivals)}
        if not rivals:
            found[name] = mine
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


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _likeness(one: str, other: str) -> float:
    """0 to 1, and 2 for equal names, which nothing comes near."""
    if _same(one, other):
        return 2.0
    first, second = _taken_apart(one), _taken_apart(other)
    if first.negative != second.negative:
        return 0.0
    if first.numbers and second.numbers and first.numbers != second.numbers:
        return 0.0
    if first.bare == second.bare:
        return 1.0
    if first.denies and second.denies and not (first.words and second.words):
        return 0.9 if first.words == second.words else 0.8  # "no tumor" and "normal"
    if not first.words or not second.words:
        return 0.0
    return _alike(first.words, second.words)


def _alike(first: tuple[str, ...], second: tuple[str, ...]) -> float:
    """How much two names are about the same."""
    if first == second:
        return 0.95
    one, two = set(first), set(second)
    if any(_opposed(word, other) for word in one - two for other in two - one):
        return 0.0
    ratio = SequenceMatcher(None, "".join(first), "".join(second)).ratio()
    if ratio >= _SPELLING:
        return min(ratio, 0.95)
    return 0.8 if one <= two or two <= one else 0.0  # "glioma" and "glioma tumor"


def _opposed(word: str, other: str) -> bool:
    """Whether one differs from the other by a syllable that turns it round."""
    shorter, longer = sorted((word, other), key=len)
    turned = longer.endswith(shorter) and longer.removesuffix(shorter) in _OPPOSING
    return turned or word.replace("hyper", "hypo") == other.replace("hyper", "hypo")


def _taken_apart(name: str) -> _Name:
    text = name.strip()
    for sign, word in _SIGNS.items():
        text = text[:-1] + word if text.endswith(sign) else text
    text = re.sub(r"(?<=[a-zß-ÿ])(?=[A-Z])", " ", text)  # CovidNegative
    every = re.findall(r"[^\W\d_]+|\d+", text.casefold())
    joined = " ".join(every)
    words = [word for word in every if word not in _FILLING]
    about = [word for word in words if word not in _ABSENCE]
    denies = len(about) < len(words) or joined in _RUN_TOGETHER
    if joined in _RUN_TOGETHER or (denies and set(about) <= _ANY):
        about = []
    return _Name(
        bare="".join(every),
        words=tuple(about),
        numbers=tuple(word for word in every if len(word) == 1 or word.isdigit() or word in _ROMAN),
        # Of two classes where only this one may sound like absence, is it the other that is sought?
        negative=positive_class(("something", joined)) == 0,
        denies=denies,
    )


def _no_such(name: str, names: list[str], whose: str) -> RunError:
    near = get_close_matches(name, names, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"It has: {', '.join(names)}."
    return RunError(f"There is no class '{name}' in {whose}.", hint)
