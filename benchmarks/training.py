"""The plain loop and medxfer's engine side by side: the same network, images, epochs and seed.

`python -m benchmarks.training [--cases all-18 partial-50 none-18] [--epochs 30] [--seeds 0]`

Every fit runs in a process of its own, one after the other, so that each has the machine and its
peak memory to itself. Ours begins with an empty cache: decoding and computing features count. Then
it runs once more with the cache full, as a second choice of head or learning rate would. With
`--thirdparty PYTHON` fastai and Lightning run as well, under that Python (see
`requirements-thirdparty.txt`). `--plain-epochs N` measures only the first N epochs of the plain
loop, `--thirdparty-epochs N` fits of N epochs by the others, and takes the rest to be as long as
their median, which the table then says.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from statistics import mean, median, stdev
from typing import Any

from benchmarks.accuracy import network, settings
from benchmarks.ours import CACHE, run_ours
from benchmarks.outcome import Outcome
from benchmarks.packs import manifest_of
from benchmarks.plain import run_plain
from benchmarks.report import machine_line, write
from medxfer.config import TrainConfig
from medxfer.machine import choose

CASES = {
    "all-18": ("all", 18),
    "all-50": ("all", 50),
    "partial-18": ("partial", 18),
    "partial-50": ("partial", 50),
    "none-18": ("none", 18),
    "progressive-18": ("progressive", 18),
}
"""Strategy and depth."""

_OURS, _AGAIN, _PLAIN = "ours", "ours, cache full", "plain loop"


@dataclass(frozen=True)
class Fit:
    """One measured fit, and how many epochs it stands for."""

    engine: str
    outcome: Outcome
    epochs: int
    seed: int

    @property
    def to_last(self) -> float:
        """Seconds to the end of the last epoch."""
        missing = self.epochs - len(self.outcome.elapsed)
        return self.outcome.elapsed[-1] + missing * median(self.outcome.seconds)

    def to_reach(self, auroc: float) -> float | None:
        """Seconds to the end of the first epoch with such a validation AUROC; None if never."""
        both = zip(self.outcome.elapsed, self.outcome.auroc, strict=True)
        return next((at for at, found in both if found is not None and found >= auroc), None)


def child(engine: str, wanted: dict[str, Any]) -> None:
    """Carry out one fit in this process and print its outcome."""
    config = settings(**wanted)
    manifest = manifest_of(config.data)
    run = run_plain if engine == _PLAIN else run_ours
    outcome = run(network(config, len(manifest.classes)), manifest, config)
    print(json.dumps(asdict(outcome)))


def fit(engine: str, wanted: dict[str, Any], epochs: int) -> Fit:
    """Carry out one fit in a process of its own."""
    if engine == _OURS:
        shutil.rmtree(CACHE, ignore_errors=True)
    one = json.dumps({"engine": engine, "wanted": wanted})
    command = [sys.executable, "-m", "benchmarks.training", "--one", one]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    outcome = Outcome(**json.loads(done.stdout.splitlines()[-1]))
    return Fit(engine, outcome, epochs, wanted["seed"])


def thirdparty(
    python: str, library: str, wanted: dict[str, Any], precision: str, epochs: int
) -> Fit:
    """fastai's or Lightning's fit, under the Python that has them; `epochs` as in `Fit`."""
    options = {
        "data": wanted["data"], "depth": wanted["depth"], "epochs": wanted["epochs"],
        "seed": wanted["seed"], "precision": precision,
        "strategy": "fine_tune" if library == "fastai" else wanted["strategy"],
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [python, "-m", "benchmarks.thirdparty", library, *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    found = json.loads(done.stdout.splitlines()[-1])
    fields = {name: found[name] for name in Outcome.__dataclass_fields__}
    named = f"{library} ({options['strategy']}, {precision})"
    return Fit(named, Outcome(**fields), epochs, wanted["seed"])


def compared(fits: list[Fit]) -> list[str]:
    """The rows of a case; the plain loop is the first."""
    plain = fits[0]
    goal = plain.outcome.auroc[-1] or 0.0
    rows = []
    for one in fits:
        measured = len(one.outcome.seconds)
        whole = measured == one.epochs
        short = "" if whole else f" ({measured} epochs measured)"
        reached = one.to_reach(goal)
        known = len(plain.outcome.seconds) == plain.epochs and (whole or reached is not None)
        rows.append(
            f"| {one.engine} | {one.to_last:,.1f}{short} | {plain.to_last / one.to_last:.1f} "
            f"| {median(one.outcome.seconds):.2f} "
            f"| {_reached(reached) if known else '—'} "
            f"| {one.outcome.images_per_second:,.0f} | {one.outcome.peak_memory / 1e9:.2f} "
            f"| {_number(one.outcome.test_auroc if whole else None)} |"
        )
    return rows


def over_seeds(fits: list[Fit]) -> str:
    """Mean and spread of the test AUROC, by engine."""
    words = []
    for engine in dict.fromkeys(one.engine for one in fits):
        found = [
            one.outcome.test_auroc or 0.0
            for one in fits
            if one.engine == engine and len(one.outcome.seconds) == one.epochs
        ]
        if not found:
            continue
        spread = f" ± {stdev(found):.4f}" if len(found) > 1 else ""
        words.append(f"{engine} {mean(found):.4f}{spread} (n = {len(found)})")
    return "Test AUROC over seeds: " + "; ".join(words) + "."


def _reached(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:,.1f}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _case(case: str, arguments: argparse.Namespace) -> list[str]:
    strategy, depth = CASES[case]
    fits: list[Fit] = []
    for seed in arguments.seeds:
        wanted = {"data": arguments.data, "strategy": strategy, "depth": depth,
                  "epochs": arguments.epochs, "seed": seed}  # fmt: skip
        plain = wanted | {"epochs": min(arguments.plain_epochs or 1000, arguments.epochs)}
        engines = [(_PLAIN, plain), (_OURS, wanted), (_AGAIN, wanted)]
        for engine, given in engines:
            fits.append(fit(engine, given, arguments.epochs))
            print(case, seed, engine, f"{fits[-1].to_last:.1f} s", flush=True)
        if arguments.thirdparty and seed == arguments.seeds[0]:
            given = wanted | {"epochs": min(arguments.thirdparty_epochs, arguments.epochs)}
            for library, precision in (("fastai", "32"), ("lightning", "bf16-mixed")):
                python, whole = arguments.thirdparty, arguments.epochs
                fits.append(thirdparty(python, library, given, precision, whole))
                print(case, library, f"{fits[-1].to_last:.1f} s", flush=True)
    size = len(manifest_of(arguments.data))
    first = [one for one in fits if one.seed == arguments.seeds[0]]
    return [
        f"### ResNet-{depth}, `{strategy}`, {arguments.epochs} epochs, {arguments.data} "
        f"({size} images), seed {arguments.seeds[0]}",
        "",
        "| engine | s to the last epoch | × faster | s an epoch, median "
        "| s to the plain loop's last validation AUROC | images/s | peak GB | test AUROC |",
        "|" + " --- |" * 8,
        *compared(first),
        "",
        over_seeds(fits),
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=["all-18", "partial-50", "none-18"],
                        choices=list(CASES))  # fmt: skip
    parser.add_argument("--data", default="kermany-cxr-320")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--plain-epochs", type=int)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--thirdparty")
    parser.add_argument("--thirdparty-epochs", type=int, default=1000)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        given = json.loads(arguments.one)
        child(given["engine"], given["wanted"])
        return
    machine = choose(TrainConfig(data="none"))
    lines = [machine_line(machine), ""]
    for case in arguments.cases:
        load = os.getloadavg()[0]
        lines += [*_case(case, arguments), f"Load at the beginning of this case: {load:.1f}.", ""]
        write("-".join(["training", *arguments.cases]), machine, lines)


if __name__ == "__main__":
    main()
