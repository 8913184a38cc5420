"""Networks and explanations kept between clicks, within bounds.

torch is imported on first use, so that the page itself opens at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from medxfer.paths import Workspace

if TYPE_CHECKING:
    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Verdict
    from medxfer.runs.decisions import Decisions
    from medxfer.runs.loading import LoadedModel

_MODELS, _EXPLANATIONS, _ANSWERS = 2, 8, 512
"""Kept at once; a heatmap of a large scan takes tens of megabytes, an answer nothing."""

METHOD_WORDS = {
    "gradcam": "Grad-CAM",
    "gradcam++": "Grad-CAM++",
    "layercam": "Layer-CAM",
    "xgradcam": "XGrad-CAM",
    "smoothgradcam++": "Smooth Grad-CAM++",
    "scorecam": "Score-CAM",
}


def classes_of(place: Workspace, run: str) -> tuple[str, ...]:
    """The classes the run's network tells apart."""
    return tuple(_model(str(place.root), run).classes)


def explained(
    place: Workspace,
    run: str,
    digest: str,
    pixels: NDArray[np.uint8],
    target: int | None = None,
    method: str = "gradcam",
) -> Explanation:
    """The explanation of one picture; `digest`, the SHA-256 of its file, stands for its pixels.

    Raises:
        ExplainError, RunError, WeightsError: as the core says.
    """
    asked = str(place.root), run, digest
    # The heatmap that the answer was made with is not made again under the number of its class.
    predicted = int(_probabilities(*asked, pixels).argmax())
    of = None if target == predicted else target
    return _explanation(*asked, of, method, pixels)


def answer(
    place: Workspace, run: str, digest: str, pixels: NDArray[np.uint8], decided: Decisions
) -> Verdict:
    """What the run says of one picture under what was decided: as its evaluation would count it.

    Raises:
        EvaluationError: a decision belongs to other classes; and as `explained`.
    """
    from medxfer.runs.answering import verdict

    probabilities = _probabilities(str(place.root), run, digest, pixels)
    loaded = _model(str(place.root), run)
    logits = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    return verdict(loaded.classes, logits[None], decided, loaded.config.positive)


@st.cache_data(max_entries=_ANSWERS, show_spinner=False)
def _probabilities(
    root: str, run: str, digest: str, _pixels: NDArray[np.uint8]
) -> NDArray[np.float64]:
    return _explanation(root, run, digest, None, "gradcam", _pixels).probabilities


@st.cache_resource(max_entries=_MODELS, show_spinner="Loading the network …")
def _model(root: str, run: str) -> LoadedModel:
    import torch

    from medxfer.runs.loading import load_model

    # Beside a training run a second thread makes serving many times slower, not faster.
    torch.set_num_threads(1)
    return load_model(Workspace(Path(root)), run)


@st.cache_data(max_entries=_EXPLANATIONS, show_spinner="Looking at the image …")
def _explanation(
    root: str,
    run: str,
    digest: str,
    target: int | None,
    method: str,
    _pixels: NDArray[np.uint8],
) -> Explanation:
    # The digest is the key: Streamlit only samples large arrays, so two scans could share one.
    from medxfer.explain.heatmap import explain

    loaded = _model(root, run)
    return explain(loaded.model, _pixels, loaded.classes, target=target, method=method)
