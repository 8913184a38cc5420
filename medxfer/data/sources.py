"""Where images come from: a folder, a table, a MedMNIST file, or a ZIP of any of them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from pathlib import Path

from medxfer.data import archive, medmnist
from medxfer.data.csv_table import read_table
from medxfer.data.folder import read_folder, unwrap, visible
from medxfer.data.listing import Listing, Tree, looks_like_picture, scan
from medxfer.data.options import ImportOptions
from medxfer.data.sniffing import is_dicom
from medxfer.errors import DataError, TableError
from medxfer.paths import typed_path

_TABLES = ("manifest.csv", "labels.csv", "metadata.csv")
_TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
_SAMPLE = 8
_PRESENT = 0.9
"""A table of another name is believed if at least this share of its files is there."""


@dataclass(frozen=True)
class Source:
    """An understood source.

    `root` is the folder of the images as they lie; `arrays` is set instead for a MedMNIST file,
    whose images have yet to be written.
    """

    listing: Listing
    root: Path
    arrays: Path | None = None


def list_source(path: Path, options: ImportOptions) -> Listing:
    """The listing of any source, without unpacking or decoding.

    Raises:
        DataError: as `understand_source`; ArchiveError for an unsafe or damaged ZIP.
    """
    if not is_archive(path):
        return understand_source(path, options).listing
    with archive.opened(path) as opened:
        tree = archive.tree(opened, path.name)
        arrays = _only_arrays(tree)
        if arrays:
            return medmnist.list_arrays(tree.read(arrays), posixpath.basename(arrays))
        return read_tree(tree, options)


def find_source(typed: Path) -> Path:
    """The source a person named, absolute.

    Raises:
        DataError: nothing is there, or it cannot be looked at.
    """
    path = typed_path(typed)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"There is no file or folder {path}.", "Check the path.") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.", "Check the path and your permissions."
        ) from error
    return path


def understand_source(path: Path, options: ImportOptions, name: str = "") -> Source:
    """A folder, a table or a MedMNIST file on disk; messages call a folder `name`, if given.

    Raises:
        DataError: it is nothing medxfer can import.
    """
    if path.is_dir():
        tree = replace(scan(path), name=name or path.name)
        arrays = _only_arrays(tree)
        if arrays:
            return Source(
                medmnist.list_arrays(path / arrays, Path(arrays).name), path, path / arrays
            )
        return Source(read_tree(tree, options, str(path.resolve())), path)
    suffix = path.suffix.casefold()
    if suffix == ".npz":
        return Source(medmnist.list_arrays(path, path.name), path.parent, path)
    if suffix in _TABLE_SUFFIXES:
        folder = path.parent
        tree = scan(folder)
        listing = read_table(tree, path.name, options, str(folder.resolve()))
        return Source(_marked(listing, tree), folder)
    raise DataError(
        f"medxfer cannot import {path.name}.",
        "Give a folder, a CSV table, a ZIP file or a MedMNIST .npz file.",
    )


def is_archive(path: Path) -> bool:
    """Whether the path is a file to be treated as a ZIP, by its name."""
    return path.suffix.casefold() == ".zip" and not path.is_dir()


def read_tree(tree: Tree, options: ImportOptions, absolute: str = "") -> Listing:
    """A tree with a table at its top by that table, any other by its folders.

    Raises:
        DataError: neither says which pictures there are.
    """
    files, _ = visible(tree)
    return _marked(_read_tree(tree, files, options, absolute), tree)


def _marked(listing: Listing, tree: Tree) -> Listing:
    """The listing, told whether its files look like DICOM by the first bytes of a few of them."""
    files = listing.table["file"].tolist()
    sample = files[:: max(1, len(files) // _SAMPLE)][:_SAMPLE]
    return replace(listing, dicom=any(is_dicom(tree.head(file)) for file in sample))


def _read_tree(
    tree: Tree, files: tuple[str, ...], options: ImportOptions, absolute: str
) -> Listing:
    pictures = tuple(filter(looks_like_picture, files))
    prefix = unwrap(pictures or files)
    tops = list(dict.fromkeys(("", prefix)))
    named = [top + name for top in tops for name in _TABLES if top + name in files]
    others = [
        file
        for file in files
        if posixpath.dirname(file) in {top.rstrip("/") for top in tops}
        and file.casefold().endswith(".csv")
        and file not in named
    ]
    for table in [*named, *(others if len(others) == 1 else [])]:
        listing = _try_table(tree, table, options, absolute, sure=table in named)
        if listing is not None:
            return listing
    if options.file_column or options.label_column:
        raise TableError(
            f"{tree.name} has no table with the columns named.",
            "Give the path of the CSV file itself, or leave the columns empty.",
        )
    return read_folder(tree)


def _try_table(
    tree: Tree, table: str, options: ImportOptions, absolute: str, *, sure: bool
) -> Listing | None:
    """The listing by this table; None if it is no table of these images.

    A damaged table is reported only under a name that promises labels; a column that is missing
    means the folders decide, unless the person named columns.
    """
    asked = bool(options.file_column or options.label_column)
    try:
        listing = read_table(tree, table, options, absolute)
    except TableError as error:
        if asked or (sure and " column that could be recognised" not in error.problem):
            raise
        return None
    present = len(listing.table) / max(1, len(listing.table) + len(listing.skipped))
    if not (sure or asked) and present < _PRESENT:
        return None
    return listing


def _only_arrays(tree: Tree) -> str | None:
    """The one `.npz` file of a tree that has no pictures."""
    files, _ = visible(tree)
    arrays = [file for file in files if file.casefold().endswith(".npz")]
    return arrays[0] if len(arrays) == 1 and not any(map(looks_like_picture, files)) else None
