"""What a network says of one scan, and on which part of the picture that rests.

Grad-CAM (Selvaraju et al. 2017) and its relatives, through torchcam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from medxfer.config import Stage
from medxfer.errors import ExplainError
from medxfer.explain.holding import alone, full_precision
from medxfer.explain.methods import METHODS
from medxfer.explain.placing import Box, Heat, place
from medxfer.models.freezing import evaluating
from medxfer.models.preprocessing import seen_box, to_input
from medxfer.models.resnet import stage_modules

__all__ = ["METHODS", "SMALLEST_SIDE", "Box", "Explanation", "explain"]

SMALLEST_SIDE = 32
"""Pixels; a smaller picture holds less than the network's first stages look at."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """An answer about one picture and the heatmap of one class.

    `probabilities` is (k,), in the order of `classes`; `predicted` and `target` are indices, the
    most probable class and the one the heatmap is of. `heatmap` is float32 (H, W) in the geometry
    of the picture as given: 1 where the evidence for the target is strongest, 0 where there is
    none and outside `seen`, the box the network saw. `raw_maximum` is the strongest evidence
    before scaling: when it is 0 nothing speaks for the target and the heatmap is empty (Score-CAM
    has always something). With `against`, another class, the heatmap is of what speaks for the
    target rather than for that one: of the difference of their logits.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    predicted: int
    target: int
    heatmap: Heat
    raw_maximum: float
    seen: Box
    method: str
    stage: Stage
    against: int | None = None


def explain(
    model: nn.Module,
    pixels: NDArray[np.uint8],
    classes: Sequence[str],
    *,
    target: int | None = None,
    against: int | None = None,
    method: str = "gradcam",
    stage: Stage = Stage.LAYER4,
) -> Explanation:
    """The network's answer for `pixels`, uint8 (H, W, 3), and a heatmap at the end of `stage`.

    `target` is the index of the class the heatmap is of; None: the predicted one. With `against`
    it shows the logit of `target` minus that of this other class. The network may be frozen in
    part or whole, in any mode, and is left as it was found. One explanation of a model is made at
    a time.

    Raises:
        ExplainError: the picture is too small or a single grey value, the network's answer is not
            a finite number, or the class or the stage has no heatmap.
        UnknownNameError: no such method.
    """
    check_picture(pixels)
    height, width = pixels.shape[:2]
    extractor_type, layer = METHODS[method], _last_layer(model, stage)
    with alone(model), evaluating(model), full_precision(model) as device:
        picture = to_input(pixels).unsqueeze(0).to(device)
        # Without a learning parameter nothing else would ask for a gradient.
        picture.requires_grad_()
        with extractor_type(model, layer) as extractor:
            logits = model(picture)
            _check_answer(logits, classes)
            predicted = int(logits.argmax())
            chosen = predicted if target is None else target
            _check_question(classes, chosen, against)
            wanted = _evidence(chosen, against)
            maps = extractor(scores=logits, targets=wanted, normalized=False)
            evidence: Heat = maps[0][0].cpu().numpy()
        probabilities = logits.detach()[0].double().softmax(0).cpu().numpy()
    if not np.isfinite(evidence).all():
        raise ExplainError(
            "The heatmap of this picture holds values that are not numbers, so none is shown.",
            "Try another method or stage; if it persists, the weights of the run are damaged.",
        )
    seen = seen_box(width, height)
    strongest = float(evidence.max())
    scaled: Heat = evidence / np.float32(strongest) if strongest > 0 else 0 * evidence
    return Explanation(
        classes=tuple(classes),
        probabilities=probabilities,
        predicted=predicted,
        target=chosen,
        heatmap=place(scaled, seen, height, width),
        raw_maximum=max(strongest, 0.0),
        seen=seen,
        method=method,
        stage=stage,
        against=against,
    )


def _evidence(target: int, against: int | None) -> Callable[[Tensor], Tensor]:
    """Of logits (k,) the number whose causes the heatmap shows."""
    if against is None:
        return lambda logits: logits[target]
    return lambda logits: logits[target] - logits[against]


def check_picture(pixels: NDArray[np.uint8]) -> None:
    """Refuse a picture (H, W, 3) that holds nothing to judge; raises ExplainError."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise ExplainError(
            f"This picture is {width} × {height} pixels, too small to be judged.",
            f"Use one of at least {SMALLEST_SIDE} pixels a side.",
        )
    if (pixels == pixels[0, 0]).all():
        raise ExplainError(
            "This picture has one single grey value, so there is nothing to judge.",
            "Export the scan again with its window set, and upload that.",
        )


def _last_layer(model: nn.Module, stage: Stage) -> nn.Module:
    if stage is Stage.HEAD:
        raise ExplainError(
            "The head has no heatmap: behind the last stage no place is left in the picture.",
            f"Choose one of {', '.join(list(Stage)[:-1])}.",
        )
    return stage_modules(model)[stage][-1]


def _check_answer(logits: Tensor, classes: Sequence[str]) -> None:
    if not logits.isfinite().all():
        raise ExplainError(
            "The model gave no valid number for this picture, so no class is shown.",
            "Its weights are damaged or training diverged; use another run.",
        )
    if logits.shape != (1, len(classes)):
        raise ExplainError(
            f"The model answers for {logits.shape[-1]} classes, but {len(classes)} are named: "
            f"{', '.join(classes)}.",
            "Use the classes the run was trained on.",
        )


def _check_question(classes: Sequence[str], target: int, against: int | None) -> None:
    for index in (target, against):
        if index is not None and not 0 <= index < len(classes):
            raise ExplainError(
                f"There is no class number {index}: the model knows {len(classes)}, from 0.",
                "Choose one of its classes.",
            )
    if target == against:
        raise ExplainError(
            f"The class {classes[target]} cannot be compared with itself.",
            "Choose another class to compare with.",
        )
