"""The child processes that decode: what a file may do to one, and what is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from medxfer.data import quarantine
from medxfer.data.readers import decode, read_known_bytes, read_picture_bytes
from medxfer.errors import DataError, ImageError

EVIL = """
import ctypes, os, time
from medxfer.data import decoder, readers
decoder.SECONDS = 1.0  # a test need not wait for five
served = 0

def act(data, name, wanted):
    global served
    word, served = data[4:].decode(), served + 1
    if word == "loop":
        while True:
            pass
    if word == "sleep":
        time.sleep(60)
    if word == "crash" or (word == "crash later" and served > 1):
        ctypes.string_at(0)
    if word == "eat" or (word == "eat later" and served > 1):
        bytearray(4 << 30)
    if word == "bug":
        raise KeyError("SMITH^JOHN")
    if word == "lie":
        os.write(0, b"\\xff" * 64)
        time.sleep(60)
    if word == "write":
        with open("/tmp/written-by-a-picture", "wb", buffering=0) as file:
            file.write(b"x")
    return readers.decode(GREY, name, wanted)

GREY = bytes.fromhex("{grey}")
readers.READERS.register("EVIL")(readers.Reader(lambda head: head.startswith(b"EVIL"), act))
decoder.main()
"""


def png(width: int = 8, height: int = 8) -> bytes:
    buffer = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (height, width), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def evil(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Ask children that obey some files; gives the refusal, "" if there was none."""
    quarantine._children.end()
    monkeypatch.setattr(quarantine, "_COMMAND", ("-c", EVIL.replace("{grey}", png().hex())))
    monkeypatch.setattr(quarantine, "_children", quarantine._Children())

    def ask(word: str) -> str:
        try:
            read_picture_bytes(b"EVIL" + word.encode(), "scan.png")
        except ImageError as error:
            return str(error)
        return ""

    yield ask
    quarantine._children.end()


def idle() -> list[int]:
    return [child.process.pid for child in quarantine._children._idle]


def test_one_child_serves_many_files(evil: Callable[[str], str]) -> None:
    assert evil("") == ""
    child = idle()
    assert len(child) == 1
    for _ in range(5):
        assert evil("") == ""
    assert idle() == child


def test_an_endless_loop_ends_after_its_time(evil: Callable[[str], str]) -> None:
    assert evil("") == ""
    began = time.process_time()
    assert evil("loop") == (
        "scan.png could not be read within 5 seconds. It is probably damaged: export it again "
        "from its source."
    )
    assert time.process_time() - began < 1
    assert evil("") == ""


def test_a_child_that_only_waits_is_killed(
    evil: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evil("") == ""
    child = idle()[0]
    monkeypatch.setattr(quarantine, "PATIENCE", 0.5)
    assert "could not be read within" in evil("sleep")
    assert not psutil.pid_exists(child)
    monkeypatch.setattr(quarantine, "PATIENCE", 30)
    assert evil("") == ""


@pytest.mark.parametrize(
    ("word", "refusal"),
    [("crash", "broke down over it"), ("eat", "more memory"), ("lie", "broke down over it")],
)
def test_a_file_that_fells_the_child(evil: Callable[[str], str], word: str, refusal: str) -> None:
    assert refusal in evil(word)
    assert refusal in evil(word)
    assert evil("") == ""


@pytest.mark.parametrize("word", ["crash later", "eat later"])
def test_what_an_earlier_file_left_behind_harms_no_other(
    evil: Callable[[str], str], word: str
) -> None:
    assert evil("") == ""
    first = idle()
    assert evil(word) == ""
    assert idle() != first


def test_a_fault_of_ours_is_logged_without_what_it_says(
    evil: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    assert "cannot be decoded" in evil("bug")
    assert "KeyError at <string>:" in caplog.text
    assert "SMITH" not in caplog.text
    assert "scan.png" not in caplog.text


def test_a_child_writes_no_file(evil: Callable[[str], str]) -> None:
    written = Path("/tmp/written-by-a-picture")  # noqa: S108
    evil("write")
    assert not written.exists() or written.stat().st_size == 0
    written.unlink(missing_ok=True)


def test_a_child_killed_between_files_is_replaced(evil: Callable[[str], str]) -> None:
    assert evil("") == ""
    os.kill(idle()[0], signal.SIGKILL)
    assert evil("") == ""


def test_many_threads_share_few_children() -> None:
    data = [png(8 + number, 9) for number in range(40)]
    with ThreadPoolExecutor(12) as pool:
        pictures = list(pool.map(lambda content: read_picture_bytes(content, "x"), data))
    assert [picture.pixels.shape for picture in pictures] == [(9, 8 + n, 3) for n in range(40)]
    assert len(idle()) <= min(8, os.cpu_count() or 1)


def test_a_forked_process_has_children_of_its_own() -> None:
    read_picture_bytes(png(), "x")
    before = idle()
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        read_picture_bytes(png(), "x")
        shared = bool(set(before) & set(idle()))
        quarantine._children.end()
        os.write(writer, b"shared" if shared else b"own")
        os._exit(0)
    os.waitpid(process, 0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"own"
    assert read_picture_bytes(png(), "x").mode == "L"
    assert idle() == before


def test_no_child_outlives_its_parent() -> None:
    code = (
        "import os, sys; from medxfer.data import quarantine, readers;"
        "readers.read_picture_bytes(bytes.fromhex(sys.argv[1]), 'x');"
        "print(quarantine._children._idle[0].process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    words = [sys.executable, "-c", code, png().hex()]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    child = int(ended.stdout)
    for _ in range(200):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie":
            return
        time.sleep(0.05)
    pytest.fail("the child lives on")


def test_a_child_that_does_not_start_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "_COMMAND", ("-c", "raise SystemExit(3)"))
    monkeypatch.setattr(quarantine, "_children", quarantine._Children())
    with pytest.raises(DataError, match="the process that decodes them does not start"):
        read_picture_bytes(png(), "x")


def test_no_process_to_be_had_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(quarantine, "_children", quarantine._Children())
    monkeypatch.setattr("subprocess.Popen", none_left)
    with pytest.raises(DataError, match=r"can be started .Cannot allocate memory"):
        read_picture_bytes(png(), "x")


def test_the_child_and_this_process_see_the_same() -> None:
    data = png(300, 200)
    for picture in (read_picture_bytes(data, "x"), read_known_bytes(data, "x")):
        assert (picture.pixels == decode(data, "x").pixels).all()
