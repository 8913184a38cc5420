"""What a report must not hold: names of files and of patients."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PureWindowsPath

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
_WORD = re.compile(r"[\w.+-]+")
_FEWEST_LETTERS = 3


class Discretion:
    """Takes names out of sentences; knows those of one data set."""

    def __init__(self, patients: Iterable[str] = (), files: Iterable[str] = ()) -> None:
        self._patients = {patient.casefold() for patient in patients if patient}
        paths = [PureWindowsPath(file) for file in files]
        self._files = {part.casefold() for path in paths for part in (path.name, path.stem)}
        self._spaced = [path.name for path in paths if " " in path.name]

    def __call__(self, text: str) -> str:
        """The sentence without them.

        A list in brackets that has a patient in it is dropped whole. Elsewhere a patient's id
        that is a plain number is left alone: there it cannot be told from a count.
        """
        text = _BRACKETS.sub(self._without_list, text)
        for name in self._spaced:
            text = text.replace(name, HIDDEN)
        text = _FILE.sub(HIDDEN, text)
        return _MANY.sub("[names withheld]", _WORD.sub(self._without_name, text))

    def _without_list(self, found: re.Match[str]) -> str:
        items = [item.strip(" '\"") for item in _SEPARATORS.split(found[1])]
        named = any(item.casefold() in self._patients for item in items if item)
        return "" if named else found[0]

    def _without_name(self, found: re.Match[str]) -> str:
        word = found[0].rstrip(".")
        telling = len(word) >= _FEWEST_LETTERS and not word.isalpha() and not word.isdigit()
        known = word.casefold() in self._patients or word.casefold() in self._files
        return found[0].replace(word, HIDDEN) if telling and known else found[0]
