"""The feature cache: what it gives is what the network would compute; what is shared is shared."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medxfer.cache.room import CacheRoom
from medxfer.config import Depth, HeadConfig, Preset, Stage, TrainConfig
from medxfer.data.importing import ImportOptions, import_source
from medxfer.data.library import delete_dataset, load_manifest
from medxfer.data.manifest import Manifest, Split
from medxfer.data.pixel_store import PixelStore
from medxfer.evaluation.pictures import Pictures
from medxfer.machine import Machine, on_cpu
from medxfer.models.prefix import Prefix
from medxfer.models.resnet import ResNet, build
from medxfer.paths import Workspace
from medxfer.training import features as module
from medxfer.training.augmentation import draw_views
from medxfer.training.features import JUDGED, FeatureCache
from medxfer.training.sampling import seed_of

SEED = 5


@pytest.fixture
def manifest(workspace: Workspace, small_data: str) -> Manifest:
    return load_manifest(workspace, small_data)


@pytest.fixture
def pictures(manifest: Manifest, room: CacheRoom) -> Iterator[Pictures]:
    with PixelStore(room, manifest) as store:
        list(store.fill(np.arange(len(manifest))))
        yield Pictures(store, manifest.targets(), on_cpu())


@pytest.fixture(scope="module")
def model() -> ResNet:
    torch.manual_seed(0)
    return build(Depth.RESNET18, 2, HeadConfig(kind="linear")).eval()


def cache(
    room: CacheRoom, pictures: Pictures, model: ResNet, first: Stage = Stage.LAYER4, **more: object
) -> FeatureCache:
    prefix = Prefix(model, first, pictures.machine.dtype)
    options = {"preset": Preset.ARTICLE, "seed": SEED} | more
    return FeatureCache(room, pictures, prefix, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("first", [Stage.LAYER2, Stage.LAYER4, Stage.HEAD])
def test_features_are_the_frozen_stages_of_the_views(
    room: CacheRoom, pictures: Pictures, model: ResNet, first: Stage, held: bool
) -> None:
    """Against torchvision's own modules, picture by picture."""
    rows = np.array([3, 17, 8, 30])
    kept = cache(room, pictures, model, first)
    for view in (JUDGED, 1, 2):
        list(kept.fill(view, rows))
        if held:
            kept.hold(view, rows)
    asked, views = np.array([8, 3, 30, 3, 17]), np.array([1, 0, 2, 1, 2])
    found = kept.take(views, asked)
    kept.close()

    stem = torch.nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool)
    stages = {
        Stage.LAYER2: [stem, model.layer1],
        Stage.LAYER4: [stem, model.layer1, model.layer2, model.layer3],
        Stage.HEAD: [stem, model.layer1, model.layer2, model.layer3, model.layer4, model.avgpool,
                     torch.nn.Flatten()],
    }  # fmt: skip
    plain = torch.nn.Sequential(*stages[first])
    for place, (view, row) in enumerate(zip(views.tolist(), asked.tolist(), strict=True)):
        drawn = (
            pictures.plain_views
            if view == JUDGED
            else draw_views(Preset.ARTICLE, pictures.store.sizes, seed_of(SEED, 0, view))
        )
        seen = pictures.input(np.array([row]), drawn[torch.tensor([row])])
        with torch.no_grad():
            expected = plain(seen)[0]
        torch.testing.assert_close(found[place], expected, rtol=1e-4, atol=1e-4)


def computed(kept: FeatureCache, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that will have been computed."""
    rows: list[int] = []
    original = kept._made
    monkeypatch.setattr(
        kept, "_made", lambda piece, *rest: rows.extend(piece.tolist()) or original(piece, *rest)
    )
    return rows


def test_what_one_run_computed_another_reads(
    room: CacheRoom, pictures: Pictures, model: ResNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cache(room, pictures, model)
    list(first.fill(1, np.arange(10)))
    first.close()
    second = cache(room, pictures, model)
    rows = computed(second, monkeypatch)
    list(second.fill(1, np.arange(12)))
    second.close()
    assert sorted(rows) == [10, 11]


@pytest.mark.parametrize("change", ["weights", "stage", "preset", "seed", "arithmetic"])
def test_whatever_decides_the_features_is_in_their_key(
    room: CacheRoom, pictures: Pictures, model: ResNet, change: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    rows = np.arange(8)
    first = cache(room, pictures, model)
    list(first.fill(1, rows))
    first.close()
    stage, options = Stage.LAYER4, {}
    if change == "weights":
        torch.manual_seed(0)
        model = build(Depth.RESNET18, 2, HeadConfig(kind="linear")).eval()
        with torch.no_grad():
            model.layer3[1].bn2.running_mean[7] += 1e-3
    elif change == "stage":
        stage = Stage.LAYER3
    elif change == "preset":
        options["preset"] = Preset.RADIOGRAPH
    elif change == "seed":
        options["seed"] = SEED + 1
    else:
        machine = Machine(torch.device("cpu"), torch.bfloat16)
        pictures = Pictures(pictures.store, pictures.targets.tolist(), machine)
    other = cache(room, pictures, model, stage, **options)
    made = computed(other, monkeypatch)
    list(other.fill(1, rows))
    other.close()
    assert sorted(made) == rows.tolist()


def test_the_view_of_evaluation_is_shared_whatever_the_preset_and_the_head(
    room: CacheRoom, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.arange(8)
    for head, preset, expected in (
        (HeadConfig(kind="linear"), Preset.ARTICLE, 8),
        (HeadConfig(), Preset.RADIOGRAPH, 0),
    ):
        torch.manual_seed(0)
        model = build(Depth.RESNET18, 2, head).eval()
        kept = cache(room, pictures, model, preset=preset, seed=expected)
        made = computed(kept, monkeypatch)
        list(kept.fill(JUDGED, rows))
        kept.close()
        assert len(made) == expected


def test_features_do_not_depend_on_what_else_was_missing(
    workspace: Workspace, pictures: Pictures, model: ResNet
) -> None:
    found = []
    for name, order in (("one", [[3], [9, 4], [0, 1, 2]]), ("two", [[0, 1, 2, 3, 4, 9]])):
        kept = cache(CacheRoom(workspace.root / name), pictures, model)
        for rows in order:
            list(kept.fill(1, np.array(rows)))
        found.append(kept.take(np.ones(6, dtype=np.int64), np.array([0, 1, 2, 3, 4, 9])))
        kept.close()
    assert torch.equal(*found)


def test_damaged_features_are_computed_again(
    room: CacheRoom, pictures: Pictures, model: ResNet
) -> None:
    rows = np.arange(6)
    kept = cache(room, pictures, model)
    list(kept.fill(1, rows))
    before = kept.take(np.ones(6, dtype=np.int64), rows).clone()
    kept.close()
    (shelf,) = room.root.glob("features/*/rows")
    content = bytearray(shelf.read_bytes())
    content[kept.bytes_each * 2 + 11] ^= 0x40
    shelf.write_bytes(content)
    again = cache(room, pictures, model)
    told = list(again.fill(1, rows))
    assert told[-1] == (1, 1)
    assert torch.equal(again.take(np.ones(6, dtype=np.int64), rows), before)
    again.close()


def test_filling_leaves_the_number_of_threads_to_new_threads_too(
    room: CacheRoom, pictures: Pictures, model: ResNet
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    kept = cache(room, pictures, model)
    try:
        list(kept.fill(1, np.arange(8)))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 3
    finally:
        kept.close()
        torch.set_num_threads(before)


def test_judged_batches_cover_the_rows_in_order(
    room: CacheRoom,
    pictures: Pictures,
    model: ResNet,
    manifest: Manifest,
    small_config: TrainConfig,
) -> None:
    rows = manifest.rows(Split.TEST)
    kept = cache(room, pictures, model, Stage.HEAD)
    list(kept.fill(JUDGED, rows))
    batches = list(kept.judged(rows, small_config.batch_size - 3))
    kept.close()
    assert torch.cat([places for _, _, places in batches]).tolist() == list(range(len(rows)))
    truth = torch.cat([targets for _, targets, _ in batches]).tolist()
    assert truth == manifest.part(Split.TEST).targets()
    assert module.JUDGED == 0


def test_a_deleted_data_set_leaves_no_decoded_pictures_and_no_features(
    workspace: Workspace, room: CacheRoom, manifest: Manifest, model: ResNet
) -> None:
    with PixelStore(room, manifest) as store:
        list(store.fill(np.arange(len(manifest))))
        kept = cache(room, Pictures(store, manifest.targets(), on_cpu()), model)
        list(kept.fill(1, np.arange(8)))
        kept.close()
    assert {shelf.kind for shelf in room.kept()} == {"pixels", "features"}
    delete_dataset(workspace, "small")
    assert room.kept() == []


def test_the_size_of_its_neighbours_does_not_change_a_picture(
    workspace: Workspace, tmp_path: Path, model: ResNet
) -> None:
    """Nor whether one of them has colours."""
    generator = np.random.default_rng(1)
    for label in ("A", "B"):
        (tmp_path / "mixed" / label).mkdir(parents=True)
        for number, (height, width) in enumerate([(256, 256), (300, 420), (411, 290), (90, 70)]):
            colours = () if number else (3,)
            pixels = generator.integers(0, 256, (height, width, *colours), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mixed" / label / f"{number}.png")
    import_source(workspace, tmp_path / "mixed", ImportOptions(name="mixed"))
    manifest = load_manifest(workspace, "mixed")
    rows, found = np.arange(8), []
    for name, parts in (("one", [[5], [2, 7], [0, 1, 3, 4, 6]]), ("two", [rows])):
        own = CacheRoom(workspace.root / name)
        with PixelStore(own, manifest) as store:
            list(store.fill(rows))
            kept = cache(own, Pictures(store, manifest.targets(), on_cpu()), model)
            for part in parts:
                list(kept.fill(1, np.array(part)))
            found.append(kept.take(np.ones(8, dtype=np.int64), rows))
            kept.close()
    assert torch.equal(*found)
