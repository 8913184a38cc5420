"""Other names for things of an archive, and in the files that name them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from medxfer.archiving.catalogue import DATASETS, RUNS, WEIGHTS, Thing
from medxfer.data.info import read_info, write_info
from medxfer.errors import DataError
from medxfer.paths import DatasetPaths, RunPaths

_RUN = "run:"
"""What weights of a run begin with, as in `models.weights.load`, which imports torch."""
_LONGEST = 70
"""Characters of a name that are kept before the number behind it."""


def free_name(thing: Thing, taken: Callable[[str], bool]) -> str:
    """The name with the first number behind it that is not taken: "chest (2)", "run-2"."""
    path = PurePosixPath(thing.name)
    stem, suffix = (path.stem, path.suffix) if thing.kind == WEIGHTS else (thing.name, "")
    pattern = "{}-{}{}" if thing.kind == RUNS else "{} ({}){}"
    names = (pattern.format(stem[:_LONGEST].rstrip(), number, suffix) for number in count(2))
    return next(name for name in names if not taken(name))


def rename_dataset(root: Path, name: str) -> None:
    """Tell a data set its new name; a damaged one stays as it is."""
    paths = DatasetPaths(root)
    try:
        info = read_info(paths)
    except DataError:
        return
    options = info.options.model_copy(update={"name": name})
    write_info(paths, replace(info, name=name, options=options))


def rename_within_run(root: Path, names: Mapping[Thing, str]) -> None:
    """Write the new names of data sets and runs wherever the files of a run mention the old."""
    paths = RunPaths(root)
    for data in [thing for thing in names if thing.kind == DATASETS]:
        for path in paths.external.glob(f"{data.name}.*"):
            if path.name.removeprefix(f"{data.name}.").count(".") == 1:
                path.rename(path.with_name(names[data] + path.name.removeprefix(data.name)))
    for path in (paths.config, *paths.external.glob("*.json")):
        _rewrite(path, names, by_line=False)
    _rewrite(paths.decisions, names, by_line=True)


def _rewrite(path: Path, names: Mapping[Thing, str], *, by_line: bool) -> None:
    """Mend a JSON file, or one of a JSON object a line; what is no JSON is left as it is."""
    try:
        text = path.read_text("utf-8")
        values = [json.loads(line) for line in (text.splitlines() if by_line else [text])]
    except (OSError, ValueError):
        return
    mended = [_mended(value, names) for value in values]
    if mended == values:
        return
    indent = None if by_line else 2
    lines = [json.dumps(value, indent=indent, ensure_ascii=False) + "\n" for value in mended]
    path.write_text("".join(lines), "utf-8")


def _mended(value: Any, names: Mapping[Thing, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {inner: _mended(below, names, inner) for inner, below in value.items()}
    if isinstance(value, list):
        return [_mended(below, names) for below in value]
    if not isinstance(value, str):
        return value
    if key == "data":
        return names.get(Thing(DATASETS, value), value)
    if key == "run":
        return names.get(Thing(RUNS, value), value)
    if key == "weights" and value.startswith(_RUN):
        run = value.removeprefix(_RUN)
        return _RUN + names.get(Thing(RUNS, run), run)
    return value
