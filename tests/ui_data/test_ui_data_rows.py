from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medxfer.data.library import load_manifest
from medxfer.errors import DataError
from medxfer.paths import Workspace
from medxfer.ui.data.source import existing, is_upload, keep_upload, suggest_name, upload_path
from medxfer.ui.data.table import Filter, matching, picture_sizes
from medxfer.ui.gallery import Tile, gallery


def test_filters_narrow_by_class_part_and_name(filled: Workspace) -> None:
    table = load_manifest(filled, "scans").table
    assert len(matching(table, Filter())) == 32
    assert set(matching(table, Filter(label="sick"))["label"]) == {"sick"}
    assert set(matching(table, Filter(split="test"))["split"]) == {"test"}
    assert list(matching(table, Filter(search="S3_"))["file"]) == [
        "sick/s3_0.png", "sick/s3_1.png",
    ]  # fmt: skip
    assert len(matching(table, Filter(search="h3"))) == 2
    assert matching(table, Filter(search="(")).empty


def test_a_hundred_thousand_rows_are_filtered_in_less_than_a_second() -> None:
    n = 100_000
    ids = pd.Series(np.arange(n).astype(str))
    table = pd.DataFrame(
        {"image": ids, "file": "f" + ids, "patient": "p" + ids, "label": "a", "split": "train"}
    )
    begin = time.perf_counter()
    assert len(matching(table, Filter(label="a", search="p9999"))) == 11
    assert time.perf_counter() - begin < 1


def test_picture_sizes_are_told_by_class(filled: Workspace) -> None:
    sizes = picture_sizes(load_manifest(filled, "scans"))
    assert list(sizes["Class"]) == ["healthy", "sick"]
    assert set(sizes["Median"]) == {"48 × 40"}


def test_a_page_holds_sixty_tiles_at_most() -> None:
    with pytest.raises(ValueError, match="61 tiles"):
        gallery([Tile(str(n), b"", "") for n in range(61)], key="many")


def test_paths_are_taken_as_pasted(tmp_path: Path) -> None:
    assert existing(f' "{tmp_path}" ') == tmp_path
    with pytest.raises(DataError, match="not a full path"):
        existing("scans")
    with pytest.raises(DataError, match=r"nothing at .* exists; check what follows"):
        existing(str(tmp_path / "a" / "b"))


def test_an_upload_is_kept_under_a_harmless_name_and_forgotten_after_a_day(
    workspace: Workspace,
) -> None:
    old = keep_upload(workspace, "old.zip", memoryview(b"1"))
    folder = workspace.staging / f"upload-{old}"
    os.utime(folder, (0, 0))
    new = keep_upload(workspace, "../../etc/pass*wd.zip", memoryview(b"22"))
    path = upload_path(workspace, new)
    assert path is not None
    assert path.read_bytes() == b"22"
    assert path.parent.parent == workspace.staging
    assert is_upload(workspace, path)
    assert not is_upload(workspace, Path("/data/x.zip"))
    assert upload_path(workspace, old) is None
    assert upload_path(workspace, "../..") is None


def test_a_suggested_name_is_free(filled: Workspace, scans: Path) -> None:
    assert suggest_name(filled, scans) == "scans 2"
    assert suggest_name(filled, scans / "sick") == "sick"
