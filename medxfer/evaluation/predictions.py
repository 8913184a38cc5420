"""Predictions: a table, one row an image. Every figure of a model is a pure function of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from medxfer.errors import EvaluationError
from medxfer.evaluation.positive import positive_class
from medxfer.files import replacing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FACTS = ("image", "file", "patient", "split")
_METADATA_KEY = b"medxfer"
_TWO = 2


@dataclass(frozen=True)
class Predictions:
    """What a model said of n images.

    `facts` holds image, file, patient and split as text, one row an image; `truth` is (n,)
    class indices, -1 where the truth is unknown; `logits` is (n, k), before the softmax.
    `threshold` is the least probability at which the positive one of two classes is called; None
    calls the most probable class. It is a decision about these answers and is not saved with them.
    `finding` is the name of that positive class; None leaves it to a guess from the names.
    """

    classes: tuple[str, ...]
    facts: pd.DataFrame
    truth: Ints
    logits: Floats
    threshold: float | None = None
    finding: str | None = None

    def __post_init__(self) -> None:
        n = len(self.facts)
        if self.finding is not None and self.finding not in self.classes:
            raise EvaluationError(
                f"'{self.finding}' cannot be the finding: the classes are "
                f"{', '.join(self.classes)}."
            )
        shapes_fit = self.truth.shape == (n,) and self.logits.shape == (n, len(self.classes))
        if not shapes_fit or not ((self.truth >= -1) & (self.truth < len(self.classes))).all():
            raise EvaluationError(
                f"These predictions do not fit together: {n} images, truth {self.truth.shape}, "
                f"logits {self.logits.shape}, {len(self.classes)} classes."
            )
        if not np.isfinite(self.logits).all():
            bad = int((~np.isfinite(self.logits).all(axis=1)).sum())
            raise EvaluationError(
                f"The model gave no valid number for {bad} of {n} pictures.",
                "Its weights are damaged or training diverged; lower the learning rate.",
            )

    def __len__(self) -> int:
        return len(self.facts)

    @cached_property
    def probabilities(self) -> Floats:
        """(n, k), softmax of the logits; rows sum to 1."""
        shifted = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)

    @property
    def positive(self) -> int:
        """Of two classes the index of the one a test looks for."""
        return positive_class(self.classes, self.finding)

    @property
    def judged_classes(self) -> tuple[int, ...]:
        """The classes that are judged against the rest: of two the positive, of more each."""
        two = len(self.classes) == _TWO
        return (self.positive,) if two else tuple(range(len(self.classes)))

    @property
    def predicted(self) -> Ints:
        """(n,) index of the class called: the most probable one (the first of equals), or by
        the threshold if there is one."""
        if self.threshold is not None:
            called = self.probabilities[:, self.positive] >= self.threshold
            return np.where(called, self.positive, 1 - self.positive).astype(np.int64)
        return np.asarray(self.logits.argmax(axis=1), dtype=np.int64)

    @cached_property
    def known(self) -> Predictions:
        """The answers about images of known truth; only these can be judged."""
        return self.only(self.truth >= 0)

    def at(self, threshold: float | None) -> Predictions:
        """The same answers, called at another threshold; one of two classes only.

        Raises:
            EvaluationError: the threshold is not within 0 and 1, or there are not two classes.
        """
        if threshold is not None and (len(self.classes) != _TWO or not 0 <= threshold <= 1):
            raise EvaluationError(
                f"{threshold} cannot be the threshold of {len(self.classes)} classes.",
                "A threshold is a probability from 0 to 1 and needs exactly two classes.",
            )
        return replace(self, threshold=threshold)

    def tempered(self, temperature: float) -> Predictions:
        """The same answers with logits divided by `temperature`: above 1 is less certain.

        Raises:
            EvaluationError: the temperature is not a positive number.
        """
        if not (np.isfinite(temperature) and temperature > 0):
            raise EvaluationError(
                f"{temperature} cannot be a temperature.", "Give a number above 0."
            )
        return replace(self, logits=self.logits / temperature)

    def only(self, rows: Ints | NDArray[np.bool_]) -> Predictions:
        """The answers about some of the images, by position or by flag."""
        facts = self.facts.iloc[np.arange(len(self))[rows]].reset_index(drop=True)
        return replace(self, facts=facts, truth=self.truth[rows], logits=self.logits[rows])

    def table(self) -> pd.DataFrame:
        """Facts, truth and prediction by name, then one probability column a class."""
        names = np.asarray([*self.classes, ""], dtype=object)
        table = self.facts[list(_FACTS)].reset_index(drop=True)
        table["truth"] = names[self.truth]
        table["prediction"] = names[self.predicted]
        for index, name in enumerate(self.classes):
            table[f"p({name})"] = self.probabilities[:, index]
        return table

    def save(self, path: Path) -> None:
        """Write as Parquet beside `path` and rename; classes and finding travel in the file."""
        columns = {name: pa.array(self.facts[name].astype(str), pa.string()) for name in _FACTS}
        columns["truth"] = pa.array(self.truth)
        for index in range(len(self.classes)):
            columns[f"logit_{index}"] = pa.array(self.logits[:, index])
            columns[f"probability_{index}"] = pa.array(self.probabilities[:, index])
        described = {"schema": 1, "classes": self.classes, "finding": self.finding}
        metadata = {_METADATA_KEY: json.dumps(described)}
        with replacing(path) as temporary:
            table = pa.table(columns).replace_schema_metadata(metadata)
            pq.write_table(table, temporary, write_page_checksum=True)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote.

        Raises:
            EvaluationError: the file is missing or is not a predictions file.
        """
        try:
            stored = pq.read_table(path, page_checksum_verification=True)
            described = json.loads(stored.schema.metadata[_METADATA_KEY])
            classes = tuple(described["classes"])
            table = stored.to_pandas()
            logits = table[[f"logit_{index}" for index in range(len(classes))]]
            facts = table[list(_FACTS)]
            truth = table["truth"].to_numpy(dtype=np.int64)
            predictions = cls(
                classes,
                facts,
                truth,
                logits.to_numpy(dtype=np.float64),
                finding=described.get("finding"),
            )
        except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise EvaluationError(
                f"The predictions in {path.name} cannot be read.",
                "Evaluate the run again to make them anew.",
            ) from error
        return predictions
