"""Asking a network which labels look wrong: the second step of an audit, if a person starts it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pandas as pd

from medxfer.audit.finding import Finding
from medxfer.audit.keeping import save_doubts
from medxfer.audit.work import Tell, Work, Working
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.staging import writing
from medxfer.paths import Workspace


class Doubts(Protocol):
    """What is doubtful about the labels.

    `table` is None if nothing can be said; its column `row` is a place in the manifest.
    """

    @property
    def table(self) -> pd.DataFrame | None: ...

    def finding(self) -> Finding | None: ...


Ask = Callable[[Workspace, Manifest, str], Working[Doubts]]
"""From the weights of a network, by name, to its doubts."""
_COLUMNS = ("image", "file", "label", "suggested", "doubt", "rank")


def run_doubts(
    workspace: Workspace,
    name: str,
    weights: str,
    tell: Tell | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    ask: Ask | None = None,
) -> None:
    """Ask a network with these weights about every label, and keep its answer beside the audit.

    Raises:
        MedxferError: the data set is not there or damaged, or the weights cannot be used.
        Stopped: `should_stop` said so; what was kept before stays.
    """
    manifest = load_manifest(workspace, name)
    work = Work(tell or (lambda *_: None), should_stop)
    doubts = work.drive(
        "Asking a network about labels", (ask or _ask())(workspace, manifest, weights)
    )
    table = _named(doubts.table, manifest)
    finding = doubts.finding()
    work.check()
    with writing(workspace, name):
        found = [finding] if finding else []
        save_doubts(workspace.dataset(name), manifest, weights, table, found)


def _named(table: pd.DataFrame | None, manifest: Manifest) -> pd.DataFrame:
    """With the id and the file of each image, which is given by its row."""
    if table is None:
        return pd.DataFrame(columns=list(_COLUMNS))
    images = manifest.table[["image", "file"]].iloc[table["row"]].reset_index(drop=True)
    return pd.concat([images, table.drop(columns="row").reset_index(drop=True)], axis=1)


def _ask() -> Ask:
    from medxfer.audit.doubts import label_doubts  # needs torch

    return label_doubts
