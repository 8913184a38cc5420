"""What each network costs and how fast this computer is: counted and measured once."""

from __future__ import annotations

import json
from pathlib import Path

import streamlit as st

from medxfer.config import Depth, HeadConfig, TrainConfig
from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import Split
from medxfer.errors import MedxferError
from medxfer.files import write_json
from medxfer.machine import choose
from medxfer.models.cost import Cost, Estimate, Throughput, all_costs, estimate
from medxfer.models.speed import measure
from medxfer.paths import Workspace
from medxfer.training.plan import plan

Costs = dict[Depth, Cost]


def costs(head: HeadConfig, classes: int) -> Costs:
    """The cost of every depth with this head."""
    return _costs(head.model_dump_json(), classes)


# Counting takes about a second and the answer never changes.
@st.cache_resource(max_entries=16, show_spinner="Counting layers and parameters …")
def _costs(head: str, classes: int) -> Costs:
    counted = all_costs(classes, HeadConfig.model_validate_json(head))
    return {cost.depth: cost for cost in counted}


def needs(cost: Cost, config: TrainConfig, info: DatasetInfo, speed: Throughput) -> Estimate:
    """Seconds and bytes of a whole run: the phases' times added, the largest memory."""
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
    return Estimate(sum(part.seconds for part in parts), max(part.memory_bytes for part in parts))


def throughput(place: Workspace, config: TrainConfig) -> Throughput | None:
    """How fast this computer is with the chosen device and arithmetic.

    Measured once, kept in the workspace; None if the device cannot be used.
    """
    try:
        machine = choose(config)
    except MedxferError:
        return None
    kind = f"{machine.name}, {machine.dtype}"
    file = place.cache / "speed.json"
    known = _known(file)
    if kind not in known:
        with st.spinner("Measuring how fast this computer is, once …"):
            measured = measure(machine.device, machine.dtype)
        known[kind] = {"forward": measured.forward, "training": measured.training}
        write_json(file, known)
    return Throughput(**known[kind])


def _known(file: Path) -> dict[str, dict[str, float]]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
