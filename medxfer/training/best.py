"""The best epoch: which it is, and its weights."""

from __future__ import annotations

import math

from torch import Tensor, nn

from medxfer.config import Monitor
from medxfer.events import Metrics


class Best:
    """Keeps a copy, in main memory, of the weights of the epoch with the best monitored figure.

    A figure that is not defined, or not a number, is never the best; of equals the earlier epoch
    stays. `weights` are under torchvision's names, None before there is a best epoch.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self.weights: dict[str, Tensor] | None = None
        self.epoch: int | None = None
        self.validation: Metrics = {}

    def go_on_from(
        self, epoch: int | None, validation: Metrics, weights: dict[str, Tensor] | None
    ) -> None:
        """Hold what an earlier process held."""
        self.epoch, self.validation, self.weights = epoch, validation, weights

    def offer(self, epoch: int, validation: Metrics, model: nn.Module) -> bool:
        """Whether this epoch is the best so far; if so, remember its weights."""
        figure = validation[self._monitor]
        if figure is None or math.isnan(figure) or not self._improves(figure):
            return False
        self.epoch, self.validation = epoch, validation
        # The copy is explicit: on a CPU, `.cpu()` alone would alias the live weights.
        self.weights = {
            name: value.detach().to("cpu", copy=True) for name, value in model.state_dict().items()
        }
        return True

    def restore(self, model: nn.Module) -> None:
        """Put the best weights back, if there are any."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def _improves(self, figure: float) -> bool:
        if self.epoch is None:
            return True
        held = self.validation[self._monitor]
        assert held is not None  # noqa: S101  (only defined figures are kept)
        return figure < held if self._monitor.lower_is_better else figure > held
