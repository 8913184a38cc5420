"""`medxfer data correct` and `corrections`: decisions about single images, recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import click
import pandas as pd

from medxfer.cli.output import Session, command, table
from medxfer.data.corrections import Action, Correction, in_force
from medxfer.data.library import correct as record
from medxfer.data.library import load_corrections, load_manifest
from medxfer.data.manifest import PARTS
from medxfer.errors import ConfigError, DataError

_NAMED = 3


@click.command()
@click.argument("name")
@click.option("--exclude", multiple=True, metavar="IMAGE", help="Use this image for nothing.")
@click.option("--include", multiple=True, metavar="IMAGE", help="Use an excluded image again.")
@click.option(
    "--keep", multiple=True, metavar="IMAGE", help="Note that this image is right as it is."
)
@click.option(
    "--keep-both", multiple=True, nargs=2, metavar="IMAGE IMAGE",
    help="Note that these two, found alike, are right as they are.",
)  # fmt: skip
@click.option(
    "--relabel", multiple=True, nargs=2, metavar="IMAGE CLASS", help="Give this image a class."
)
@click.option(
    "--move", multiple=True, nargs=2, metavar="IMAGE PART",
    help="Move this image's patients to train, val or test.",
)  # fmt: skip
@click.option(
    "--one-side", multiple=True, metavar="IMAGE", help="Put these images' patients into one part."
)
@click.option(
    "--side", type=click.Choice(PARTS), help="Of --one-side; else where most of them are."
)
@click.option(
    "--undo", type=int, metavar="NUMBER", help="Let an earlier correction no longer count."
)
@click.option("--reason", required=True, help="Why; kept with the correction.")
@click.option("--check", default="", help="The check of the audit that led to it.")
@command
def correct(session: Session, name: str, reason: str, check: str, **asked: Any) -> None:
    """Exclude, relabel or move images; each may be named by its id or its file, and repeated."""
    before = load_manifest(session.workspace, name)
    known, given = before.table, {"reason": reason, "check": check}
    new = [Correction.parse({**given, **values}) for values in _wanted(known, asked)]
    if not new:
        raise ConfigError("Nothing was asked for.", "Give --exclude, --relabel, --move or another.")
    info = record(session.workspace, name, *new)
    corrections = load_corrections(session.workspace, name)
    numbers = range(len(corrections) - len(new) + 1, len(corrections) + 1)
    parts = ", ".join(f"{split} {count}" for split, count in info.splits.items())
    same = (info.manifest_hash, info.split_hash) == (before.content_hash, before.split_hash)
    after = "" if same else (
        "\nRuns trained before saw other data: train again before you compare."
    )  # fmt: skip
    session.answer(
        {
            "name": name,
            "corrections": list(numbers),
            "splits": info.splits,
            "manifest_hash": info.manifest_hash,
            "split_hash": info.split_hash,
        },
        f"Recorded as correction {', '.join(map(str, numbers))}. '{name}' has now: {parts}.{after}",
    )


@click.command()
@click.argument("name")
@command
def corrections(session: Session, name: str) -> None:
    """List what was decided about images of a data set, and why."""
    known = load_manifest(session.workspace, name).table
    files = dict(zip(known["image"], known["file"], strict=True))
    made = load_corrections(session.workspace, name)
    rows = [
        {
            "number": number,
            **correction.model_dump(mode="json"),
            "files": [files.get(image, "") for image in correction.images],
            "in_force": counts,
        }
        for number, (correction, counts) in enumerate(
            zip(made, in_force(made), strict=True), start=1
        )
    ]
    shown = {"number": "no.", "time": "when (UTC)", "what": "what", "of": "images",
             "reason": "reason", "check": "check", "state": "counts"}  # fmt: skip
    lines = [row | _words(row) for row in rows]
    session.answer(rows, table(lines, shown) if lines else "No corrections yet.")


def _wanted(known: pd.DataFrame, asked: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """One correction for each thing asked for, as plain values."""
    for action in (Action.EXCLUDE, Action.INCLUDE):
        if images := _ids(known, asked[action]):
            yield {"action": action, "images": images}
    # Two images in one correction are a pair that is kept: each alone has a correction of its own.
    for image in _ids(known, asked[Action.KEEP]):
        yield {"action": Action.KEEP, "images": (image,)}
    for pair in asked["keep_both"]:
        yield {"action": Action.KEEP, "images": _pair(known, pair)}
    for action, field in ((Action.RELABEL, "label"), (Action.MOVE, "split")):
        for value in dict.fromkeys(value for _, value in asked[action]):
            named = [image for image, its in asked[action] if its == value]
            yield {"action": action, "images": _ids(known, named), field: value}
    if images := _ids(known, asked[Action.ONE_SIDE]):
        yield {"action": Action.ONE_SIDE, "images": images, "split": asked["side"]}
    if asked["undo"] is not None:
        yield {"action": Action.UNDO, "undoes": asked["undo"]}


def _ids(known: pd.DataFrame, named: Iterable[str]) -> tuple[str, ...]:
    """The ids of images named by id, file, or a file's name that only one of them has."""
    ids = dict(zip(known["file"], known["image"], strict=True))
    short = known["file"].str.rsplit("/", n=1).str[-1]
    times = Counter(short)
    ids |= {
        file: image for file, image in zip(short, known["image"], strict=True) if times[file] == 1
    } | {image: image for image in known["image"]}
    unknown = [image for image in named if image not in ids]
    if unknown:
        several = times[unknown[0]] > 1
        raise DataError(
            f"There {'are several images' if several else 'is no image'} '{unknown[0]}' in this "
            "data set.",
            "Name images by their id or their file, as 'splits.csv' of the data set lists them.",
        )
    return tuple(dict.fromkeys(ids[image] for image in named))


def _pair(known: pd.DataFrame, named: tuple[str, str]) -> tuple[str, ...]:
    images = _ids(known, named)
    if len(images) < len(named):
        raise ConfigError(
            f"'{named[0]}' and '{named[1]}' are one image, not two.",
            "Name the two images of a pair with --keep-both, a single image with --keep.",
        )
    return images


def _words(row: dict[str, Any]) -> dict[str, str]:
    """A correction as a line for a person."""
    files = row["files"][:_NAMED]
    more = f", … ({len(row['files'])})" if len(row["files"]) > _NAMED else ""
    to = row["label"] or row["split"] or (row["undoes"] and f"number {row['undoes']}") or ""
    return {
        "time": row["time"][:16].replace("T", " "),
        "what": f"{row['action'].replace('_', ' ')} {to}".strip(),
        "of": ", ".join(files) + more,
        "state": "yes" if row["in_force"] else "undone",
    }
