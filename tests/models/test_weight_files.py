"""Files of weights as they come: whole, cut, altered, malicious, of something else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import resnet34

from medxfer.config import Depth, HeadConfig
from medxfer.errors import WeightsError
from medxfer.files import sha256_of
from medxfer.models.resnet import build
from medxfer.models.weights.load import apply, load_weights
from medxfer.paths import Workspace

State = dict[str, Tensor]


def refusal(path: Path | str, workspace: Workspace, depth: Depth = Depth.RESNET18) -> WeightsError:
    """The error of loading; a sentence each for what is wrong and for what to do."""
    with pytest.raises(WeightsError) as caught:
        load_weights(str(path), depth, workspace)
    error = caught.value
    assert error.problem.endswith(".")
    assert error.remedy.endswith((".", "?"))
    assert "\n" not in str(error)
    return error


def saved(state: State, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file({name: value.contiguous() for name, value in state.items()}, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.ckpt", "w.pth.tar", "w.safetensors"])
def test_a_whole_file(
    name: str, resnet18_state: State, tmp_path: Path, workspace: Workspace
) -> None:
    path = saved(resnet18_state, tmp_path / name)
    loaded = load_weights(str(path), Depth.RESNET18, workspace)
    assert loaded.sha256 == sha256_of(path)
    assert name in loaded.description
    assert not any(entry.startswith("fc.") for entry in loaded.state)

    model = build(Depth.RESNET18, 3, HeadConfig())
    head = {entry: value.clone() for entry, value in model.fc.state_dict().items()}
    apply(model, loaded)
    after = model.state_dict()
    assert all(after[entry].equal(resnet18_state[entry]) for entry in loaded.state)
    assert all(value.equal(head[entry]) for entry, value in model.fc.state_dict().items())


def test_applying_is_strict(resnet18_file: Path, workspace: Workspace) -> None:
    loaded = load_weights(str(resnet18_file), Depth.RESNET18, workspace)
    del loaded.state["layer4.1.bn2.weight"]
    with pytest.raises(RuntimeError, match=r"layer4\.1\.bn2\.weight"):
        apply(build(Depth.RESNET18, 2, HeadConfig()), loaded)


def test_none_leaves_the_random_weights(workspace: Workspace) -> None:
    loaded = load_weights("none", Depth.RESNET18, workspace)
    assert (loaded.state, loaded.sha256) == ({}, "")
    model = build(Depth.RESNET18, 2, HeadConfig())
    before = model.conv1.weight.clone()
    apply(model, loaded)
    assert model.conv1.weight.equal(before)


def test_half_precision_and_old_files_without_counters(
    resnet18_state: State, tmp_path: Path, workspace: Workspace
) -> None:
    half = {
        name: value.half()
        for name, value in resnet18_state.items()
        if not name.endswith("num_batches_tracked")
    }
    loaded = load_weights(str(saved(half, tmp_path / "half.pth")), Depth.RESNET18, workspace)
    assert loaded.state["conv1.weight"].dtype == torch.float32
    apply(build(Depth.RESNET18, 2, HeadConfig()), loaded)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.0001, 0.5, 0.999999])
def test_a_cut_file(
    kept: float, suffix: str, resnet18_state: State, tmp_path: Path, workspace: Workspace
) -> None:
    path = saved(resnet18_state, tmp_path / f"cut{suffix}")
    os.truncate(path, int(path.stat().st_size * kept))
    assert ("is cut" if kept else "is empty") in refusal(path, workspace).problem


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"<html>Not found</html>", b"\x00" * 5000, os.urandom(5000)])
def test_a_file_of_something_else(
    content: bytes, suffix: str, tmp_path: Path, workspace: Workspace
) -> None:
    path = tmp_path / f"other{suffix}"
    path.write_bytes(content)
    assert "not a" in refusal(path, workspace).problem


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"shape":[64]', b'"shape":[65]'), (b'"data_offsets":[0,', b'"data_offsets":[9,')],
)
def test_a_header_that_does_not_fit_its_numbers(
    old: bytes, new: bytes, resnet18_state: State, tmp_path: Path, workspace: Workspace
) -> None:
    path = saved(resnet18_state, tmp_path / "odd.safetensors")
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    assert "odd.safetensors" in refusal(path, workspace).problem


def test_a_header_of_impossible_length(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes((2**60).to_bytes(8, "little") + b'{"a":1}' + bytes(99))
    began = time.monotonic()
    assert "long.safetensors" in refusal(path, workspace).problem
    assert time.monotonic() - began < 5


class _Malice:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_pickle_does_not_run(
    zipped: bool, resnet18_state: State, tmp_path: Path, workspace: Workspace
) -> None:
    mark, path = tmp_path / "it-ran", tmp_path / "evil.pth"
    stored = {"state_dict": resnet18_state, "epoch": _Malice(mark)}
    torch.save(stored, path, _use_new_zipfile_serialization=zipped)
    assert "could run code" in refusal(path, workspace).problem
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists(), "the file is harmless, so this test proves nothing"


def test_a_pickled_model_is_not_a_state_dict(tmp_path: Path, workspace: Workspace) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "model.pth")
    assert "state dict" in refusal(tmp_path / "model.pth", workspace).remedy


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite(
    bad: float, resnet18_state: State, tmp_path: Path, workspace: Workspace
) -> None:
    broken = resnet18_state["layer3.0.bn1.running_var"].clone()
    broken[5] = bad
    state = {**resnet18_state, "layer3.0.bn1.running_var": broken}
    error = refusal(saved(state, tmp_path / "nan.safetensors"), workspace)
    assert "not finite" in error.problem
    assert "layer3.0.bn1.running_var" in error.problem


def test_another_depth_is_named(tmp_path: Path, workspace: Workspace) -> None:
    path = saved(resnet34(weights=None).state_dict(), tmp_path / "w.pth")
    error = refusal(path, workspace)
    assert error.problem == "File w.pth holds a ResNet-34, not the ResNet-18 chosen."
    assert "depth 34" in error.remedy


def test_a_missing_stage(resnet18_state: State, tmp_path: Path, workspace: Workspace) -> None:
    state = {name: value for name, value in resnet18_state.items() if "layer4" not in name}
    error = refusal(saved(state, tmp_path / "w.pth"), workspace)
    assert "lacks 25 entries of a ResNet-18, in layer4, the first layer4.0.conv1" in error.problem


@pytest.mark.parametrize(
    ("entry", "value", "sentence"),
    [
        ("conv1.weight", torch.ones(64, 1, 7, 7), "pictures of 1 channel"),
        ("conv1.weight", torch.tensor(1.0), "does not fit|channel"),
        ("layer2.0.conv1.weight", torch.ones(128, 64, 5, 5), "128 × 64 × 5 × 5 there"),
        ("layer1.0.conv1.bias", torch.ones(64), "another design"),
        ("conv2.weight", torch.ones(64, 64, 3, 3), "another design"),
        ("bn1.weight", torch.ones(64, dtype=torch.int32), "torch.int32"),
        ("bn1.weight", torch.ones(64, device="meta"), "not as plain"),
        ("bn1.weight", torch.ones(64).to_sparse(), "not as plain"),
    ],
)
def test_what_does_not_fit(
    entry: str,
    value: Tensor,
    sentence: str,
    resnet18_state: State,
    tmp_path: Path,
    workspace: Workspace,
) -> None:
    path = saved({**resnet18_state, entry: value}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=sentence):
        load_weights(str(path), Depth.RESNET18, workspace)


def test_files_that_are_none(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "weights.h5").write_bytes(b"\x89HDF")
    assert "There is no weights file at" in refusal(tmp_path / "gone.pth", workspace).problem
    assert "There is no weights file at" in refusal("~nobody-here/w.pth", workspace).problem
    assert "File name too long" in refusal("a" * 5000 + ".pth", workspace).problem
    assert "is a folder" in refusal(tmp_path, workspace).problem
    assert "not of a kind" in refusal(tmp_path / "weights.h5", workspace).problem
    assert refusal("imagnet", workspace).remedy == "Did you mean 'imagenet'?"
