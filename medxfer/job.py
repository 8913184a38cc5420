"""Long work as a process of its own, known by a folder: asked for, watched, stopped, found again.

A folder holds the latest thing that was asked for of it, and what became of that. Whoever asks also
starts the process; what is asked for is carried out once, whoever starts it how often.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from medxfer.errors import MedxferError
from medxfer.events import Tell
from medxfer.files import write_json
from medxfer.lock import held, is_held

State = Literal["none", "waiting", "running", "done", "failed", "stopped", "lost"]
ACTIVE = ("waiting", "running")

_START_SECONDS = 120
"""How long a job may wait for its process before it counts as lost."""
_REPORT_SECONDS = 0.25
_NICENESS = 10
"""So that a job gives way to the app that watches it."""


class Stopped(Exception):  # noqa: N818 - a request, not an error
    """The person, or the system, asked the work to end."""


@dataclass(frozen=True)
class Progress:
    """What is being done, in words, and how much of how much; 0 of 0 before that is known."""

    step: str = ""
    done: int = 0
    total: int = 0


class Job(ABC):
    """The latest work that was asked for in a folder, whatever became of it."""

    words: ClassVar[str]
    """What it is, at the beginning of a sentence: "The audit"."""
    error_class: ClassVar[type[MedxferError]]

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where request, progress, outcome, lock and log lie."""

    @property
    @abstractmethod
    def arguments(self) -> list[str]:
        """The command line that carries it out, behind the interpreter."""

    @property
    @abstractmethod
    def is_wanted(self) -> bool:
        """Whether the thing it is about is still there; else nothing is written any more."""

    @property
    @abstractmethod
    def busy(self) -> MedxferError:
        """What to say to whoever asks while it is under way."""

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def state(self) -> State:
        """Judged by what the process left behind and by the lock it holds while it lives."""
        if is_held(self.folder / "lock"):
            return "running"
        request = self.request()
        if request is None:
            return "none"
        outcome = self._read("outcome.json") or {}
        if outcome.get("request") == request["id"]:
            ended: State = outcome["state"]
            return ended
        waiting = time.time() - request["asked"] < _START_SECONDS
        return "waiting" if waiting and not (self.folder / "progress.json").exists() else "lost"

    def progress(self) -> Progress:
        """How far the process is."""
        return Progress(**(self._read("progress.json") or {}))

    def error(self) -> MedxferError:
        """Why a job failed, stopped or was lost, as problem and remedy."""
        if self.state() == "lost":
            return self.error_class(f"{self.words} ended without a word.", "Start it again.")
        outcome = self._read("outcome.json") or {}
        return self.error_class(outcome.get("problem", ""), outcome.get("remedy", ""))

    def stop(self) -> None:
        """Ask the process to end; what was kept before stays."""
        (self.folder / "stop").touch()

    @property
    def is_stopping(self) -> bool:
        return (self.folder / "stop").exists()

    def request(self) -> dict[str, Any] | None:
        """What was asked for: `id`, `asked` (seconds since 1970) and what the asker added."""
        return self._read("request.json")

    def forget(self) -> None:
        """Take an outcome off the screen, as someone who has read it wants."""
        for left in ("request.json", "outcome.json", "progress.json", "stop"):
            (self.folder / left).unlink(missing_ok=True)

    def ask(self, values: dict[str, Any]) -> None:
        """Write down what is wanted, as plain values; nothing is started.

        Raises:
            MedxferError: `busy`, if it is under way.
        """
        self.folder.mkdir(exist_ok=True)
        with held(self.folder / "lock", self.busy):
            for left in ("progress.json", "stop"):
                (self.folder / left).unlink(missing_ok=True)
            wanted = {"id": secrets.token_hex(6), "asked": time.time()} | values
            write_json(self.folder / "request.json", wanted)

    def carry_out(
        self, work: Callable[[dict[str, Any], Reporter], None], tell: Tell | None = None
    ) -> None:
        """Do what was asked for by `work` and leave the outcome; a second call finds it done.

        Raises:
            MedxferError: `busy`, if another process is doing it.
        """
        with held(self.folder / "lock", self.busy):
            request = self.request()
            outcome = self._read("outcome.json") or {}
            if request is None or outcome.get("request") == request["id"]:
                return
            try:
                work(request, Reporter(self, tell))
                self._end(request, "done")
            except Stopped:
                self._end(request, "stopped", f"{self.words} was stopped.", "Start it again.")
            except MedxferError as error:
                self._end(request, "failed", error.problem, error.remedy)
            except Exception:
                logging.exception("%s in %s", self.words, self.folder)
                fault = f"{self.words} met a fault in medxfer (id {request['id']})."
                self._end(request, "failed", fault, "Name this id when you report it.")
                raise

    def _end(
        self, request: dict[str, Any], state: State, problem: str = "", remedy: str = ""
    ) -> None:
        if not self.is_wanted:  # writing would bring the folder of a deleted thing back
            return
        outcome = {"request": request["id"], "state": state, "problem": problem, "remedy": remedy}
        try:
            write_json(self.folder / "outcome.json", outcome)
        except OSError:  # the job then counts as lost, and its log may still say why
            logging.exception("%s could not write down: %s", self.words, problem)

    def _read(self, name: str) -> dict[str, Any] | None:
        """A small JSON file; None if it is not there or cannot be read."""
        with suppress(OSError, ValueError):
            values: dict[str, Any] = json.loads((self.folder / name).read_bytes())
            return values
        return None


class Reporter:
    """Writes progress down now and then, and looks whether the work should stop."""

    def __init__(self, job: Job, tell: Tell | None) -> None:
        self._job = job
        self._tell = tell
        self._step = ""
        self._due = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        """So much is done.

        Raises:
            Stopped: the work should end here.
        """
        if self._tell:
            self._tell(step, done, total)
        if time.monotonic() < self._due and done < total and step == self._step:
            return
        self._due, self._step = time.monotonic() + _REPORT_SECONDS, step
        if self.should_stop():
            raise Stopped
        progress = {"step": step, "done": done, "total": total}
        write_json(self._job.folder / "progress.json", progress)

    def should_stop(self) -> bool:
        """Whether someone asked, or the thing it is about was deleted meanwhile."""
        return self._job.is_stopping or not self._job.is_wanted


def begin_process() -> None:
    """Make this process one that carries out a job: SIGTERM stops it, and it gives way."""
    signal.signal(signal.SIGTERM, _stop)
    os.nice(_NICENESS)


def _stop(*_: object) -> None:
    raise Stopped
