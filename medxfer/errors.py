"""The one exception tree.

A `MedxferError` is expected: a person can mend it. Its text says which thing, what is wrong in
plain words and what was done; its remedy says what to do next. Anything else that reaches a
boundary is a bug.
"""

from __future__ import annotations


class MedxferError(Exception):
    """A problem the person can mend.

    `str(error)` is the whole text; `problem` and `remedy` are its two halves.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy


class UnknownNameError(MedxferError):
    """A name that nothing is registered under."""


class ConfigError(MedxferError):
    """Settings that cannot be used, all problems listed together."""


class WorkspaceError(MedxferError):
    """The workspace folder cannot be used."""


class AddressError(MedxferError):
    """The app would be open to people it was not meant for."""


class CacheError(MedxferError):
    """What was kept in the cache can no longer be read."""


class DataError(MedxferError):
    """A data set, or the source of one, cannot be used as it is."""


class ImageError(DataError):
    """One picture cannot be used."""


class ArchiveError(DataError):
    """A ZIP file is refused."""


class TableError(DataError):
    """A CSV table is refused."""


class WeightsError(MedxferError):
    """Pretrained or saved weights are missing, damaged or do not fit."""


class TrainingError(MedxferError):
    """Training cannot start or cannot go on."""


class DeviceError(TrainingError):
    """The device a run asks for is not there."""


class DiskError(TrainingError):
    """There is too little space for a run."""


class RunError(MedxferError):
    """A run is missing, unfinished, damaged or in use."""


class EvaluationError(MedxferError):
    """A figure cannot be computed from these predictions."""


class ExplainError(MedxferError):
    """A scan cannot be explained by this run."""
