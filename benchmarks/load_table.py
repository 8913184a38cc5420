"""What `load` measured, as a table: the worst of each scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.visitor import Answer

QUIET = 0.5
"""The highest load before a scenario that is measured."""
_TARGETS = {"live": ("fragment", 0.5), "clicks": ("page", 3.0), "idle": ("page", 1.5)}
_LISTING = 1.0


@dataclass
class Measured:
    """One scenario, once: seconds of each request by kind, and what it cost."""

    scenario: str
    load_before: float
    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    server_cpu: float = 0.0
    worker_cpu: float = 0.0
    visitors_cpu: float = 0.0
    wall: float = 0.0

    def add(self, answer: Answer) -> None:
        kind = "fragment" if answer.what == "fragment" else "page"
        self.seconds.setdefault(kind, []).append(answer.seconds)
        if answer.error:
            said = f"{answer.what}: {answer.error}"
            self.errors[said] = self.errors.get(said, 0) + 1


def share_at(values: list[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def table(kept: list[Measured], wanted: Sequence[str], repeats: int, seconds: float) -> list[str]:
    """The worst of the repetitions, by p95; seconds."""
    lines = [
        "| scenario | request | n | errors | p50 s | p95 s | max s | server CPU s a request | CPU "
        "of run / visitors | load before | target | held |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    cells: dict[tuple[str, str], list[Measured]] = {}
    for one in kept:
        for kind in one.seconds:
            cells.setdefault((one.scenario, kind), []).append(one)
    for (scenario, kind), measured in cells.items():
        worst = max(measured, key=lambda one: share_at(one.seconds[kind], 0.95))
        values = worst.seconds[kind]
        target = _target(scenario, kind)
        p95 = share_at(values, 0.95)
        everything = sum(map(len, worst.seconds.values()))
        wall = max(worst.wall, 1e-9)
        cpu = f"{worst.server_cpu / everything:.3f}" if worst.wall else "–"
        shares = f"{worst.worker_cpu / wall:.2f} / {worst.visitors_cpu / wall:.2f}"
        lines.append(
            f"| {scenario} | {kind} | {len(values)} | {sum(worst.errors.values())} | "
            f"{share_at(values, 0.5):.3f} | {p95:.3f} | {max(values):.3f} | {cpu} | "
            f"{shares if worst.wall else '–'} | {worst.load_before:.2f} | "
            f"{f'{target:g}' if target else '–'} | "
            f"{('yes' if p95 < target else '**no**') if target else '–'} |"
        )
    missing = [name for name in wanted
               if name not in {one.scenario for one in kept}]  # fmt: skip
    lines += ["", f"Not measured: {', '.join(missing)} (load above {QUIET})."] if missing else []
    return [
        *lines,
        "",
        f"Worst of {repeats} repetitions of {seconds:.0f} s by its p95, warm. "
        "Seconds count from when a request was due. Server CPU is that of all its requests, pages "
        "and fragments, divided by their number; CPU of the run (nice 10) and of the simulated "
        "visitors in cores. Server, run and visitors shared the cores; nothing was pinned.",
    ]


def _target(scenario: str, kind: str) -> float | None:
    if scenario == "list":
        return _LISTING
    aimed, seconds = _TARGETS[scenario]
    return seconds if kind == aimed else None
