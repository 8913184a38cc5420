"""Decoding in child processes: a file that hangs, crashes or fills memory harms nothing else.

A child (`medxfer.data.decoder`) serves many files, one after the other. Each gets `SECONDS` of
computing (longer in all only on a computer that is busy with other things); a child that takes
more, dies or runs out of memory is replaced. Answers are JSON and raw pixels, never pickles, and
their sizes are checked: a child that a file has taken over can answer wrongly about files, and do
no more here.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from medxfer.data.depth import Deep
from medxfer.data.picture import Origin, Picture, Wanted, damaged, needs_memory
from medxfer.data.wire import receive, send
from medxfer.errors import DataError, ImageError

SECONDS = 5.0
"""Of computing that one file may take; the child ends itself after them, whatever it is doing."""
PATIENCE = 30.0
"""Seconds of wall time after which it is ended: on a busy computer it may have to wait its turn."""
_COMMAND = ("-m", "medxfer.data.decoder")
_START_SECONDS = 120.0
_MOST = 8
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Facts:
    """What the import keeps of a picture, found where it was decoded."""

    width: int
    height: int
    mode: str
    format: str
    frames: int
    blank: bool
    """All pixels have one value."""
    origin: Origin | None
    pixels_sha256: str
    """Of a DICOM file's decoded pixels."""


class _Child:
    """One child process and the line to it."""

    def __init__(self) -> None:
        self.used = False
        self._line, theirs = socket.socketpair()
        # What this process can import, the child can; and nothing from the current folder.
        path = os.pathsep.join(filter(None, sys.path))
        try:
            with theirs:
                self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [sys.executable, "-P", *_COMMAND],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
                )
        except OSError as error:
            self._line.close()
            raise DataError(
                f"Pictures cannot be read: no process to decode them can be started "
                f"({error.strerror}).",
                "Close other programs or free some memory, and try again.",
            ) from error
        try:
            receive(self._line, time.monotonic() + _START_SECONDS)
        except (OSError, EOFError, ValueError) as error:
            self.end()
            raise DataError(
                "Pictures cannot be read: the process that decodes them does not start.",
                "Install what requirements.txt names. The log says more.",
            ) from error

    def ask(self, question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytearray]:
        """The answer to one question.

        Raises:
            TimeoutError: there was none in time.
            OSError, EOFError, ValueError: the child died, or answered nonsense.
        """
        deadline = time.monotonic() + PATIENCE
        send(self._line, question, data, deadline)
        answer = receive(self._line, deadline)
        self.used = True
        return answer

    def ran_out(self) -> bool:
        """Whether it ended itself because its time for a file was over."""
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(1) == -signal.SIGPROF
        return False

    def end(self) -> None:
        self._line.close()
        self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """Let go of a child that belongs to the process this one was forked from."""
        self._line.close()
        self.process.returncode = 0


class _Children:
    """The children of this process: at most as many as there are cores."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(min(_MOST, os.cpu_count() or 1))
        self._idle: list[_Child] = []

    def ask(
        self, question: dict[str, Any], data: bytes, name: str
    ) -> tuple[dict[str, Any], bytearray]:
        """One file's answer; ImageError if the child did not live to give it.

        What an earlier file left behind in a child may fell it at an innocent one, so a child
        that has served before is replaced and asked once more.
        """
        with self._places:
            try:
                child = self._idle.pop()
            except IndexError:
                child = _Child()
            used, whole = child.used, False
            try:
                head, body = child.ask(question, data)
                whole = "memory" not in head
            except TimeoutError as error:
                raise _too_slow(name) from error
            except (OSError, EOFError, ValueError) as error:
                if child.ran_out():
                    raise _too_slow(name) from error
                if not used:
                    raise _crashed(name) from error
            finally:
                # Also after an interrupt: a child that still owes an answer is of no more use.
                if whole:
                    self._idle.append(child)
                else:
                    child.end()
        if whole:
            return head, body
        if used:
            return self.ask(question, data, name)
        raise needs_memory(name)

    def end(self) -> None:
        while self._idle:
            self._idle.pop().end()

    def forget(self) -> None:
        for child in self._idle:
            child.forget()


def _start_anew() -> None:
    """In a process that was just forked: the children it knows of serve the other one."""
    global _children
    _children.forget()
    _children = _Children()


_children = _Children()
atexit.register(lambda: _children.end())
os.register_at_fork(after_in_child=_start_anew)


def decoded(data: bytes, name: str, wanted: Wanted) -> Picture:
    """Decode a file's bytes in a child.

    Raises:
        ImageError: naming the file and what is wrong with it.
    """
    head, body = _ask(data, name, "pixels", wanted)
    shape = (head["height"], head["width"])
    size = 3 * shape[0] * shape[1]
    return Picture(
        pixels=np.frombuffer(body, np.uint8, size).reshape(*shape, 3),
        mode=head["mode"],
        format=head["format"],
        notes=tuple(head["notes"]),
        reduction=head["reduction"],
        frames=head["frames"],
        frame=head["frame"],
        origin=_origin(head),
        spacing=head["spacing"] and tuple(head["spacing"]),
        spacing_note=head["spacing_note"],
        deep=_deep(head["deep"], body[size:], shape),
    )


def examined(data: bytes, name: str, *, strip: bool) -> tuple[Facts, bytes]:
    """Decode a file's bytes in a child for what there is to know; its pixels stay there.

    With `strip` a DICOM file is given back with its pixels and technical tags alone, a NIfTI file
    without its texts; all else gives b"".

    Raises:
        ImageError: naming the file and what is wrong with it.
    """
    head, body = _ask(data, name, "stripped" if strip else "facts", Wanted())
    facts = Facts(
        width=head["width"],
        height=head["height"],
        mode=head["mode"],
        format=head["format"],
        frames=head["frames"],
        blank=head["blank"],
        origin=_origin(head),
        pixels_sha256=head["pixels_sha256"],
    )
    return facts, bytes(body)


def _ask(data: bytes, name: str, purpose: str, wanted: Wanted) -> tuple[dict[str, Any], bytearray]:
    question = {"name": name, "purpose": purpose, **asdict(wanted)}
    head, body = _children.ask(question, data, name)
    if "fault" in head:  # without the file's name, which may be a person's
        logging.getLogger(__name__).error("a picture could not be decoded: %s", head["fault"])
        raise damaged(name)
    if "problem" in head:
        raise ImageError(head["problem"], head["remedy"])
    return head, body


def _origin(head: dict[str, Any]) -> Origin | None:
    return Origin(**head["origin"]) if head["origin"] else None


def _deep(said: dict[str, Any] | None, body: bytearray, shape: tuple[int, int]) -> Deep | None:
    if said is None:
        return None
    values = np.frombuffer(body, np.uint16).reshape(shape)
    window = (said["window"][0], said["window"][1])
    return Deep(values, window, said["slope"], said["intercept"], said["unit"])


def _too_slow(name: str) -> ImageError:
    return ImageError(
        f"{name} could not be read within {SECONDS:g} seconds.",
        "It is probably damaged: export it again from its source.",
    )


def _crashed(name: str) -> ImageError:
    return ImageError(
        f"{name} is damaged: the program that decodes such pictures broke down over it.",
        "Export it again from its source, or as PNG.",
    )
