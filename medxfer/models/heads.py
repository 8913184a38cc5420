"""Heads: what turns the pooled features of a ResNet into one number a class."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from medxfer.config import HeadConfig
from medxfer.registry import Registry

HeadBuilder = Callable[[int, int, HeadConfig], nn.Module]
"""(features, classes, config) -> a module from (n, features) to logits (n, classes)."""

HEADS: Registry[HeadBuilder] = Registry("head")


def build_head(features: int, classes: int, config: HeadConfig) -> nn.Module:
    """The head that `config` describes, from (n, features) to logits (n, classes)."""
    return HEADS[config.kind](features, classes, config)


@HEADS.register("mlp")
def _mlp(features: int, classes: int, config: HeadConfig) -> nn.Module:
    return nn.Sequential(
        nn.Dropout(config.dropout_in),
        nn.Linear(features, config.hidden),
        nn.ReLU(inplace=True),
        nn.BatchNorm1d(config.hidden),
        nn.Dropout(config.dropout_out),
        nn.Linear(config.hidden, classes),
    )


@HEADS.register("linear")
def _linear(features: int, classes: int, config: HeadConfig) -> nn.Module:
    return nn.Linear(features, classes)
