"""DICOM files in a source: this version cannot read them, and says so before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from medxfer.data.listing import Tree, looks_like_picture
from medxfer.data.sniffing import is_dicom
from medxfer.errors import DataError

_SUFFIXES = (".dcm", ".dicom")
_SAMPLE = 8
"""Files without a suffix that are opened to judge all of them."""


def dicom_warning(tree: Tree, files: Sequence[str]) -> tuple[str, ...]:
    """A sentence if some of these files of the tree are DICOM, judged by suffix or first bytes.

    Raises:
        DataError: there is no other picture.
    """
    named = [file for file in files if file.casefold().endswith(_SUFFIXES)]
    bare = [file for file in files if _is_bare(file)]
    judged = [is_dicom(tree.head(file)) for file in bare[:_SAMPLE]]
    count = len(named) + (len(bare) - judged.count(False) if any(judged) else 0)
    if not count:
        return ()
    found = f"{count:,} file looks" if count == 1 else f"{count:,} files look"
    problem = f"{found} like DICOM, which this version cannot read:"
    remedy = f"export {'it' if count == 1 else 'them'} as PNG or TIFF first."
    others = set(files) - set(named)
    if not any(map(looks_like_picture, others)):
        raise DataError(problem, remedy)
    return (f"{problem} {remedy}",)


def _is_bare(file: str) -> bool:
    """Whether a name has no suffix; the numbers of a DICOM UID (1.2.840.10008) are none."""
    suffix = PurePosixPath(file).suffix
    return not suffix or suffix[1:].isdigit()
