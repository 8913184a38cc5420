"""Where learning stands after an epoch: all that is needed to go on as if nothing had happened."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from medxfer.config import Settings
from medxfer.errors import WeightsError
from medxfer.events import Metrics
from medxfer.training.best import Best
from medxfer.training.optimiser import Course, CourseState
from medxfer.training.step import Step

Tensors = dict[str, Tensor]

_CPU = "cpu"


class Drawn(Settings):
    """Where the random numbers of Python and numpy stand, as these describe it themselves."""

    python: tuple[int, tuple[int, ...], float | None]
    numpy: tuple[str, tuple[int, ...], int, int, float]


class Standing(Settings):
    """The plain values of a state."""

    epoch: Annotated[int, Field(ge=1)]
    """The last one done, counted over all phases."""
    phase: Annotated[int, Field(ge=0)]
    done: Annotated[int, Field(ge=1)]
    """Epochs of this phase that are done."""
    since_better: int
    """Epochs since the best one of this phase."""
    halved: bool
    course: CourseState
    best_epoch: int | None
    best_validation: Metrics
    drawn: Drawn


@dataclass(frozen=True)
class State:
    """A standing with its tensors, on the CPU once it was read from a disk.

    `network` has torchvision's names; `optimiser` the names of what it keeps and of the parameter,
    `exp_avg layer4.0.conv1.weight`; `drawn` where torch's random numbers stand, "cpu" or the number
    of a GPU; `best` is the network of the best epoch, None before there is one.
    """

    standing: Standing
    network: Tensors
    optimiser: Tensors
    drawn: Tensors
    best: Tensors | None


def taken(
    model: nn.Module,
    optimiser: Optimizer,
    course: Course,
    step: Step,
    best: Best,
    epoch: int,
    phase: int,
    done: int,
    since_better: int,
) -> State:
    """The state now; its tensors are those in use, to be written before they move on."""
    kind, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 (the one others may use)
    drawn = {"python": random.getstate(), "numpy": (kind, np.asarray(keys).tolist(), *rest)}
    now = Standing(
        epoch=epoch, phase=phase, done=done, since_better=since_better, halved=step.halved,
        course=course.state(), best_epoch=best.epoch, best_validation=best.validation,
        drawn=Drawn.model_validate(drawn),
    )  # fmt: skip
    moments = {
        f"{kept} {name}": value
        for name, parameter in model.named_parameters()
        for kept, value in optimiser.state.get(parameter, {}).items()
    }
    return State(now, model.state_dict(), moments, _torch_drawn(), best.weights)


def put_network_back(state: State, model: nn.Module) -> None:
    """Give the network the weights and statistics of the state, which lets go of them.

    Raises:
        WeightsError: it is another network.
    """
    try:
        model.load_state_dict(state.network, strict=True)
    except RuntimeError as error:
        raise WeightsError(
            "The saved state does not fit the network that these settings describe.",
            "Train again: the settings of the run were changed.",
        ) from error
    state.network.clear()


def put_back(state: State, model: nn.Module, optimiser: Optimizer) -> None:
    """Give the optimiser what was `taken` of it, which the state lets go of.

    It is laid out in memory as the optimiser had made it itself.
    """
    parameters = dict(model.named_parameters())
    for key, value in state.optimiser.items():
        kind, name = key.split(" ", 1)
        parameter = parameters[name]
        # As torch's own are: the layout decides in which order numbers are added up.
        own = torch.empty_like(parameter) if value.dim() else torch.empty_like(value)
        own = own.detach().to(parameter.device)
        optimiser.state[parameter][kind] = own.copy_(value)
    state.optimiser.clear()


def draw_on_from(state: State) -> None:
    """Let all random numbers go on where they stood; those of a GPU that is gone are left out."""
    drawn = state.standing.drawn
    random.setstate(drawn.python)
    kind, keys, *rest = drawn.numpy
    words: tuple[Any, ...] = (kind, np.array(keys, dtype=np.uint32), *rest)
    np.random.set_state(words)  # noqa: NPY002
    torch.set_rng_state(state.drawn[_CPU])
    for device, value in state.drawn.items():
        if device != _CPU and torch.cuda.is_available() and int(device) < torch.cuda.device_count():
            torch.cuda.set_rng_state(value, int(device))


def _torch_drawn() -> Tensors:
    found = {_CPU: torch.get_rng_state()}
    if torch.cuda.is_available():
        found |= {str(i): state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return found
