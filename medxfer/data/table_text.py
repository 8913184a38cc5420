"""A CSV file's text to rows, keeping every value exactly as it is written."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass

import pandas as pd

from medxfer.errors import TableError

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_SEP_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?\r?\n', re.IGNORECASE)
"""Excel's first line that names the separator."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class TextTable:
    """Rows of text; `words` says how the file was read, `lines` gives each row's line."""

    rows: pd.DataFrame
    words: str
    warnings: tuple[str, ...] = ()


def read_text_table(data: bytes, name: str) -> TextTable:
    """Read a table strictly: every row has as many fields as the header, all of them text.

    Raises:
        TableError: naming the file and the line that cannot be read.
    """
    text, encoding, warnings = _decode(data, name)
    said = _SEP_LINE.match(text)
    separator = said[1] if said else _separator(text)
    stream = io.StringIO(text[said.end() :] if said else text, newline="")
    before = 1 if said else 0
    reader = csv.reader(stream, delimiter=separator, strict=True)
    rows: list[list[str]] = []
    header: list[str] = []
    try:
        for row in reader:
            if not row:
                continue
            if not header:
                header = _header(row, name)
            elif len(row) != len(header):
                raise TableError(
                    f"In {name}, line {reader.line_num + before} has {len(row)} fields, the "
                    f"header has {len(header)}.",
                    "A comma inside a value needs quotation marks around the value.",
                )
            else:
                rows.append(row)
    except csv.Error as error:
        raise TableError(
            f"{name} cannot be read near line {reader.line_num + before}: {_plainly(error)}.",
            "Mend that line, or save the table again as 'CSV UTF-8'.",
        ) from error
    if not rows:
        state = "has a header but no rows" if header else "is empty"
        raise TableError(f"{name} {state}.", "Add one row for each picture.")
    words = f"{name} ({encoding}, {_SEPARATORS.get(separator, separator)} separated)"
    return TextTable(pd.DataFrame(rows, columns=header, dtype="str"), words, warnings)


def _decode(data: bytes, name: str) -> tuple[str, str, tuple[str, ...]]:
    if data.startswith(_UTF16):
        try:
            return data.decode("utf-16"), "UTF-16", ()
        except UnicodeDecodeError as error:
            raise TableError(
                f"{name} is damaged UTF-16 text.", "Save it as 'CSV UTF-8'."
            ) from error
    if b"\x00" in data:
        raise TableError(
            f"{name} is not a text table: it holds NUL bytes, as a spreadsheet file does.",
            "Save it as 'CSV UTF-8'.",
        )
    try:
        return data.decode("utf-8-sig"), "UTF-8", ()
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        note = f"{name} is not UTF-8 and was read as Windows-1252; look at its accented letters."
        return text, "Windows-1252", (note,)


def _separator(text: str) -> str:
    """The separator that cuts the first line into the most fields."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=lambda mark: _fields(first, mark))


def _fields(line: str, mark: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=mark), []))
    except csv.Error:  # a field beyond the limit; reading the rows says so
        return 0


def _header(row: list[str], name: str) -> list[str]:
    names = [field.strip() or f"column {place}" for place, field in enumerate(row, start=1)]
    twice = sorted({field for field in names if names.count(field) > 1})
    if twice:
        raise TableError(
            f"The header of {name} has the column '{twice[0]}' twice.", "Rename one of them."
        )
    return names


def _plainly(error: csv.Error) -> str:
    if "unexpected end" in str(error):
        return "a quotation mark is opened and never closed"
    if "expected after" in str(error):
        return "text follows a closing quotation mark"
    if "field limit" in str(error):
        return (
            f"a field has more than {csv.field_size_limit():,} characters; perhaps a quotation "
            "mark is missing, or it is no table"
        )
    return str(error)
