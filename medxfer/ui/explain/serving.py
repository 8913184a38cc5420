"""Networks, answers and heatmaps kept between clicks, within bounds.

torch is imported on first use, so that the page itself opens at once. A scan's digest stands for
its pixels: Streamlit only samples large arrays, so two scans could share one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from medxfer.errors import MedxferError
from medxfer.paths import Workspace
from medxfer.runs.job import RunJob, ask_familiarity
from medxfer.runs.store import kept_weights
from medxfer.ui.explain.source import Scan
from medxfer.ui.results.asking import begin, draw_asking
from medxfer.using import using
from medxfer.working import ended

if TYPE_CHECKING:
    from medxfer.config import Stage
    from medxfer.events import Tell
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.gate import Gate
    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Answering, Looked
    from medxfer.runs.loading import LoadedModel

_MODELS, _EXPLANATIONS, _ANSWERS, _CHECKED = 2, 8, 512, 16
"""Kept at once; a heatmap of a large scan takes tens of megabytes, an answer nothing."""
Network = tuple[str, str, str]
"""Workspace folder, run, and the SHA-256 of its weights: a run that goes on gets others."""
_TRIED, _ASKED, _CHECKS = "familiarity-tried", "familiarity-asked", "explain-checks"


@dataclass(frozen=True)
class Asked:
    """Which heatmap: of a class, by index, rather than another one or not, how and where."""

    target: int
    against: int | None
    method: str
    stage: Stage


def prepare(place: Workspace, run: str) -> bool:
    """See that it is known which scans are familiar to the run, which may take a minute once.

    A process of its own finds it out; the page shows how far it is, and is drawn anew at its end.
    Where it cannot be found out, that is remembered, and said with every scan. Returns whether
    the page may go on.
    """
    network, tried = _network(place, run), st.session_state.setdefault(_TRIED, {})
    if network in tried or _gate(network, _gate_stamp(network)) is not None:
        return True
    if draw_asking(place, run):
        return False
    job, asked = RunJob(place, run), st.session_state.setdefault(_ASKED, {})
    if run in asked and asked[run] == (job.request() or {}).get("id"):
        if job.state() == "stopped":
            _offer_again(run)
            return False
        tried[network] = "" if job.state() == "done" else str(job.error())
        return True
    try:
        job = ask_familiarity(place, run)
        asked[run] = (job.request() or {}).get("id")
        begin(job)
    except MedxferError as error:
        tried[network] = str(error)
    return True


def _offer_again(run: str) -> None:
    st.info(
        "**It is not known yet which scans are familiar to this run.** Until it is, no scan is "
        "answered: one unlike all that the network learned from should be refused.",
        icon=":material/info:",
    )
    again = st.session_state[_ASKED].pop
    st.button("Find out", type="primary", icon=":material/search:", on_click=again, args=(run,))


def answering_of(place: Workspace, run: str) -> Answering:
    """The run ready to answer, after `prepare`.

    Raises:
        RunError, WeightsError: its network cannot be loaded.
    """
    network = _network(place, run)
    tried: str = st.session_state.get(_TRIED, {}).get(network, "")
    return _answering(network, _gate_stamp(network), tried)


def looked(place: Workspace, run: str, scan: Scan) -> Looked:
    """What the run's network makes of a scan, and whether it is familiar.

    Raises:
        ExplainError, RunError, WeightsError: as the core says.
    """
    ready = answering_of(place, run)
    with _in_use(place, run):
        gated = ready.gate is not None
        return _looked(_network(place, run), gated, scan.digest, ready, scan.pixels)


def moved(place: Workspace, run: str, scan: Scan) -> NDArray[np.float64]:
    """Logits (8, k) of the scan moved a little; raises as `looked`."""
    return _moved(_network(place, run), scan.digest, answering_of(place, run), scan.pixels)


def explained(place: Workspace, run: str, scan: Scan, asked: Asked) -> Explanation:
    """One heatmap of a scan; raises as `looked`."""
    with _in_use(place, run):
        return _explanation(_network(place, run), scan.digest, asked, scan.pixels)


def _in_use(place: Workspace, run: str) -> AbstractContextManager[None]:
    return using(place, place.run(run).root, "a scan is being explained with it")


def kept_checks(run: str, scan: Scan, asked: Asked) -> Faithfulness | None:
    """The checks of a heatmap if they were made in this session."""
    found: Faithfulness | None = st.session_state.get(_CHECKS, {}).get((run, scan.digest, asked))
    return found


def checked(
    place: Workspace, run: str, scan: Scan, asked: Asked, heat: Explanation, tell: Tell
) -> Faithfulness:
    """The checks of a heatmap, made now; raises as `looked`."""
    from medxfer.explain.faithfulness import check

    work = check(_model(_network(place, run)).model, scan.pixels, heat)
    with _in_use(place, run):
        made = ended(work, lambda step: tell("Checking the heatmap", step.done, step.total))
    kept = st.session_state.setdefault(_CHECKS, {})
    while len(kept) >= _CHECKED:
        kept.pop(next(iter(kept)))
    kept[run, scan.digest, asked] = made
    return made


def _network(place: Workspace, run: str) -> Network:
    return str(place.root), run, kept_weights(place.run(run))


def _gate_stamp(network: Network) -> int:
    """When the record of the gate was written, in nanoseconds; 0 if there is none."""
    root, run, _ = network
    try:
        return Workspace(Path(root)).run(run).familiarity.stat().st_mtime_ns
    except OSError:
        return 0


@st.cache_resource(max_entries=_MODELS, show_spinner="Loading the network …")
def _model(network: Network) -> LoadedModel:
    import torch

    from medxfer.runs.loading import load_model

    # Beside a training run a second thread makes serving many times slower, not faster.
    torch.set_num_threads(1)
    root, run, _ = network
    return load_model(Workspace(Path(root)), run)


@st.cache_resource(max_entries=_MODELS, show_spinner=False)
def _gate(network: Network, stamp: int) -> Gate | None:
    """The kept gate, read anew when its file changed."""
    from medxfer.runs.gates import load

    return load(Workspace(Path(network[0])), _model(network))


@st.cache_resource(max_entries=_MODELS, show_spinner="Loading the network …")
def _answering(network: Network, stamp: int, tried: str) -> Answering:
    from medxfer.runs.answering import ready

    return ready(_model(network), _gate(network, stamp), tried)


@st.cache_data(max_entries=_ANSWERS, show_spinner="Looking at the scan …")
def _looked(
    network: Network, gated: bool, digest: str, _ready: Answering, _pixels: NDArray[np.uint8]
) -> Looked:
    return _ready.look(_pixels)


@st.cache_data(max_entries=_ANSWERS, show_spinner="Moving the scan a little …")
def _moved(
    network: Network, digest: str, _ready: Answering, _pixels: NDArray[np.uint8]
) -> NDArray[np.float64]:
    return _ready.moved(_pixels)


@st.cache_data(max_entries=_EXPLANATIONS, show_spinner="Making the heatmap …")
def _explanation(
    network: Network, digest: str, asked: Asked, _pixels: NDArray[np.uint8]
) -> Explanation:
    from medxfer.explain.heatmap import explain

    loaded = _model(network)
    return explain(
        loaded.model, _pixels, loaded.classes, target=asked.target, against=asked.against,
        method=asked.method, stage=asked.stage,
    )  # fmt: skip
