"""Rows on disk: what is written is found again, what is damaged is not."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medxfer.cache.filling import fill
from medxfer.cache.shelf import Rows, Shelf, remove
from medxfer.errors import CacheError

SIZES = [5, 0, 7, 1000, 3]
ALL = np.arange(len(SIZES))


def content(row: int) -> bytes:
    return bytes([row + 1]) * SIZES[row]


def read(shelf: Shelf, row: int) -> bytes:
    into = np.empty(shelf.sizes[row], dtype=np.uint8)
    shelf.read(row, into)
    return into.tobytes()


def filled(folder: Path) -> Shelf:
    shelf = Shelf(folder, SIZES)
    for row in ALL.tolist():
        shelf.put(row, content(row))
    shelf.commit()
    return shelf


def test_what_was_put_is_found_by_the_next_to_open(tmp_path: Path) -> None:
    filled(tmp_path / "s").close()
    with Shelf(tmp_path / "s", SIZES) as again:
        assert again.missing(ALL).tolist() == []
        assert [read(again, row) for row in ALL.tolist()] == [content(r) for r in ALL.tolist()]


def test_what_was_not_committed_is_missing(tmp_path: Path) -> None:
    with Shelf(tmp_path / "s", SIZES) as shelf:
        shelf.put(2, content(2))
        shelf.commit()
        shelf.put(3, content(3))
        assert shelf.missing(ALL).tolist() == [0, 1, 3, 4]
    with Shelf(tmp_path / "s", SIZES) as again:
        assert again.missing(ALL).tolist() == [0, 1, 3, 4]
        assert again.missing(np.array([4, 2])).tolist() == [4]


@given(at=st.integers(0, sum(SIZES) - 1), bit=st.integers(0, 7))
@settings(max_examples=30, deadline=None)
def test_every_flipped_bit_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("shelf") / "s"
    filled(folder).close()
    damaged = bytearray((folder / "rows").read_bytes())
    damaged[at] ^= 1 << bit
    (folder / "rows").write_bytes(damaged)
    row = int(np.searchsorted(np.cumsum(SIZES), at, side="right"))
    with Shelf(folder, SIZES) as shelf:
        assert shelf.missing(ALL).tolist() == [row]


def test_a_file_cut_short_is_missing_rows_and_no_crash(tmp_path: Path) -> None:
    filled(tmp_path / "s").close()
    os.truncate(tmp_path / "s" / "rows", 500)
    with Shelf(tmp_path / "s", SIZES) as shelf:
        assert shelf.missing(ALL).tolist() == [3, 4]
        with pytest.raises(CacheError, match="can no longer be read"):
            read(shelf, 4)


def test_a_row_that_is_not_there_is_never_read_as_zeros(tmp_path: Path) -> None:
    with Shelf(tmp_path / "s", SIZES) as shelf:
        shelf.put(4, content(4))
        shelf.commit()
        with pytest.raises(CacheError):
            read(shelf, 3)
        assert read(shelf, 4) == content(4)


def test_marks_cut_short_are_missing_rows(tmp_path: Path) -> None:
    filled(tmp_path / "s").close()
    os.truncate(tmp_path / "s" / "marks", 13)
    with Shelf(tmp_path / "s", SIZES) as shelf:
        assert shelf.missing(ALL).tolist() == [1, 2, 3, 4]


def test_a_row_of_another_size_is_refused(tmp_path: Path) -> None:
    with Shelf(tmp_path / "s", SIZES) as shelf, pytest.raises(ValueError, match="7 bytes, not 6"):
        shelf.put(2, b"123456")


def test_a_shelf_in_use_is_not_removed(tmp_path: Path) -> None:
    shelf = filled(tmp_path / "s")
    assert not remove(tmp_path / "s")
    assert read(shelf, 3) == content(3)
    shelf.close()
    assert remove(tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_filling_makes_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    made: list[int] = []

    def make(rows: Rows) -> list[tuple[int, bytes]]:
        made.extend(rows.tolist())
        return [(row, content(row)) for row in rows.tolist()]

    with Shelf(tmp_path / "s", SIZES) as shelf:
        shelf.put(3, content(3))
        shelf.commit()
        told = list(fill(shelf, ALL, make, piece=2, threads=2))
        assert sorted(made) == [0, 1, 2, 4]
        assert told[0] == (0, 4)
        assert told[-1] == (4, 4)
        assert list(fill(shelf, ALL, make, piece=2)) == []
        assert [read(shelf, row) for row in ALL.tolist()] == [content(r) for r in ALL.tolist()]


def test_filling_goes_on_where_it_ended(tmp_path: Path) -> None:
    def fails_at_3(rows: Rows) -> list[tuple[int, bytes]]:
        if 3 in rows:
            raise OSError(28, "No space left on device")
        return [(row, content(row)) for row in rows.tolist()]

    with Shelf(tmp_path / "s", SIZES) as shelf:
        with pytest.raises(OSError, match="No space"):
            list(fill(shelf, ALL, fails_at_3, piece=1, threads=1))
        left = shelf.missing(ALL).tolist()
        assert 3 in left
        assert 0 not in left
    with Shelf(tmp_path / "s", SIZES) as again:
        rows = [(row, content(row)) for row in ALL.tolist()]
        list(fill(again, ALL, lambda asked: [rows[row] for row in asked], piece=1))
        assert again.missing(ALL).tolist() == []


def test_closing_the_filling_keeps_what_was_made(tmp_path: Path) -> None:
    with Shelf(tmp_path / "s", SIZES) as shelf:
        work = fill(
            shelf, ALL, lambda rows: [(r, content(r)) for r in rows.tolist()], piece=1, threads=1
        )
        assert next(work) == (0, 5)
        done, _ = next(work)
        work.close()
        assert len(shelf.missing(ALL)) <= 5 - done


_OTHER = """
import sys, time
import numpy as np
from pathlib import Path
from medxfer.cache.filling import fill
from medxfer.cache.shelf import Shelf
made = []
def make(rows):
    time.sleep(0.05)
    made.extend(rows.tolist())
    return [(row, b"x" * 10) for row in rows.tolist()]
with Shelf(Path(sys.argv[1]), [10] * 40) as shelf:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in fill(shelf, np.arange(40), make, piece=2, threads=1):
        pass
    assert len(shelf.missing(np.arange(40))) == 0
print(len(made))
"""


def test_two_processes_fill_one_shelf_once(tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", _OTHER, str(tmp_path / "s")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    made = [int(process.communicate("go\n", timeout=60)[0]) for process in both]
    assert sum(made) == 40


def test_a_filler_that_is_killed_is_taken_over_from(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", _OTHER.replace("0.05", "30"), str(tmp_path / "s")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stdin is not None
    assert first.stdout is not None
    assert first.stdout.readline() == "ready\n"
    first.stdin.write("go\n")
    first.stdin.flush()
    with Shelf(tmp_path / "s", [10] * 40) as shelf:
        threading.Timer(2.0, first.kill).start()
        told = list(
            fill(shelf, np.arange(40), lambda rows: [(r, b"y" * 10) for r in rows], piece=8)
        )
        assert told[-1] == (40, 40)
        assert read(shelf, 17) == b"y" * 10
    first.communicate(timeout=10)
