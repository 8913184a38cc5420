"""Odd pictures are named with their reason, and an ordinary set is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

from medxfer.audit.appearance import appearance
from medxfer.audit.quality import COLUMNS, quality
from medxfer.cache.room import CacheRoom
from medxfer.data.pixel_store import PixelStore
from medxfer.working import ended

Call = Callable[..., Any]


def test_odd_pictures_and_only_those(room: CacheRoom, scan: Call, make: Call) -> None:
    ordinary = {f"{'AB'[n % 2]}/{n:03d}.png": scan(n) for n in range(60)}
    black = scan(70)
    black[:, 3:] = 0
    odd = {
        "A/constant.png": (np.full((200, 220), 90, np.uint8), "single grey level"),
        "A/black.png": (black, "nearly all black"),
        "B/blurred.png": (ndimage.gaussian_filter(scan(71), 8), "more blurred"),
        "B/small.png": (scan(72)[::4, ::4], "far smaller"),
        "A/long.png": (scan(73, 200, 500), "another shape"),
        "B/negative.png": (255 - scan(74), "a negative"),
    }
    manifest = make(ordinary | {name: pixels for name, (pixels, _) in odd.items()})
    with PixelStore(room, manifest) as store:
        looks = ended(appearance(store, np.arange(len(manifest))))
    found = quality(manifest, looks)
    assert tuple(found.columns) == COLUMNS
    files = manifest.table.set_index("image")["file"]
    said = found.assign(file=found["image"].map(files)).groupby("file")["reason"].agg(" ".join)
    assert set(said.index) == set(odd)
    for name, (_, words) in odd.items():
        assert words in said[name]


def test_few_pictures_have_no_distribution_to_stand_apart_from(
    room: CacheRoom, scan: Call, make: Call
) -> None:
    manifest = make({"A/1.png": scan(1), "B/2.png": scan(2, 100, 180), "A/3.png": scan(3, 90, 90)})
    with PixelStore(room, manifest) as store:
        assert quality(manifest, ended(appearance(store, np.arange(3)))).empty
