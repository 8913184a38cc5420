"""What each network would cost here: counted, and with this computer's speed, estimated."""

from __future__ import annotations

import streamlit as st

from medxfer.config import Depth, HeadConfig, TrainConfig
from medxfer.data.library import DatasetInfo
from medxfer.data.manifest import Split
from medxfer.models.cost import Cost, Estimate, all_costs, estimate
from medxfer.training.keeping import Keeping, keeping
from medxfer.training.plan import plan
from medxfer.ui.new_run.here import Here

Costs = dict[Depth, Cost]
PROGRAM_BYTES = 800_000_000
"""What a worker on a CPU takes for itself beside the network: Python, torch, pandas and the
readers. Measured with torch 2.15: 869 MB resident after building a ResNet-18 of 47 MB."""


def costs(head: HeadConfig, classes: int) -> Costs:
    """The cost of every depth with this head."""
    return _costs(head.model_dump_json(), classes)


# Counting takes about a second and the answer never changes.
@st.cache_resource(max_entries=16, show_spinner="Counting layers and parameters …")
def _costs(head: str, classes: int) -> Costs:
    counted = all_costs(classes, HeadConfig.model_validate_json(head))
    return {cost.depth: cost for cost in counted}


def keepings(
    cost: Cost, config: TrainConfig, info: DatasetInfo, here: Here
) -> tuple[Keeping | None, ...]:
    """What each phase of the plan computes once and keeps; None where nothing can be kept."""
    train, validation = _images(info)
    train = max(train, 1)  # a data set for testing alone has a form too, though it cannot start
    value = here.machine.dtype.itemsize
    return tuple(
        keeping(phase, cost, train, validation, config.views, here.disk, value)
        for phase in plan(config)
    )


def needs(cost: Cost, config: TrainConfig, info: DatasetInfo, here: Here) -> Estimate:
    """Seconds and bytes of a whole run: the phases' times added, the largest memory.

    On a CPU the memory is the whole process; on a GPU only what lies there.
    """
    train, validation = _images(info)
    seconds, memory = 0.0, 0
    for phase, kept in zip(plan(config), keepings(cost, config, info, here), strict=True):
        part = estimate(
            cost,
            phase.stages,
            train,
            config.batch_size,
            phase.epochs,
            here.speed,
            validation,
            kept.views if kept else 0,
        )
        held = kept.bytes if kept and kept.bytes <= here.memory else 0
        seconds += part.seconds
        memory = max(memory, part.memory_bytes + held)
    own = PROGRAM_BYTES if here.machine.device.type == "cpu" else 0
    return Estimate(seconds, own + memory)


def _images(info: DatasetInfo) -> tuple[int, int]:
    """Images to learn from and to choose the best epoch by."""
    return info.splits.get(Split.TRAIN, 0), info.splits.get(Split.VALIDATION, 0)
