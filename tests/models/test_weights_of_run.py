"""What a run saved: used again, and noticed when it is not what was saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torchvision.models import ResNet

from medxfer.config import Depth, HeadConfig
from medxfer.errors import WeightsError
from medxfer.models import checkpoint
from medxfer.models.resnet import build
from medxfer.models.weights.load import load_weights
from medxfer.paths import Workspace

RUN = "20260102-030405-abcd"


def keep(model: ResNet, folder: Path, epoch: int) -> checkpoint.Record:
    return checkpoint.save(
        model, folder, depth=Depth.RESNET18, head=HeadConfig(), classes=tuple("abcd"), epoch=epoch
    )


@pytest.fixture
def model() -> ResNet:
    torch.manual_seed(3)
    return build(Depth.RESNET18, 4, HeadConfig()).eval()


@pytest.fixture
def folder(workspace: Workspace, model: ResNet) -> Path:
    """The checkpoints of a run that kept its second epoch."""
    folder = workspace.run(RUN).checkpoints
    keep(model, folder, 2)
    return folder


def refusal(workspace: Workspace, run: str = RUN, depth: Depth = Depth.RESNET18) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        load_weights(f"run:{run}", depth, workspace)
    return caught.value


def test_the_best_weights_of_a_run(folder: Path, model: ResNet, workspace: Workspace) -> None:
    loaded = load_weights(f"run:{RUN}", Depth.RESNET18, workspace)
    assert RUN in loaded.description
    assert loaded.sha256 == checkpoint.read_record(folder, RUN).sha256
    assert loaded.state.keys() == {n for n in model.state_dict() if not n.startswith("fc.")}
    assert all(value.equal(model.state_dict()[name]) for name, value in loaded.state.items())


def test_what_is_saved_answers_as_before(folder: Path, model: ResNet) -> None:
    again, record = checkpoint.load(folder, RUN)
    pictures = torch.rand(2, 3, 64, 64)
    assert again(pictures).equal(model(pictures))
    assert (record.epoch, record.classes, again.training) == (2, tuple("abcd"), False)


def test_one_flipped_bit_is_noticed(folder: Path, workspace: Workspace) -> None:
    (path,) = folder.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert "checksum" in refusal(workspace).problem


@pytest.mark.usefixtures("folder")
def test_a_run_of_another_depth(workspace: Workspace) -> None:
    error = refusal(workspace, depth=Depth.RESNET50)
    assert error.problem == f"Run '{RUN}' holds a ResNet-18, not the ResNet-50 chosen."


def test_a_run_that_is_not_there(folder: Path, workspace: Workspace) -> None:
    assert f"Did you mean 'run:{RUN}'?" in refusal(workspace, RUN[:-1] + "x").remedy
    (folder / "best.json").unlink()
    assert "saved no weights yet" in refusal(workspace).problem


@pytest.mark.parametrize("note", ["", "[]", "{}", "{"])
def test_a_record_that_cannot_be_read(note: str, folder: Path, workspace: Workspace) -> None:
    (folder / "best.json").write_text(note)
    assert "is damaged" in refusal(workspace).problem


def test_a_record_of_a_newer_version_says_so(folder: Path, workspace: Workspace) -> None:
    record = json.loads((folder / "best.json").read_text())
    for fields in ({"schema_version": checkpoint.SCHEMA + 1}, {"said_by_a_later_version": 1}):
        (folder / "best.json").write_text(json.dumps(record | fields))
        assert "of a newer version of medxfer" in refusal(workspace).problem


def test_a_diverged_epoch_never_replaces_a_good_one(folder: Path, model: ResNet) -> None:
    before = checkpoint.read_record(folder, RUN)
    with torch.no_grad():
        model.conv1.weight[0] = float("nan")
    with pytest.raises(WeightsError, match="not finite"):
        keep(model, folder, 3)
    assert checkpoint.verified(folder, RUN)[0] == before


def test_the_better_epoch_takes_the_place(folder: Path, model: ResNet) -> None:
    with torch.no_grad():
        model.conv1.weight += 1
    record = keep(model, folder, 5)
    assert checkpoint.verified(folder, RUN) == (record, folder / record.file)
    assert len(list(folder.glob("*.safetensors"))) == 1
