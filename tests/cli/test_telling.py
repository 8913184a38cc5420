"""What `medxfer train` says while it goes on: lines in a file, a counter on a terminal."""

import io
import sys

import pytest

from medxfer.cli.telling import Telling
from medxfer.events import EpochFinished, Event, Finished, Note, PhaseStarted, Preparing, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def preparing(step: str, done: int, total: int, seconds_left: float | None = None) -> Preparing:
    return Preparing(step=step, done=done, total=total, seconds_left=seconds_left)


EVENTS: list[Event] = [
    PhaseStarted(phase=0, epoch=1),
    preparing("pixels", 0, 595),
    preparing("pixels", 300, 595, 3.6),
    Note(text="The early stages are frozen."),
    preparing("features", 0, 2466),
    preparing("features", 1200, 2466, 5.2),
    Progress(epoch=1, batch=3, batches=10, loss=0.5, images_per_second=88.2, memory=1,
             seconds_left=12.0),
    EpochFinished(epoch=1, phase=0, learning_rate=1e-4, train={}, seconds=2.5, best=True,
                  validation={"auroc": 0.75, "loss": None}),
    PhaseStarted(phase=1, epoch=2),
    preparing("features", 0, 2466),
    Finished(seconds=9),
]  # fmt: skip


def test_in_a_file_work_done_once_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Telling(epochs=2)
    for event in EVENTS:
        tell(event)
    output = capsys.readouterr()
    assert output.err.splitlines() == [
        "Phase 1, from epoch 1",
        "Decoding images: 595",
        "Info: The early stages are frozen.",
        "Computing what the frozen stages see: 2,466 views",
        "Epoch 1/2, 2.5 s: auroc 0.750  (best so far)",
        "Phase 2, from epoch 2",
        "Computing what the frozen stages see: 2,466 views",
    ]
    assert output.out == ""


def test_on_a_terminal_it_counts_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    tell = Telling(epochs=2)
    for event in EVENTS:
        tell(event)
    start, *lines = terminal.getvalue().split("\r\x1b[K")
    assert start == ""
    assert lines == [
        "Phase 1, from epoch 1\n",
        "  Decoding images: 0 of 595",
        "  Decoding images: 300 of 595, 4 s left",
        "Info: The early stages are frozen.\n",
        "  Computing what the frozen stages see: 0 of 2,466 views",
        "  Computing what the frozen stages see: 1,200 of 2,466 views, 5 s left",
        "  epoch 1/2 train 3/10, 88 images/s, 12 s left",
        "Epoch 1/2, 2.5 s: auroc 0.750  (best so far)\n",
        "Phase 2, from epoch 2\n",
        "  Computing what the frozen stages see: 0 of 2,466 views",
        "",
    ]
