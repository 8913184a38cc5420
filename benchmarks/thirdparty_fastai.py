"""fastai: ImageDataLoaders, vision_learner and fine_tune, as its tutorial for pictures has it."""

from __future__ import annotations

import tempfile
import time

from fastai.callback.core import Callback
from fastai.callback.schedule import fine_tune as _  # noqa: F401  (adds it to learners)
from fastai.callback.tracker import SaveModelCallback
from fastai.losses import CrossEntropyLossFlat
from fastai.metrics import RocAucBinary
from fastai.torch_core import params, set_seed
from fastai.vision.augment import RandomResizedCrop, aug_transforms
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageDataLoaders, Normalize
from fastai.vision.learner import vision_learner
from sklearn.metrics import roc_auc_score
from torch import nn

from benchmarks.thirdparty import Task


class Clock(Callback):
    """Seconds and validation AUROC of each epoch, over all of fine_tune's fits."""

    order = 60  # after the recorder, which computes the AUROC

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.auroc: list[float] = []

    def before_epoch(self) -> None:
        self._begin = time.monotonic()

    def after_epoch(self) -> None:
        self.seconds.append(time.monotonic() - self._begin)
        self.auroc.append(float(self.learn.recorder.values[-1][-1]))


def run(task: Task) -> tuple[list[float], list[float], float]:
    """Seconds and validation AUROC by epoch, and test AUROC of the best epoch.

    `fine_tune` spends its first epoch on the head, the others on everything; `all` learns the
    head alone in one cycle. As in fastai, batch norms learn even where the rest is frozen, the
    head is fastai's own (two linear layers), the optimiser Adam in one cycle.

    Raises:
        ValueError: the strategy is neither; or a precision is asked for that is not float32.
    """
    if task.strategy not in ("fine_tune", "all") or task.precision != "32":
        raise ValueError("fastai is measured with the strategies fine_tune and all, in float32")
    set_seed(task.seed, reproducible=True)
    table = task.table()
    loaders = _loaders(task)
    clock = Clock()
    best = SaveModelCallback(monitor="roc_auc_score", fname="best", reset_on_fit=False)
    with tempfile.TemporaryDirectory() as folder:
        learner = vision_learner(
            loaders,
            lambda **_: task.network(),
            normalize=False,
            splitter=_groups,
            loss_func=CrossEntropyLossFlat(weight=task.class_weights()),
            metrics=RocAucBinary(),
            path=folder,
            cbs=[clock, best],
        )
        with learner.no_bar(), learner.no_logging():
            if task.strategy == "all" or task.epochs == 1:
                learner.fit_one_cycle(task.epochs)
            else:
                learner.fine_tune(task.epochs - 1, freeze_epochs=1)
            learner.remove_cb(clock)  # which would take the test pictures for an epoch
            test = loaders.test_dl(table[table["split"] == "test"], with_labels=True)
            probabilities, truth = learner.get_preds(dl=test)
    return clock.seconds, clock.auroc, float(roc_auc_score(truth, probabilities[:, 1]))


def _groups(model: nn.Sequential) -> list[list[nn.Parameter]]:
    """fastai's groups of a ResNet: up to layer2, layer3 and layer4, head; each learns faster."""
    body, head = model.children()
    stages = list(body.children())
    groups = (stages[:6], stages[6:], [head])
    return [params(nn.Sequential(*group)) for group in groups]


def _loaders(task: Task) -> ImageDataLoaders:
    table = task.table().query("split != 'test'")
    table = table.assign(held_out=table["split"] == "val")
    return ImageDataLoaders.from_df(
        table,
        path="/",
        fn_col="file",
        label_col="label",
        valid_col="held_out",
        bs=task.batch_size,
        num_workers=task.workers,
        item_tfms=RandomResizedCrop(224, min_scale=0.8, ratio=(0.9, 1.1)),
        batch_tfms=[
            *aug_transforms(
                do_flip=False, max_rotate=7, max_zoom=1, max_warp=0, max_lighting=0.2, p_affine=1,
                p_lighting=1,
            ),
            Normalize.from_stats(*imagenet_stats),
        ],
    )  # fmt: skip
