"""One explained scan as it leaves the workspace: its values, and its two pictures.

Its page is in `scan_page`. Whatever was answered only because a person insisted says so in each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medxfer import RESEARCH_USE_ONLY
from medxfer.explain.overlay import encode_png
from medxfer.reports.exports import heatmap_png
from medxfer.reports.footer import with_footer
from medxfer.reports.stamp import Stamp, last_part
from medxfer.reports.trust import trust_sentence, trust_values, trust_warning

if TYPE_CHECKING:  # the page that offers these opens before torch is there
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Answer

_UNLIKE = "this picture is unlike the scans the run was trained on"
_UNKNOWN = "whether this picture is like the scans the run was trained on cannot be said"
_INSISTED = "Answered only because a person insisted: "
_NOT_ANSWERED = "Not answered: "


@dataclass(frozen=True, eq=False)
class Explained:
    """What is known of one scan.

    `pixels` is uint8 (H, W, 3), `notes` what reading it changed. `heat` is None where the scan
    was refused, or no heatmap was asked for, `checks` where none was made. The probabilities told
    are those of the answer, after the temperature, not those of `heat`.
    """

    name: str
    """A file name; of a path the last part is told."""
    pixels: NDArray[np.uint8]
    notes: tuple[str, ...]
    answer: Answer
    heat: Explanation | None = None
    checks: Faithfulness | None = None

    def __post_init__(self) -> None:
        if self.answer.verdict is None and self.heat is not None:
            raise ValueError("a scan that was refused has no heatmap: it would tell probabilities")
        if self.heat is None and self.checks is not None:
            raise ValueError("checks without the heatmap they are of")

    @property
    def image(self) -> str:
        """The name without folders; what no text can hold is replaced."""
        return last_part(self.name).encode("utf-8", "replace").decode()

    @property
    def familiar(self) -> bool:
        """Whether the picture is known to be like the scans the run was trained on."""
        return self.answer.familiarity is not None and self.answer.familiarity.familiar

    @property
    def familiarity(self) -> str:
        """What is said of that, for a person; no reason that may name other files."""
        if self.answer.familiarity is None:
            return f"{_UNKNOWN[0].upper()}{_UNKNOWN[1:]}."
        return self.answer.familiarity.sentence

    @property
    def caution(self) -> str:
        """What every export of an unfamiliar scan carries; "" for a familiar one."""
        if self.familiar:
            return ""
        reason = _UNKNOWN if self.answer.familiarity is None else _UNLIKE
        if self.answer.verdict is None:
            return f"{_NOT_ANSWERED}{reason}."
        if self.answer.familiarity is None:
            return f"{_INSISTED}{reason}."
        return f"{_INSISTED}{reason}, so the run's figures do not hold for it."

    @property
    def sentence(self) -> str:
        """The answer in words, with whether it is familiar and what the heatmap's checks say."""
        verdict = self.answer.verdict
        if verdict is None:
            return f"{self.familiarity} It was not answered."
        warned = "" if self.familiar else f"{self.familiarity} {_INSISTED}"
        checked = "" if self.checks is None else f" {trust_sentence(self.checks)}"
        return f"{warned}{verdict.sentence}{checked}"

    @property
    def calibrated(self) -> Explanation | None:
        """The heatmap with the probabilities and the class that the answer calls."""
        verdict = self.answer.verdict
        if self.heat is None or verdict is None:
            return None
        probabilities = np.array(verdict.probabilities)
        return replace(self.heat, probabilities=probabilities, predicted=verdict.called)


def scan_values(explained: Explained, stamp: Stamp) -> dict[str, Any]:
    """Everything known of a scan but its pixels, for JSON: numbers are finite or null.

    A scan that was refused has none of the keys of a verdict, and no labels of similar scans:
    those would be a prediction.
    """
    height, width = explained.pixels.shape[:2]
    answer, checks = explained.answer, explained.checks
    value: dict[str, Any] = {
        "notice": RESEARCH_USE_ONLY,
        "run": stamp.run,
        "model": stamp.model,
        "data": stamp.data,
        "version": stamp.version,
        "date": stamp.date,
        "image": explained.image,
        "width": width,
        "height": height,
        "notes": explained.notes,
        "sentence": explained.sentence,
        "answered": answer.verdict is not None,
        "insisted": answer.insisted,
        "caution": explained.caution,
        "familiarity": _familiarity(explained),
        **(answer.verdict.to_json() if answer.verdict else {}),
        "explanation": explained.heat and _explanation(explained.heat),
        "faithfulness": checks and trust_values(checks),
    }
    return {key: _plain(part) for key, part in value.items()}


def original_png(explained: Explained, stamp: Stamp) -> bytes:
    """The picture as it was read, as PNG: stamp burnt in below, no metadata."""
    lines = [
        f"Image {explained.image}", "Original picture, without a heatmap", explained.caution,
        *stamp.lines,
    ]  # fmt: skip
    return encode_png(with_footer(explained.pixels, lines))


def overlay_png(
    explained: Explained, stamp: Stamp, colour_map: str = "inferno", opacity: float = 0.5
) -> bytes:
    """The picture under its heatmap as PNG: what it is worth and the stamp burnt in below.

    Raises:
        ValueError: the scan has no heatmap.
        UnknownNameError: no such colour map.
    """
    heat, verdict = explained.calibrated, explained.answer.verdict
    if heat is None or verdict is None:
        raise ValueError("this scan has no heatmap")
    remarks = [trust_sentence(explained.checks), explained.caution]
    if explained.checks is not None:
        remarks.append(trust_warning(explained.checks))
    if verdict.uncertain:
        remarks.append("Within the uncertain band, so a person should look.")
    return heatmap_png(
        explained.pixels, heat, stamp, opacity, colour_map, explained.image, remarks=remarks
    )


def _familiarity(explained: Explained) -> dict[str, Any]:
    found = explained.answer.familiarity
    if found is None:
        return {"familiar": None, "sentence": explained.familiarity}
    if explained.answer.verdict is None:
        unlabelled = [vars(case) | {"label": None} for case in found.similar]
        return found.to_json() | {"similar": unlabelled}
    return found.to_json()


def _explanation(heat: Explanation) -> dict[str, Any]:
    height, width = heat.heatmap.shape
    return {
        "class": heat.classes[heat.target],
        "rather_than": None if heat.against is None else heat.classes[heat.against],
        "method": heat.method,
        "stage": str(heat.stage),
        "raw_maximum": heat.raw_maximum,
        "width": width,
        "height": height,
        "seen": heat.seen,
    }


def _plain(value: Any) -> Any:
    """What JSON can hold: numbers of numpy as Python's, and null for one that is not finite."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
