"""Kill -9 at random moments and at named points of a run; what is left, and how it goes on.

`python -m benchmarks.kills --moments 200` trains one small network again and again. Each time the
process is killed, at a random moment or just before, within or after a write, a rename, a removal
or an event; now and then its successor as well. Then everything must open, no epoch that was told
may be lost, and the run that goes on must end with the weights, figures and predictions of the one
that was left alone. Processes are forked, so that torch is imported once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock

from benchmarks.report import machine_line
from medxfer import files
from medxfer.config import Depth, HeadConfig, OptimiserConfig, StrategyConfig, TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.errors import RunError
from medxfer.events import EpochFinished, Event, parse
from medxfer.machine import on_cpu
from medxfer.models import checkpoint
from medxfer.models.heads import build_head
from medxfer.models.products import use_products
from medxfer.paths import RunPaths, Workspace
from medxfer.runs import execute as execution
from medxfer.runs import journal
from medxfer.runs.execute import execute
from medxfer.runs.results import load_predictions
from medxfer.runs.store import create_run, list_runs, load_run
from medxfer.runs.summary import RunState
from medxfer.training import saves as saving
from medxfer.training.saves import Saves

_DIGITS = re.compile(r"-\d+")
_TEMPORARY = re.compile(r"^\.(.+)\.[0-9a-f]{8}\.tmp$")
_AGAIN = 0.25
"""Share of moments whose successor is killed too, and of those that find the cache removed."""
_SECOND_NTH = 3


@dataclass(frozen=True)
class Point:
    """The nth time that something happens, as `before rename of state.json`."""

    name: str
    nth: int


@dataclass
class Outcome:
    """What one kill came to; every problem is a sentence."""

    where: str
    repeated: int = 0
    """Epochs that were told and had to be learned again."""
    seconds: float = 0.0
    """What these had taken."""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """What the run that was left alone came to."""

    weights: str
    epochs: dict[int, str]
    logits: dict[str, Any]
    seconds: float
    points: Counter[str]


def thing(path: Path | str) -> str:
    """What a file is, whatever its number: `last`, `state.json`."""
    name = Path(path).name
    match = _TEMPORARY.match(name)
    name = match[1] if match else name
    return _DIGITS.sub("", name).removesuffix(".safetensors")


class Points:
    """Stands at every named point of a process, and kills it at the one that was chosen."""

    def __init__(self, chosen: Point | None, passed: Path | None) -> None:
        self._chosen, self._passed = chosen, passed
        self._seen: Counter[str] = Counter()

    def at(self, name: str) -> None:
        self._seen[name] += 1
        if self._passed:
            with self._passed.open("a") as file:
                file.write(name + "\n")
        if self.is_next(name, 0):
            os.kill(os.getpid(), signal.SIGKILL)

    def is_next(self, name: str, ahead: int = 1) -> bool:
        """Whether the process is to die at the next standing at this point."""
        return self._chosen == Point(name, self._seen[name] + ahead)

    def around(self, place: Any, attribute: str, name: Callable[..., str]) -> None:
        """Put a point before and one after every call of a function."""
        inner = getattr(place, attribute)

        def call(*arguments: Any, **named: Any) -> Any:
            said = name(*arguments)
            self.at(f"before {said}")
            result = inner(*arguments, **named)
            self.at(f"after {said}")
            return result

        setattr(place, attribute, call)

    def plant(self) -> None:
        """Patch this process. The product has no hooks."""
        write = checkpoint.save_file

        def save_file(tensors: Any, path: Path) -> None:
            write(tensors, path)
            if self.is_next(said := f"within writing {thing(path)}"):
                os.truncate(path, path.stat().st_size // 2)
            self.at(said)

        checkpoint.save_file = save_file  # type: ignore[assignment]
        append = journal.append

        def half(path: Path, event: Event) -> None:
            if self.is_next(said := f"within telling {event.kind}"):
                with path.open("ab") as file:
                    line = event.model_dump_json().encode()
                    file.write(line[: len(line) // 2])
            self.at(said)
            append(path, event)

        journal.append = half
        self.around(journal, "append", lambda _, event: f"telling {event.kind}")
        self.around(files, "flush", lambda path: f"flushing {thing(path)}")
        self.around(Path, "replace", lambda path, *_: f"renaming {thing(path)}")
        self.around(Path, "unlink", lambda path, *_: f"removing {thing(path)}")


def child(work: Callable[[], None]) -> int:
    """Fork a process for some work; its id. It ends with 0, or with 1 after an error."""
    sys.stdout.flush()
    if process := os.fork():
        return process
    try:
        work()
    except BaseException:  # noqa: BLE001 (the boundary of the child)
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def ended(process: int) -> int:
    """How a child ended: its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def carried_out(
    workspace: Workspace,
    run: str,
    *,
    every: bool,
    point: Point | None = None,
    passed: Path | None = None,
) -> Callable[[], None]:
    """The work of a worker; with `every` a state is saved after each epoch, however short."""

    def work() -> None:
        if every:
            saving._TIMES_A_SAVE = 0
        if point or passed:
            Points(point, passed).plant()
        finished = load_run(workspace, run).summary.state is RunState.FINISHED
        with suppress(RunError) if finished else nullcontext():
            for _ in execute(workspace, run):
                pass

    return work


def small(root: Path) -> tuple[Workspace, TrainConfig]:
    """A workspace with 24 pictures of two kinds, and three phases of two epochs."""
    generator, folder = np.random.default_rng(0), root / "pictures"
    for part, count in {"train": 6, "val": 3, "test": 3}.items():
        for label in ("NORMAL", "PNEUMONIA"):
            (folder / part / label).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(60, 120, (64, 64), dtype=np.uint8)
                pixels[20:44, 20:44] += 25 * (label == "PNEUMONIA")
                Image.fromarray(pixels).save(folder / part / label / f"{part}{number}.png")
    workspace = Workspace.find(root / "workspace")
    import_source(workspace, folder, ImportOptions(name="small"))
    return workspace, TrainConfig(
        data="small", weights="none", strategy=StrategyConfig(name="progressive"), epochs=6,
        batch_size=6, optimiser=OptimiserConfig(learning_rate=1e-3), views=2,
        early_stopping=None,
    )  # fmt: skip


def shallow(_: Depth, classes: int, head: HeadConfig) -> ResNet:
    """A ResNet of one block a stage: written and learned in half the time."""
    model = ResNet(BasicBlock, [1, 1, 1, 1])
    use_products(model)
    model.fc = build_head(model.fc.in_features, classes, head)
    return model


def told(paths: RunPaths) -> list[EpochFinished]:
    """Every epoch that was told, those that were told again included; half a line is left out."""
    content = paths.events.read_bytes() if paths.events.exists() else b""
    whole = content[: content.rfind(b"\n") + 1].splitlines()
    return [event for event in map(parse, whole) if isinstance(event, EpochFinished)]


def figures(event: EpochFinished) -> str:
    return event.model_dump_json(exclude={"time", "seconds"})


def weights_of(paths: RunPaths) -> str:
    return checkpoint.verified(paths.checkpoints, "the run")[0].sha256


def logits_of(workspace: Workspace, run: str) -> dict[str, Any]:
    return {split: load_predictions(workspace, run, split).logits for split in ("val", "test")}


def reference(workspace: Workspace, config: TrainConfig) -> Reference:
    """Left alone twice: for its time, and to note every point it passes."""
    seconds, passed = 0.0, workspace.root / "passed.txt"
    for note in (None, passed):
        run, _ = create_run(workspace, config)
        begin = time.monotonic()
        if ended(child(carried_out(workspace, run, every=True, passed=note))):
            raise SystemExit("The run that was left alone failed.")
        seconds = seconds or time.monotonic() - begin
    paths = workspace.run(run)
    epochs = {event.epoch: figures(event) for event in told(paths)}
    points = Counter(passed.read_text().splitlines())
    return Reference(weights_of(paths), epochs, logits_of(workspace, run), seconds, points)


def named_points(expected: Reference, seed: int) -> list[Point]:
    """Each named point once, at one of the times it is passed."""
    draw = random.Random(seed)  # noqa: S311
    return [Point(name, draw.randint(1, n)) for name, n in sorted(expected.points.items())]


def killed(
    workspace: Workspace, config: TrainConfig, expected: Reference, point: Point | None, seed: int
) -> Outcome:
    """Kill one run at a point, or at a random moment; what came of it."""
    draw = random.Random(seed)  # noqa: S311
    run, _ = create_run(workspace, config)
    paths = workspace.run(run)
    paths.queued.touch()
    every = point is not None or draw.random() < 1 / 2
    outcome = Outcome(point.name if point else "at a random moment")
    kills = 2 if draw.random() < _AGAIN else 1
    for number in range(kills):
        second = number > 0
        process = child(carried_out(workspace, run, every=every, point=None if second else point))
        if second or point is None:
            time.sleep(draw.uniform(0, expected.seconds / (_SECOND_NTH if second else 1)))
            os.kill(process, signal.SIGKILL)
        code = ended(process)
        if code not in (0, -signal.SIGKILL):
            outcome.problems.append(f"ended with {code} before it was killed")
        if look(workspace, run, config, outcome, every=every) is RunState.FINISHED:
            break  # the kill came between the last word and the end of the process
    if draw.random() < _AGAIN:
        shutil.rmtree(workspace.cache)
    if code := ended(child(carried_out(workspace, run, every=every))):
        outcome.problems.append(f"its successor ended with {code}")
    compare(workspace, run, expected, outcome)
    shutil.rmtree(paths.root)
    return outcome


def look(
    workspace: Workspace, run: str, config: TrainConfig, outcome: Outcome, *, every: bool
) -> RunState | None:
    """Whether all that is left opens, how much has to be repeated, and the state of the run."""
    paths = workspace.run(run)
    try:
        state = load_run(workspace, run).summary.state
        if state is RunState.RUNNING or run not in {line.run for line in list_runs(workspace)}:
            outcome.problems.append(f"it is listed as {state}")
        if state is RunState.FINISHED:
            return state
        saves = Saves(paths.checkpoints, paths.events, config, ("NORMAL", "PNEUMONIA"))
        saves.load("the run")
        if (paths.checkpoints / checkpoint.BEST).exists():
            weights_of(paths)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the result)
        outcome.problems.append(f"does not open: {error!r}")
        return None
    again = {event.epoch: event.seconds for event in told(paths) if event.epoch > saves.epoch}
    outcome.repeated = max(outcome.repeated, len(again))
    outcome.seconds = max(outcome.seconds, sum(again.values()))
    if every and len(again) > 1:
        outcome.problems.append(f"{len(again)} epochs were told and not saved")
    return state


def compare(workspace: Workspace, run: str, expected: Reference, outcome: Outcome) -> None:
    """Whether the run ended as the one that was left alone."""
    paths, problems = workspace.run(run), outcome.problems
    try:
        state = load_run(workspace, run).summary.state
        if state is not RunState.FINISHED:
            problems.append(f"it went on and is {state}")
            return
        if weights_of(paths) != expected.weights:
            problems.append("other weights")
        found = logits_of(workspace, run)
        if any(not np.array_equal(found[name], said) for name, said in expected.logits.items()):
            problems.append("other predictions")
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the result)
        problems.append(f"does not open afterwards: {error!r}")
        return
    if {event.epoch for event in told(paths)} != expected.epochs.keys():
        problems.append("an epoch is missing")
    if any(figures(event) != expected.epochs[event.epoch] for event in told(paths)):
        problems.append("other figures")
    left = [*paths.root.rglob(".*"), *paths.checkpoints.glob("last-*"), paths.reserve, paths.queued]
    if found := [path.name for path in left if path.exists()]:
        problems.append(f"left behind: {', '.join(found)}")


def table(outcomes: list[Outcome], seconds: float) -> str:
    """Markdown: a line for random moments and one for each kind of point."""
    lines = [
        "# Kill -9",
        "",
        f"`python -m benchmarks.kills`: {len(outcomes)} runs killed in {seconds / 60:.0f} minutes.",
        f"{machine_line(on_cpu())}; one thread.",
        "",
        "A ResNet of four blocks, three phases of two epochs. A quarter of the successors were "
        "killed too, a quarter found the cache removed. Of the random moments, half saved after "
        "every epoch, half as in use (at most a fifth of the time).",
        "",
        "| killed | times | all opened, same weights, figures and predictions | most epochs told "
        "and repeated | most seconds repeated |",
        "|---|---|---|---|---|",
    ]
    for where in sorted({outcome.where for outcome in outcomes}):
        those = [outcome for outcome in outcomes if outcome.where == where]
        good = sum(not outcome.problems for outcome in those)
        lines.append(
            f"| {where} | {len(those)} | {good} | {max(o.repeated for o in those)} | "
            f"{max(o.seconds for o in those):.1f} |"
        )
    problems = sorted({p for outcome in outcomes for p in outcome.problems})
    return "\n".join([*lines, "", f"Problems: {'; '.join(problems) or 'none'}.", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=200, help="random moments")
    parser.add_argument("--points", type=int, help="named points at most (else all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="write the table here")
    arguments = parser.parse_args()
    execution.build = shallow
    execution.make_within = lambda *_: False  # what single scans are judged by is made later
    torch.set_num_threads(1)  # before a fork no pool of threads may exist
    outcomes: list[Outcome] = []
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        workspace, config = small(Path(folder))
        expected = reference(workspace, config)
        points: list[Point | None] = [*named_points(expected, arguments.seed)]
        if arguments.points is not None:
            points = random.Random(arguments.seed).sample(points, arguments.points)  # noqa: S311
        for number, point in enumerate([*points, *[None] * arguments.moments]):
            outcome = killed(workspace, config, expected, point, arguments.seed + number)
            outcomes.append(outcome)
            done = {"kill": number + 1, **vars(outcome)}
            print(json.dumps(done), flush=True)
    text = table(outcomes, time.monotonic() - begin)
    print(text)
    if arguments.table:
        arguments.table.write_text(text)
    return 1 if any(outcome.problems for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
