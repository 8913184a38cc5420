"""Asking a network about labels and pictures: the second step of an audit, if a person starts it.

It needs weights and torch, and is kept beside the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import pandas as pd

from medxfer.audit.finding import Finding
from medxfer.audit.keeping import save_doubts
from medxfer.audit.work import Work, Working
from medxfer.data.library import load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.staging import writing
from medxfer.events import Tell
from medxfer.paths import Workspace


class Answer(Protocol):
    """What a network says; the column `row` of both tables is a place in the manifest."""

    @property
    def doubts(self) -> pd.DataFrame:
        """Labels, the most doubtful first; empty if nothing can be said."""

    @property
    def strangers(self) -> pd.DataFrame:
        """Pictures, the strangest first."""

    @property
    def findings(self) -> Sequence[Finding]: ...


Ask = Callable[[Workspace, str, Manifest, str], Working[Answer]]
"""Of the workspace, a data set by name, its manifest and the weights."""


def run_doubts(
    workspace: Workspace,
    name: str,
    weights: str,
    tell: Tell | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    ask: Ask | None = None,
) -> None:
    """Ask a network with these weights about every image, and keep its answer beside the audit.

    `weights` are as `TrainConfig.weights`, or `best`: the best of those on this computer.

    Raises:
        MedxferError: the data set is not there or damaged, or the weights cannot be used.
        Stopped: `should_stop` said so; what was kept before stays.
    """
    manifest = load_manifest(workspace, name)
    work = Work(tell or (lambda *_: None), should_stop)
    asked = (ask or _ask())(workspace, name, manifest, weights)
    answer = work.drive("Asking a network", asked)
    work.check()
    with writing(workspace, name):
        save_doubts(
            workspace.dataset(name),
            manifest,
            weights,
            _named(answer.doubts, manifest),
            _named(answer.strangers, manifest),
            answer.findings,
        )


def _named(table: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """With the id and the file of each image in place of its row."""
    images = manifest.table[["image", "file"]].iloc[table["row"]].reset_index(drop=True)
    return pd.concat([images, table.drop(columns="row").reset_index(drop=True)], axis=1)


def _ask() -> Ask:
    from medxfer.audit.network import ask_network

    return ask_network
