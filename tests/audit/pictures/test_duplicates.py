"""Planted copies are found as what they are, and nothing else is."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks import planting
from medxfer.audit.agreement import GLANCE, agreement
from medxfer.audit.appearance import appearance
from medxfer.audit.audit import run_audit
from medxfer.audit.duplicates import exact_duplicates, near_duplicates
from medxfer.audit.pairs import COLUMNS, groups
from medxfer.audit.registration import align
from medxfer.audit.search import candidates
from medxfer.cache.room import CacheRoom
from medxfer.data.corrections import Action, Correction
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import correct, load_manifest
from medxfer.data.manifest import Manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.paths import Workspace
from medxfer.working import ended

Call = Callable[..., Any]


@pytest.fixture
def search(workspace: Workspace, room: CacheRoom) -> Call:
    """Import a folder and search it: manifest, exact pairs, near pairs."""

    def run(folder: Path, **options: Any) -> tuple[Manifest, Any, Any]:
        import_source(workspace, folder, ImportOptions(name="set", **options))
        manifest = load_manifest(workspace, "set")
        with PixelStore(room, manifest) as store:
            looks = ended(appearance(store, np.arange(len(manifest))))
            exact = exact_duplicates(manifest, looks)
            return manifest, exact, ended(near_duplicates(manifest, looks, store, exact))

    return run


def write(folder: Path, pictures: dict[str, Any]) -> Path:
    for name, pixels in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name, quality=90)
    return folder


def linked(manifest: Manifest, *tables: Any) -> set[frozenset[str]]:
    names = dict(zip(manifest.table["image"], manifest.table["file"], strict=True))
    return {frozenset(names[image] for image in group) for group in groups(tables)}


def test_exact_copies_are_found_whatever_their_format(
    tmp_path: Path, scan: Call, search: Call
) -> None:
    """Also at more than the working size, where two pictures may shrink to the same pixels."""
    large = np.kron(scan(1, 256, 256), np.ones((2, 2), np.uint8))
    other = large.copy()
    other[::2, ::2] += 1
    other[1::2, 1::2] -= 1  # the mean of each block of four stays
    pictures = {f"train/A/{n}.png": scan(n) for n in range(2, 12)}
    pictures |= {f"test/B/{n}.png": scan(n) for n in range(12, 22)}
    pictures |= {"test/B/again.bmp": pictures["train/A/2.png"], "train/A/large.png": large}
    pictures |= {"train/A/copy.bmp": large, "train/A/like.png": other}
    pictures |= {"train/A/three.tiff": np.stack([pictures["train/A/3.png"]] * 3, axis=2)}
    manifest, exact, near = search(write(tmp_path / "source", pictures))
    assert tuple(exact.columns) == tuple(near.columns) == COLUMNS
    assert linked(manifest, exact) == {
        frozenset({"train/A/2.png", "test/B/again.bmp"}),
        frozenset({"train/A/large.png", "train/A/copy.bmp"}),
        frozenset({"train/A/3.png", "train/A/three.tiff"}),
    }
    first = exact.iloc[0]  # the worst first
    assert (first["across_splits"], first["different_labels"], first["score"]) == (True, True, 1)
    assert not exact["across_splits"][1:].any()
    assert near["kind"].eq("near").all()


def test_a_large_jpeg_and_its_lossless_copy_are_exact(
    tmp_path: Path, scan: Call, search: Call
) -> None:
    """They are decoded in different ways, so that only the full pixels tell."""
    folder = write(tmp_path / "source", {f"{'AB'[n % 2]}/{n}.png": scan(n) for n in range(12)})
    large = Image.fromarray(scan(50, 300, 330)).resize((1320, 1200))
    large.save(folder / "A/large.jpg", quality=90)
    with Image.open(folder / "A/large.jpg") as image:
        image.save(folder / "B/copy.png")
    manifest, exact, near = search(folder)
    assert exact.empty
    assert near["kind"].tolist() == ["exact"]
    assert linked(manifest, near) == {frozenset({"A/large.jpg", "B/copy.png"})}


def test_a_large_group_of_copies_is_listed_once_each(
    tmp_path: Path, scan: Call, search: Call
) -> None:
    pictures = {f"{part}/{'AB'[n % 2]}/{n}.png": scan(n) for n, part in enumerate(["train"] * 8)}
    pictures |= {f"train/A/copy{n}.png": scan(0) for n in range(12)}
    pictures |= {f"test/B/copy{n}.bmp": scan(0) for n in range(3)}
    _, exact, near = search(write(tmp_path / "source", pictures))
    assert len(exact) == 15
    assert exact["across_splits"].any()
    assert near.empty


def drop(workspace: Workspace, *files: str) -> None:
    table = load_manifest(workspace, "set").table.set_index("file")["image"]
    images = tuple(table[list(files)])
    correct(workspace, "set", Correction(action=Action.EXCLUDE, images=images, reason="a copy"))


def leaks(workspace: Workspace, table: str) -> set[frozenset[str]]:
    """The files of pairs across parts that a whole audit tells of, the findings with them."""
    audit = run_audit(workspace, "set")
    pairs = audit.tables[table]
    across = pairs[pairs["across_splits"].astype(bool)]
    told = any(one.check == table and "different parts" in one.problem for one in audit.findings)
    assert told is not across.empty
    files = across[["first_file", "second_file"]].itertuples(index=False)
    return {frozenset(pair) for pair in files}


def test_dropping_one_of_two_equal_pictures_hides_no_near_copy_of_the_other(
    workspace: Workspace, tmp_path: Path, scan: Call
) -> None:
    pictures = {f"train/{'AB'[n % 2]}/{n}.png": scan(n) for n in range(10, 20)}
    pictures |= {f"test/{'AB'[n % 2]}/{n}.png": scan(n) for n in range(20, 30)}
    pictures |= {"train/A/03.png": scan(9), "train/A/09.png": scan(9)}
    pictures |= {"test/A/near.png": np.clip(scan(9) * 0.8, 0, 255).astype(np.uint8)}
    import_source(workspace, write(tmp_path / "source", pictures), ImportOptions(name="set"))
    first = {frozenset({"train/A/03.png", "test/A/near.png"})}
    assert leaks(workspace, "near_duplicates") == first
    drop(workspace, "train/A/03.png")
    left = {frozenset({"train/A/09.png", "test/A/near.png"})}
    assert leaks(workspace, "near_duplicates") == left


def test_dropping_some_of_many_equal_pictures_hides_no_leak_of_the_others(
    workspace: Workspace, tmp_path: Path, scan: Call
) -> None:
    """Of a group as large only one is listed against each: it must not be an excluded one."""
    pictures = {f"train/{'AB'[n % 2]}/{n}.png": scan(n) for n in range(10, 20)}
    pictures |= {f"test/{'AB'[n % 2]}/{n}.png": scan(n) for n in range(20, 30)}
    pictures |= {f"train/A/copy{n}.png": scan(0) for n in range(9)}
    pictures |= {"test/A/copy.png": scan(0)}
    import_source(workspace, write(tmp_path / "source", pictures), ImportOptions(name="set"))
    assert len(leaks(workspace, "duplicates")) == 9
    drop(workspace, "train/A/copy0.png", "train/A/copy1.png")
    assert len(leaks(workspace, "duplicates")) == 7


@pytest.mark.parametrize("kind", [kind for kind in planting.KINDS if kind != "exact"])
def test_every_kind_of_copy_is_found(tmp_path: Path, scan: Call, search: Call, kind: str) -> None:
    pictures = {f"{'AB'[n % 2]}/{n}.png": scan(n) for n in range(16)}
    folder = write(tmp_path / "source", pictures)
    changed = planting.KINDS[kind](Image.fromarray(scan(3)), planting.random.Random(1))
    changed.save(folder / "A/copy.jpg", quality=90)
    manifest, exact, near = search(folder)
    assert exact.empty
    assert linked(manifest, near) == {frozenset({"B/3.png", "A/copy.jpg"})}
    said = {"mirrored": "mirrored", "cropped": "cropped", "brightness": "brightness",
            "gamma": "brightness", "resized": "resized", "text": "written on"}  # fmt: skip
    assert said.get(kind, "") in near["changes"][0]
    assert near["different_labels"].tolist() == [True]


def test_alignment_finds_the_crop(scan: Call) -> None:
    """The crop's place and size are known; 0.01 of half a side is a quarter of a pixel."""
    picture = Image.fromarray(scan(5, 480, 480))
    left, top, right, bottom = box = (10, 30, 450, 470)
    first, second = (
        np.asarray(each.resize((48, 48)), np.float32)[np.newaxis]
        for each in (picture, picture.crop(box))
    )
    position = align(first, second)
    expected = [(right - left) / 480, (left + right) / 480 - 1,
                (bottom - top) / 480, (top + bottom) / 480 - 1]  # fmt: skip
    assert position[0] == pytest.approx(expected, abs=0.01)
    assert agreement(first, second, position, GLANCE).share[0] > 0.9


def test_the_search_is_blockwise_and_complete() -> None:
    """Near neighbours among thousands, against all pairs at once; no n x n matrix in memory."""
    generator = np.random.default_rng(0)
    count = 3000
    drawn = np.abs(generator.normal(1, 0.3, (count, 288))).astype(np.float16)
    drawn[2000:2040] = drawn[:40] + generator.normal(0, 0.02, (40, 288)).astype(np.float16)
    tracemalloc.start()
    told: list[tuple[int, int]] = []
    found = ended(candidates(drawn), told.append)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told[-1] == (3, 3)
    assert peak < 200e6
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert {(n, 2000 + n) for n in range(40)} <= pairs
    assert (found.first < found.second).all()
    assert len(found) <= 2 * 10 * count


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["nih-cxr-320", "skin-ham10000"])
def test_planted_copies_among_real_pictures(
    pack: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    """The bounds of the promise on a small sample; `benchmarks.planted` measures on all."""
    from benchmarks.planted import others, planted_in, recall, searched

    pack(name)
    planted = planted_in(name, tmp_path / "pictures", each=5, limit=120)
    _, pairs, _ = searched(planted, tmp_path / "workspace")
    found = recall(planted, pairs)
    assert found.loc["exact", "exact"] == 5
    assert found["found"].sum() >= 0.95 * found["n"].sum()
    assert len(others(planted, pairs)) <= 0.01 * len(pairs)
