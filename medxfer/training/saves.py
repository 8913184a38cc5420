"""Saving where learning stands, so that a run that is cut off at any moment can go on.

Files of tensors are written first, each beside and renamed, then `state.json`, which names them
with their SHA-256, then `best.json`; what neither names any more goes last. So at every moment
both name whole files. The stages that have not learned yet are written once a phase.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from medxfer.config import Settings, Stage, TrainConfig
from medxfer.errors import WeightsError
from medxfer.files import sha256_of, write_text
from medxfer.models import checkpoint
from medxfer.models.resnet import stage_of
from medxfer.training.plan import plan
from medxfer.training.state import Standing, State, Tensors

SCHEMA = 1

_TIMES_A_SAVE = 4
"""A save is put off until this many times its duration have passed: a fifth of the time."""
_NETWORK, _OPTIMISER, _DRAWN = "network ", "optimiser ", "drawn "
_REMEDY = "Put its folder of checkpoints back from a copy and press Continue, or train again."


class Named(Settings):
    """A file beside the record, and what its bytes were."""

    file: str
    sha256: str


class StateRecord(Settings):
    """What `state.json` holds; `seal` is the SHA-256 of the rest."""

    schema_version: Annotated[int, Field(le=SCHEMA)] = SCHEMA
    standing: Standing
    last: Named
    """What has learned, the optimiser, torch's random numbers."""
    frozen: Named | None
    """The stages that have not learned yet; None if all have."""
    best: checkpoint.Record | None
    seal: str = ""

    def sealed(self) -> StateRecord:
        """The record with the seal that belongs to it."""
        return self.model_copy(update={"seal": hashlib.sha256(self._told()).hexdigest()})

    @property
    def whole(self) -> bool:
        return self.seal == hashlib.sha256(self._told()).hexdigest()

    def _told(self) -> bytes:
        return self.model_dump_json(exclude={"seal"}).encode()


class Saves:
    """The saved states of one run, whose lock the caller holds.

    Saving takes no more than about a fifth of the time: epochs shorter than a save share one. So
    what is repeated after a kill is one epoch at most, or four times the duration of a save.
    """

    def __init__(
        self, folder: Path, events: Path, config: TrainConfig, classes: tuple[str, ...]
    ) -> None:
        """`events` is the file of what was told; it reaches the disk before a state does."""
        self._folder, self._events = folder, events
        self._config, self._classes = config, classes
        self._frozen: tuple[int, Named] | None = None
        self._best: checkpoint.Record | None = None
        self._next = 0.0
        self.epoch = 0
        """The last epoch that is not lost, whatever happens; 0: none."""
        self.needed = 0
        """Bytes of the latest file of tensors, written or not."""

    @property
    def due(self) -> bool:
        """Whether it is time to save again."""
        return time.monotonic() >= self._next

    def keep(self, state: State) -> None:
        """Save a state, and make its best epoch the one of the run.

        Raises:
            WeightsError: a number is not finite; what was saved before stays.
            OSError: the disk is full or refuses; what was saved before stays.
        """
        begin = time.monotonic()
        self._flush_events()
        now = state.standing
        if state.best is not None and now.best_epoch is not None:
            self._write_best(now.best_epoch, state.best)
        learned = {stage for phase in plan(self._config)[: now.phase + 1] for stage in phase.stages}
        frozen = self._write_frozen(state.network, learned, now)
        moving = {
            _NETWORK + name: value
            for name, value in state.network.items()
            if stage_of(name) in learned
        }
        last = self._write(
            f"last-{now.epoch:04d}.safetensors",
            moving | _under(_OPTIMISER, state.optimiser) | _under(_DRAWN, state.drawn),
            now.epoch,
        )
        record = StateRecord(standing=now, last=last, frozen=frozen, best=self._best).sealed()
        write_text(self._folder / checkpoint.STATE, record.model_dump_json() + "\n")
        self.epoch = now.epoch
        if self._best is not None:
            checkpoint.write_record(self._folder, self._best)
        checkpoint.prune(self._folder)
        end = time.monotonic()
        self._next = end + _TIMES_A_SAVE * (end - begin)

    def keep_best(self, epoch: int, weights: Tensors) -> None:
        """Make this network the one of the run; errors as `keep`."""
        if self._best is None or self._best.epoch != epoch:
            self._write_best(epoch, weights)
            assert self._best is not None  # noqa: S101
        checkpoint.write_record(self._folder, self._best)
        checkpoint.prune(self._folder)

    def load(self, owner: str) -> State | None:
        """The saved state; None if there is none. `owner` names the run in messages.

        Raises:
            WeightsError: it is damaged, or was saved by a newer version.
        """
        record = self._record(owner)
        if record is None:
            return None
        kept = self._read(record.last, owner)
        network = _of(_NETWORK, kept)
        if record.frozen is not None:
            network |= self._read(record.frozen, owner)
            self._frozen = (record.standing.phase, record.frozen)
        best = None
        if record.best is not None:
            best = self._read(Named(file=record.best.file, sha256=record.best.sha256), owner)
        self._best, self.epoch = record.best, record.standing.epoch
        return State(record.standing, network, _of(_OPTIMISER, kept), _of(_DRAWN, kept), best)

    def begin(self) -> None:
        """Leave in the folder what the loaded state names and nothing else, before going on.

        A later best epoch, which is learned again, must not be written over its old file while a
        record names that.
        """
        if self._best is None:
            (self._folder / checkpoint.BEST).unlink(missing_ok=True)
        else:
            checkpoint.write_record(self._folder, self._best)
        checkpoint.prune(self._folder)

    def _write_best(self, epoch: int, weights: Tensors) -> None:
        if self._best is not None and self._best.epoch == epoch:
            return
        named = self._write(checkpoint.weights_file(epoch), weights, epoch)
        self._best = checkpoint.Record(
            file=named.file, sha256=named.sha256, depth=self._config.depth, epoch=epoch,
            head=self._config.head, classes=self._classes,
        )  # fmt: skip

    def _write_frozen(
        self, network: Tensors, learned: Iterable[Stage], now: Standing
    ) -> Named | None:
        frozen = {name: value for name, value in network.items() if stage_of(name) not in learned}
        if not frozen:
            return None
        if self._frozen is None or self._frozen[0] != now.phase:
            named = self._write(f"frozen-{now.phase:02d}.safetensors", frozen, now.epoch)
            self._frozen = (now.phase, named)
        return self._frozen[1]

    def _write(self, file: str, tensors: Tensors, epoch: int) -> Named:
        self.needed = sum(value.nbytes for value in tensors.values())
        written = checkpoint.write_weights(self._folder / file, tensors, epoch)
        return Named(file=file, sha256=sha256_of(written))

    def _flush_events(self) -> None:
        if self._events.exists():
            with self._events.open("rb") as file:
                os.fsync(file.fileno())

    def _record(self, owner: str) -> StateRecord | None:
        try:
            content = (self._folder / checkpoint.STATE).read_bytes()
        except FileNotFoundError:
            return None
        try:
            schema = json.loads(content)["schema_version"]
            if isinstance(schema, int) and schema > SCHEMA:
                raise WeightsError(
                    f"The state of {owner} was saved by a newer version of medxfer (schema "
                    f"{schema}, this one knows {SCHEMA}), and it cannot go on here.",
                    "Continue with that version.",
                )
            record = StateRecord.model_validate_json(content)
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise _damaged(owner, checkpoint.STATE) from error
        if not record.whole:
            raise _damaged(owner, checkpoint.STATE)
        return record

    def _read(self, named: Named, owner: str) -> Tensors:
        path = self._folder / named.file
        if not path.is_file() or sha256_of(path) != named.sha256:
            raise _damaged(owner, named.file)
        try:
            return load_file(path)
        except SafetensorError as error:
            raise _damaged(owner, named.file) from error


def discard(folder: Path) -> None:
    """Remove the state of a run that has nothing left to learn; its best epoch stays."""
    (folder / checkpoint.STATE).unlink(missing_ok=True)
    checkpoint.prune(folder)


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {prefix + name: value for name, value in tensors.items()}


def _of(prefix: str, tensors: Tensors) -> Tensors:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _damaged(owner: str, file: str) -> WeightsError:
    return WeightsError(
        f"The saved state of {owner} is damaged: {file} is gone or not what was written. The run "
        "did not go on, and nothing was removed.",
        _REMEDY,
    )
