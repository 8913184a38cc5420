"""A CSV table that names files, labels and perhaps patients and splits."""

from __future__ import annotations

import posixpath

import pandas as pd

from medxfer.data.columns import Columns, find_columns
from medxfer.data.listing import (
    Listing,
    SkippedFile,
    Tree,
    is_ignored,
    looks_like_picture,
    split_of,
)
from medxfer.data.locating import Locator
from medxfer.data.manifest import COLUMNS, OWN, Split
from medxfer.data.marks import MASK
from medxfer.data.options import ImportOptions
from medxfer.data.table_text import TextTable, read_text_table
from medxfer.errors import TableError


def read_table(tree: Tree, table_file: str, options: ImportOptions, absolute: str = "") -> Listing:
    """Understand the table `table_file` of a tree; paths in it start at its own folder.

    `absolute` is where the tree lies on disk, for tables with absolute paths. Rows whose file is
    missing, listed twice, labelled twice or outside the folder are skipped, each with a reason.

    Raises:
        TableError: the table cannot be read or lacks a file or label column.
    """
    read = read_text_table(tree.read(table_file), posixpath.basename(table_file))
    columns = _columns(read, options, table_file)
    rows = read.rows
    locator = Locator(tree, posixpath.dirname(table_file), absolute)
    written = rows[columns.file]
    located = {entry: locator.find(entry) for entry in written.unique()}
    splits, split_notes = _splits(rows, columns, options)
    table = pd.DataFrame(
        {
            "file": written.map({entry: place.file for entry, place in located.items()}),
            "label": rows[columns.label],
            "patient": rows[columns.patient].str.strip() if columns.patient else "",
            "split": splits,
        }
    )
    others = [name for name in rows.columns if name not in columns.used]
    table = table.join(rows[others].rename(columns=_free_names(others)))
    table, mask_notes = _with_masks(table, locator)
    reasons = _reasons(table, written.map({entry: at.reason for entry, at in located.items()}))
    skipped = [SkippedFile(*pair) for pair in zip(written, reasons, strict=True) if pair[1]]
    kept = table[reasons == ""].reset_index(drop=True)
    return Listing(
        "csv",
        _layout(read, columns),
        kept,
        tuple(skipped),
        (*read.warnings, *split_notes, *mask_notes, *_unlisted(tree, table)),
        tuple(rows.columns),
        columns.patient,
    )


def _columns(read: TextTable, options: ImportOptions, table_file: str) -> Columns:
    wanted = {
        "file": options.file_column,
        "label": options.label_column,
        "patient": options.patient_column,
        "split": options.split_column,
    }
    return find_columns(tuple(read.rows.columns), wanted, posixpath.basename(table_file))


def _layout(read: TextTable, columns: Columns) -> str:
    parts = [f"files in '{columns.file}'", f"labels in '{columns.label}'"]
    parts += [f"patients in '{columns.patient}'"] if columns.patient else []
    parts += [f"splits in '{columns.split}'"] if columns.split else []
    return f"the table {read.words}: {', '.join(parts)}"


def _splits(
    rows: pd.DataFrame, columns: Columns, options: ImportOptions
) -> tuple[pd.Series[str], tuple[str, ...]]:
    """The split each row names, and notes; "" throughout if a guessed column means another thing.

    Raises:
        TableError: the column the person chose names something that is no split.
    """
    nothing = pd.Series("", index=rows.index, dtype="str")
    if columns.split is None:
        return nothing, ()
    named = rows[columns.split]
    meaning = {name: split_of(name) for name in named.unique()}
    strange = [name for name, split in meaning.items() if split is None and name.strip()]
    if strange and options.split_column:
        raise TableError(
            f"The column '{columns.split}' holds '{strange[0]}', not train, val or test.",
            "Choose another split column, or none.",
        )
    if strange:
        return nothing, (f"The column '{columns.split}' names no splits and was not used as such.",)
    blank = int((named.str.strip() == "").sum())
    if blank == len(named):
        return nothing, ()
    splits = named.map({name: str(split or Split.TRAIN) for name, split in meaning.items()})
    note = f"{blank} rows of '{columns.split}' are empty; their images went to train."
    return splits, (note,) if blank else ()


def _reasons(table: pd.DataFrame, missing: pd.Series[str]) -> pd.Series[str]:
    """Why each row is skipped, "" if it is not."""
    reasons = missing.copy()
    usable = reasons == ""
    reasons[usable & (table["label"].str.strip() == "")] = "The table gives it no label."
    usable = reasons == ""
    labels = table[usable].groupby("file")["label"].nunique()
    torn = table["file"].isin(labels.index[labels > 1])
    reasons[usable & torn] = "The table lists it with different labels."
    again = usable & ~torn & table["file"].where(usable).duplicated()
    reasons[again] = "The table lists it twice; the first row is used."
    return reasons


def _with_masks(table: pd.DataFrame, locator: Locator) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table with paths of masks as those of pictures are, and a warning about missing ones.

    An entry that names no picture, such as "yes", stays as it is; one that is not there, or is
    the image itself, is emptied.
    """
    if MASK not in table.columns:
        return table, ()
    written = table[MASK].str.strip()
    named = written.map(looks_like_picture)
    found = written.map({entry: locator.find(entry).file for entry in written[named].unique()})
    lost = named & ((found == "") | (found == table["file"]))
    masks = written.where(~named, found).mask(lost, "")
    notes = [
        f"Masks that the table names and that are not there: {int(lost.sum()):,}, such as "
        f"{written[lost].iloc[0]}. These images count as without a mask."
    ] if lost.any() else []  # fmt: skip
    return table.assign(**{MASK: masks}), tuple(notes)


def _unlisted(tree: Tree, table: pd.DataFrame) -> tuple[str, ...]:
    """A warning if folders the table uses hold pictures that it does not list."""
    listed = set(table["file"])
    known = listed | set(table.get(MASK, ()))
    folders = {posixpath.dirname(file) for file in listed if file}
    extra = [
        file
        for file in tree.files
        if file not in known
        and posixpath.dirname(file) in folders
        and looks_like_picture(file)
        and not is_ignored(posixpath.basename(file))
    ]
    if not extra:
        return ()
    return (f"{len(extra):,} pictures beside the listed ones are not in the table: {extra[0]} …",)


def _free_names(columns: list[str]) -> dict[str, str]:
    """New names for columns that would take the place of one that medxfer writes itself."""
    taken = {*columns, *COLUMNS, *OWN}
    free: dict[str, str] = {}
    for column in columns:
        if column in (*COLUMNS, *OWN):
            name = f"given {column}"
            while name in taken:
                name = f"given {name}"
            free[column] = name
            taken.add(name)
    return free
