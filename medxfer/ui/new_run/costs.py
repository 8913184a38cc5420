"""What each network costs and how fast this computer is: counted once, measured once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import streamlit as st
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from medxfer.config import Depth, HeadConfig, TrainConfig
from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError
from medxfer.files import write_text
from medxfer.machine import Machine, choose
from medxfer.models.cost import Cost, Estimate, Throughput, all_costs, estimate
from medxfer.models.speed import measure
from medxfer.paths import Workspace
from medxfer.runs.store import list_runs
from medxfer.training.plan import plan

Costs = dict[Depth, Cost]
_MEASURING = "Measuring how fast this computer is …"
PROGRAM_BYTES = 800_000_000
"""What a worker on a CPU takes for itself beside the network: Python, torch, pandas and the
readers. Measured with torch 2.15: 869 MB resident after building a ResNet-18 of 47 MB."""
_VALID = timedelta(days=1)
_WHILE_TRAINING = timedelta(minutes=10)


class _Measured(BaseModel):
    """A speed in multiply-adds a second, and when it was measured."""

    forward: float
    training: float
    at: AwareDatetime

    @property
    def fresh(self) -> bool:
        return timedelta(0) <= datetime.now(UTC) - self.at < _VALID


_SPEEDS = TypeAdapter(dict[str, _Measured])


def costs(head: HeadConfig, classes: int) -> Costs:
    """The cost of every depth with this head."""
    return _costs(head.model_dump_json(), classes)


# Counting takes about a second and the answer never changes.
@st.cache_resource(max_entries=16, show_spinner="Counting layers and parameters …")
def _costs(head: str, classes: int) -> Costs:
    counted = all_costs(classes, HeadConfig.model_validate_json(head))
    return {cost.depth: cost for cost in counted}


def needs(cost: Cost, config: TrainConfig, info: DatasetInfo, speed: Throughput) -> Estimate:
    """Seconds and bytes of a whole run: the phases' times added, the largest memory.

    On a CPU the memory is the whole process; on a GPU only what lies there.
    """
    parts = [
        estimate(
            cost,
            phase.stages,
            info.splits.get(Split.TRAIN, 0),
            config.batch_size,
            phase.epochs,
            speed,
            info.splits.get(Split.VALIDATION, 0),
        )
        for phase in plan(config)
    ]
    own = PROGRAM_BYTES if choose(config).device.type == "cpu" else 0
    largest = max(part.memory_bytes for part in parts)
    return Estimate(sum(part.seconds for part in parts), own + largest)


def throughput(place: Workspace, config: TrainConfig) -> Throughput | None:
    """How fast this computer is with the chosen device and arithmetic.

    Measured once a day and kept in the workspace, but never beside a run: what is measured then
    is not the computer's speed, so the last figure goes on, or one for the moment. None if the
    device cannot be used.
    """
    try:
        machine = choose(config)
    except MedxferError:
        return None
    kind, file = _kind(machine), place.cache / "speed.json"
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


def _kind(machine: Machine) -> str:
    return f"{machine.name}, {machine.dtype}"


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
