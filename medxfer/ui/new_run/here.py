"""What this computer offers a run; its speed is measured once a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import streamlit as st
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from medxfer.cache.room import CacheRoom
from medxfer.config import TrainConfig
from medxfer.errors import MedxferError
from medxfer.files import write_text
from medxfer.machine import Machine, choose
from medxfer.models.cost import Throughput
from medxfer.models.speed import measure
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs

_MEASURING = "Measuring how fast this computer is …"
_VALID = timedelta(days=1)
_WHILE_TRAINING = timedelta(minutes=10)


@dataclass(frozen=True)
class Here:
    """What a run may count on: what computes, how fast, and room for what is computed once."""

    machine: Machine
    speed: Throughput
    disk: int
    """Bytes that may be kept on the disk."""
    memory: int
    """Bytes up to which what is kept is held in memory as well."""


class _Measured(BaseModel):
    """A speed in multiply-adds a second, and when it was measured."""

    forward: float
    training: float
    at: AwareDatetime

    @property
    def fresh(self) -> bool:
        return timedelta(0) <= datetime.now(UTC) - self.at < _VALID


_SPEEDS = TypeAdapter(dict[str, _Measured])


def here(place: Workspace, config: TrainConfig) -> Here | None:
    """What this computer offers a run with these settings; None if it lacks the device.

    Raises:
        ConfigError: the size of the cache was set to something that is none.
    """
    try:
        machine = choose(config)
    except MedxferError:
        return None
    speed = _speed(place, machine)
    return Here(machine, speed, CacheRoom(place.cache).spare(), machine.memory_to_keep())


def _speed(place: Workspace, machine: Machine) -> Throughput:
    """How fast the machine is, measured once a day and kept in the workspace.

    Never measured for long beside a run: that is not the computer's speed, so the last figure
    goes on, or one for the moment.
    """
    kind, file = f"{machine.name}, {machine.dtype}", place.cache / "speed.json"
    speeds = _read(file)
    known = speeds.get(kind)
    if known is None or not known.fresh:
        if any(not run.state.ended for run in list_runs(place)):
            known = known or _for_the_moment(kind, machine)
        else:
            with st.spinner(_MEASURING):
                known = _measured(machine)
            write_text(file, _SPEEDS.dump_json(speeds | {kind: known}, indent=2).decode())
    return Throughput(known.forward, known.training)


# Data, not a file: it ends with the app, and soon.
@st.cache_data(ttl=_WHILE_TRAINING, max_entries=4, show_spinner=_MEASURING)
def _for_the_moment(kind: str, _machine: Machine) -> _Measured:
    return _measured(_machine)


def _measured(machine: Machine) -> _Measured:
    speed = measure(machine.device, machine.dtype)
    return _Measured(forward=speed.forward, training=speed.training, at=datetime.now(UTC))


def _read(file: Path) -> dict[str, _Measured]:
    try:
        return _SPEEDS.validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return {}
