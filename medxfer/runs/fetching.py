"""Fetching the weights a run begins with, and telling how far that is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue

from medxfer.config import TrainConfig
from medxfer.events import Event
from medxfer.models.weights.load import LoadedWeights, load_weights
from medxfer.paths import Workspace
from medxfer.training.watch import Preparation, StopRequestedError

_BETWEEN_LOOKS = 0.1  # seconds


def fetched(
    workspace: Workspace, config: TrainConfig, should_stop: Callable[[], bool]
) -> Generator[Event, None, LoadedWeights]:
    """The weights to begin with, fetched if they are not on this computer yet.

    Raises:
        StopRequestedError: the run should stop here.
        WeightsError: they cannot be had.
    """
    bytes_done: SimpleQueue[tuple[int, int]] = SimpleQueue()
    preparation = Preparation("weights")

    def progress(done: int, total: int) -> None:
        if should_stop():
            raise StopRequestedError
        bytes_done.put((done, total))

    pool = ThreadPoolExecutor(1)
    try:
        loading = pool.submit(load_weights, config.weights, config.depth, workspace, progress)
        while not loading.done():
            wait([loading], _BETWEEN_LOOKS)
            while not bytes_done.empty():
                if event := preparation.report(*bytes_done.get()):
                    yield event
        return loading.result()
    finally:
        pool.shutdown(wait=False)
