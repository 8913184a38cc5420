"""All shelves together: what is listed, what goes first, what stays."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from medxfer.cache.room import CAP_VARIABLE, CacheRoom, Kind
from medxfer.errors import ConfigError

SIZE = 400_000


def stand(room: CacheRoom, kind: Kind, key: str, used: int) -> None:
    """A full shelf, last used at `used` seconds after the epoch."""
    with room.shelf(kind, key, [SIZE], f"shelf {key}") as shelf:
        shelf.put(0, np.random.default_rng(0).bytes(SIZE))
        shelf.commit()
    os.utime(room.root / kind / key, (used, used))


def keys(room: CacheRoom) -> list[str]:
    return [kept.key for kept in room.kept()]


@pytest.fixture
def full(tmp_path: Path) -> CacheRoom:
    room = CacheRoom(tmp_path / "cache")
    for used, (kind, key) in enumerate(
        [("pixels", "oldest"), ("features", "middle"), ("pixels", "newest")]
    ):
        stand(room, kind, key, 1_000_000 + used)  # type: ignore[arg-type]
    return room


def test_shelves_are_listed_by_their_last_use(full: CacheRoom) -> None:
    assert keys(full) == ["newest", "middle", "oldest"]
    assert {kept.words for kept in full.kept()} == {"shelf newest", "shelf middle", "shelf oldest"}
    assert all(SIZE <= kept.bytes < 2 * SIZE for kept in full.kept())


def test_what_was_used_longest_ago_goes_first(
    full: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = sum(kept.bytes for kept in full.kept())
    monkeypatch.setenv(CAP_VARIABLE, str(taken / 1e9))
    full.make_room(SIZE)
    assert keys(full) == ["newest", "middle"]


def test_opening_a_shelf_is_using_it(full: CacheRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    full.shelf("pixels", "oldest", [SIZE], "").close()
    monkeypatch.setenv(CAP_VARIABLE, str(2 * SIZE / 1e9))
    full.make_room(SIZE // 2)
    assert keys(full) == ["oldest"]


def test_what_is_in_use_stays(full: CacheRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CAP_VARIABLE, "0")
    with full.shelf("pixels", "oldest", [SIZE], ""):
        full.make_room(1)
        assert keys(full) == ["oldest"]


def test_the_cap_leaves_half_of_the_free_disk(
    full: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = sum(kept.bytes for kept in full.kept())
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert full.cap() == taken + 500_000
    monkeypatch.setenv(CAP_VARIABLE, "0.0001")
    assert full.cap() == 100_000


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf"])
def test_a_cap_that_is_no_number_is_refused(
    full: CacheRoom, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(CAP_VARIABLE, text)
    with pytest.raises(ConfigError, match=CAP_VARIABLE):
        full.cap()


def test_what_is_spare_is_what_is_free_and_what_may_go(
    full: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = {kept.key: kept.bytes for kept in full.kept()}
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert full.spare() == sum(each.values()) + 500_000
    with full.shelf("pixels", "oldest", [SIZE], ""):
        assert full.spare() == each["middle"] + each["newest"] + 500_000
        monkeypatch.setenv(CAP_VARIABLE, str((each["oldest"] + 7000) / 1e9))
        assert full.spare() == 7000
        monkeypatch.setenv(CAP_VARIABLE, "0")
        assert full.spare() == 0


def test_nothing_is_removed_when_nothing_is_needed(
    full: CacheRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAP_VARIABLE, "0")
    full.make_room(0)
    assert len(keys(full)) == 3
