"""What a person chooses about an import."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from medxfer.config import Fraction, Settings


class ImportOptions(Settings):
    """How a source becomes a data set; what is left None is found out."""

    name: Annotated[str, Field(min_length=1)]
    patient_pattern: str | None = None
    """A regular expression with one group (or one named `patient`) for file names."""
    patient_column: str | None = None
    file_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    classes: tuple[str, ...] | None = None
    """Keep only these, in this order; None: all, by name."""
    validation_fraction: Fraction = 0.15
    """Of the images that are not test images, where the test part is given; else of all."""
    test_fraction: Fraction = 0.15
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    set_aside_overlap: bool = False
    """Patients on both sides of a given split: out of training, so that the test part stays."""

    @model_validator(mode="after")
    def _one_way_to_find_patients(self) -> Self:
        if self.patient_column and self.patient_pattern:
            raise ValueError("patients come from a column or from a pattern, not from both")
        return self

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> Self:
        if self.validation_fraction + self.test_fraction > 0.9:  # noqa: PLR2004
            raise ValueError("validation and test together may take at most 90 % of the images")
        return self
