"""What a report must not hold: names of files and of patients."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

HIDDEN = "[name withheld]"
_MANY = re.compile(rf"{re.escape(HIDDEN)}(?:(?:, | and ){re.escape(HIDDEN)})+")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_SUFFIXES = (
    "png|jpe?g|jpe|tiff?|bmp|dcm|dicom|gif|nii|gz|npz|npy|zip|csv|tsv|xlsx?|pth|pt|safetensors"
)
_FILE = re.compile(
    r"(?<![\w.])(?:[A-Za-z]:|~)?[\\/]\w(?:[\w.()~ +-]*[\\/])*[\w.()~+-]*"  # absolute
    rf"|(?<![\w.])(?:[\w.()~+-]*[\\/])*[\w()~.+-]+\.(?:{_SUFFIXES})\b",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[,;]|\band\b|…")
_WORD = re.compile(r"[^\W_]+")
_EDGES = re.compile(r"^[\W_]+|(?:[^\w)\]}]|_)+$")
"""Of a name: it is looked for from its first letter to its last, or to a bracket behind it."""
_COUNT = re.compile(r"(?!0\d)\d{1,4}(\.\d+)?")
"""A name that is a plain number; longer ones, or with a leading zero, are no counts."""
_PERSON_PARTS = re.compile(r"[^\W\d]{3,}")
_SHORT = 3
"""Letters up to which a name is a name only as it is written: IN is a patient, in is not."""
_PATIENT_WORDS = ("patient", "patients", "id", "ids")


class Discretion:
    """Takes names out of sentences; knows those of one data set."""

    def __init__(
        self,
        patients: Iterable[str] = (),
        files: Iterable[str] = (),
        words: Iterable[str] = (),
    ) -> None:
        """`words` stay although a patient or a file is called so: the names of classes."""
        self._stay = {word.casefold() for word in words}
        self._listed: set[str] = set()
        """Patients in lower case, numbers and single letters too: what a list may hold."""
        self._numbers: set[str] = set()
        """Patients that only the word before them tells from a count."""
        self._written: set[str] = set()
        """Names that are looked for as they are written here."""
        self._any: set[str] = set()
        """Names in lower case, looked for in any case."""
        self._lengths = {1}
        """How many words names have."""
        for patient in patients:
            self._learn_patient(_EDGES.sub("", patient))
        for file in files:
            self._learn_file(file.replace("\\", "/"))

    def __call__(self, text: str) -> str:
        """The sentence without them.

        A list in brackets that has a name in it is dropped whole. Elsewhere a patient's id that is
        a short plain number is only hidden behind the word patient: else it cannot be told from
        a count. Names of one letter stay, too.
        """
        hidden = _BRACKETS.sub(self._without_list, _replaced(text, self._found(text)))
        return _MANY.sub("[names withheld]", hidden)

    def _learn_patient(self, name: str) -> None:
        if not name or name.casefold() in self._stay:
            return
        self._listed.add(name.casefold())
        if _COUNT.fullmatch(name):
            self._numbers.add(name)
            return
        self._learn(name)
        # Of "Anderson, Mary" or "ANDERSON^MARY" somebody may write as Anderson.
        for part in _PERSON_PARTS.findall(name) if re.search("[,^]", name) else ():
            for spelt in {part, part.capitalize(), part.upper()}:
                self._learn(spelt, as_written=True)

    def _learn_file(self, path: str) -> None:
        """By its path, its name, and its name without the ending."""
        name = path.rpartition("/")[2]
        for known in {_EDGES.sub("", known) for known in (path, name, name.rpartition(".")[0])}:
            # The "scan" of scan.png is a word, the "Anderson" of Anderson.png is none.
            if known.isalpha():
                if known[0].isupper():
                    self._learn(known, as_written=True)
            elif not _COUNT.fullmatch(known):
                self._learn(known)

    def _learn(self, name: str, *, as_written: bool = False) -> None:
        name = name.replace("\\", "/")
        if len(name) <= 1 or name.casefold() in self._stay:
            return
        if as_written or len(name) <= _SHORT:
            self._written.add(name)
        else:
            self._any.add(name.casefold())
        self._lengths.add(len(_WORD.findall(name)))

    def _found(self, text: str) -> Iterator[tuple[int, int]]:
        """Where names of files and patients begin and end; they may overlap."""
        yield from (found.span() for found in _FILE.finditer(text))
        text = text.replace("\\", "/")
        words = [found.span() for found in _WORD.finditer(text)]
        before = ""
        for first, (start, end) in enumerate(words):
            if before in _PATIENT_WORDS and text[start:end] in self._numbers:
                yield start, end
            before = text[start:end].casefold()
            for length in self._lengths:
                if first + length > len(words):
                    continue
                last = words[first + length - 1][1]
                for stop in (last, last + 1):
                    if self._is_name(text[start:stop]):
                        yield start, stop

    def _is_name(self, text: str) -> bool:
        return text in self._written or text.casefold() in self._any

    def _without_list(self, found: re.Match[str]) -> str:
        items = [item.strip(" '\"") for item in _SEPARATORS.split(found[1])]
        named = any(item == HIDDEN or item.casefold() in self._listed for item in items if item)
        return "" if named else found[0]


def _replaced(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with `HIDDEN` in place of these spans, once where they touch."""
    told, at = "", 0
    for start, end in sorted(spans):
        if start > at or not told:
            told += text[at:start] + HIDDEN
        at = max(at, end)
    return told + text[at:]
