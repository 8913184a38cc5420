"""Lightning: an ordinary module, torchvision transforms, a DataLoader over the files."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import lightning as lt
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchmetrics.classification import BinaryAUROC
from torchvision.transforms import InterpolationMode, v2

from benchmarks.thirdparty import RATES, Task

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FIRST = {"all": "fc", "partial": "layer4", "none": "conv1"}
"""The first child of the network that learns, by strategy."""


class Files(Dataset[tuple[Tensor, int]]):
    """Pictures of a table, decoded when asked for."""

    def __init__(self, table: pd.DataFrame, transform: v2.Transform) -> None:
        self._files, self._targets = table["file"].tolist(), table["target"].tolist()
        self._transform = transform

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        with Image.open(self._files[row]) as image:
            return self._transform(image.convert("RGB")), self._targets[row]


class Classifier(lt.LightningModule):
    """The source network with a linear head; what is frozen stays in evaluation mode."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = task.network()
        self.model.fc = nn.Linear(self.model.fc.in_features, 2)
        names = [name for name, _ in self.model.named_children()]
        before = names[: names.index(FIRST[task.strategy])]
        self.frozen = [self.model.get_submodule(name) for name in before]
        for module in self.frozen:
            module.requires_grad_(requires_grad=False)
        self.rate = RATES[task.strategy]
        self.loss = nn.CrossEntropyLoss(weight=task.class_weights())
        self.auroc = BinaryAUROC()

    def on_train_epoch_start(self) -> None:
        for module in self.frozen:
            module.eval()

    def training_step(self, batch: list[Tensor], number: int) -> Tensor:
        inputs, truth = batch
        loss: Tensor = self.loss(self.model(inputs), truth)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor], number: int) -> None:
        self._judge(batch, "val_auroc")

    def test_step(self, batch: list[Tensor], number: int) -> None:
        self._judge(batch, "test_auroc")

    def _judge(self, batch: list[Tensor], name: str) -> None:
        inputs, truth = batch
        self.auroc(self.model(inputs).float().softmax(dim=1)[:, 1], truth)
        self.log(name, self.auroc, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        learning = [value for value in self.parameters() if value.requires_grad]
        return torch.optim.AdamW(learning, lr=self.rate, weight_decay=1e-4)


class Clock(Callback):
    """Seconds from the start of each training epoch to the end of its validation, and its AUROC."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.auroc: list[float] = []

    def on_train_epoch_start(self, *_: Any) -> None:
        self._begin = time.monotonic()

    def on_validation_end(self, trainer: lt.Trainer, _: lt.LightningModule) -> None:
        self.seconds.append(time.monotonic() - self._begin)
        self.auroc.append(float(trainer.callback_metrics["val_auroc"]))


def run(task: Task) -> tuple[list[float], list[float], float]:
    """Seconds and validation AUROC by epoch, and test AUROC of the best epoch.

    Raises:
        ValueError: the strategy is fastai's.
    """
    if task.strategy not in FIRST:
        raise ValueError(f"Lightning has no strategy '{task.strategy}', only {', '.join(FIRST)}")
    lt.seed_everything(task.seed, verbose=False)
    table = task.table()

    def loader(split: str, transform: v2.Transform) -> DataLoader[Any]:
        files = Files(table[table["split"] == split], transform)
        return DataLoader(
            files, task.batch_size, shuffle=split == "train", num_workers=task.workers,
            persistent_workers=task.workers > 0,
        )  # fmt: skip

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        best = ModelCheckpoint(folder, monitor="val_auroc", mode="max")
        trainer = lt.Trainer(
            accelerator="cpu", max_epochs=task.epochs, precision=task.precision,
            callbacks=[best, clock], logger=False, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0,
        )  # fmt: skip
        plain = v2.Compose([v2.Resize(256), v2.CenterCrop(224), *_normalised()])
        model = Classifier(task)
        trainer.fit(model, loader("train", _varied()), loader("val", plain))
        (tested,) = trainer.test(
            model, loader("test", plain), ckpt_path=best.best_model_path, verbose=False
        )
    return clock.seconds, clock.auroc, float(tested["test_auroc"])


def _varied() -> v2.Transform:
    return v2.Compose(
        [
            v2.RandomResizedCrop(224, scale=(0.8, 1.0), ratio=(0.9, 1.1)),
            v2.RandomRotation(7, interpolation=InterpolationMode.BILINEAR),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
            *_normalised(),
        ]
    )


def _normalised() -> list[v2.Transform]:
    return [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
