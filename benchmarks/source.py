"""The network that the benchmarks transfer from.

`python -m benchmarks.source --depth 18 --epochs 12` trains a ResNet on the data set `source`
(brain MRI, skin, retina, histology, COVID-19 radiographs: nothing of the targets) and prints the
path of its weights. The public ImageNet weights cannot be downloaded on the machine these
benchmarks were made on, so this network stands in for them: its features are far poorer, which
matters for absolute figures and not for the comparison of engines that start from the same file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.packs import HOME, SOURCE, manifest_of, workspace
from medxfer.config import Depth, HeadConfig, OptimiserConfig, Preset, StrategyConfig, TrainConfig
from medxfer.files import write_json
from medxfer.models.checkpoint import verified
from medxfer.runs.store import create_run, load_run
from medxfer.runs.summary import RunState


@dataclass(frozen=True)
class SourceNetwork:
    """A source network: the run that made it, its weights file, and how good it became."""

    run: str
    weights: str
    """Absolute path of a safetensors file under torchvision's names, its own head included."""
    epochs: int
    auroc: float
    """On the validation part of `source`, macro over its classes."""


def record_of(depth: Depth) -> Path:
    """The file that says which run is the source network of this depth."""
    return HOME / f"source-{int(depth)}.json"


def source_network(depth: Depth) -> SourceNetwork:
    """The source network of this depth, which must have been trained before.

    Raises:
        FileNotFoundError: it has not.
    """
    return SourceNetwork(**json.loads(record_of(depth).read_text()))


def train(depth: Depth, epochs: int) -> SourceNetwork:
    """Train the source network of this depth, unless there is one.

    It learns in a process of its own, as a run of the app does.

    Raises:
        RuntimeError: the run did not finish; its log says why.
    """
    if record_of(depth).exists():
        return source_network(depth)
    manifest_of(SOURCE)
    home = workspace()
    run, _ = create_run(home, _config(depth, epochs))
    log = home.run(run).log
    with log.open("ab") as output:
        subprocess.run(  # noqa: S603  (our own interpreter, no shell)
            [sys.executable, "-m", "medxfer.runs.worker", str(home.root), run],
            stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    summary = load_run(home, run).summary
    auroc = summary.validation.get("auroc")
    if summary.state is not RunState.FINISHED or auroc is None:
        raise RuntimeError(f"The run {run} is {summary.state}: {summary.problem} See {log}.")
    _, weights = verified(home.run(run).checkpoints, run)
    network = SourceNetwork(run, str(weights), epochs, auroc)
    write_json(record_of(depth), asdict(network))
    return network


def _config(depth: Depth, epochs: int) -> TrainConfig:
    return TrainConfig(
        data=SOURCE,
        depth=depth,
        weights="none",
        head=HeadConfig(kind="linear"),
        strategy=StrategyConfig(name="none"),
        optimiser=OptimiserConfig(learning_rate=5e-4),
        epochs=epochs,
        early_stopping=None,
        preset=Preset.RADIOGRAPH,
        seed=0,
        note="source network of the benchmarks",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--depth", type=int, choices=[18, 50], default=18)
    parser.add_argument("--epochs", type=int, default=12)
    asked = parser.parse_args()
    network = train(Depth(asked.depth), asked.epochs)
    print(f"{network.weights}\nvalidation AUROC {network.auroc:.4f}, run:{network.run}")


if __name__ == "__main__":
    main()
