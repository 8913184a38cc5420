"""One explained scan as a single HTML page: no script, nothing fetched, pictures inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from medxfer import RESEARCH_USE_ONLY
from medxfer.reports.blocks import Block, Points, Section, Table, Text, Tone, facts_table, number
from medxfer.reports.exports import heatmap_caption
from medxfer.reports.html import POLICY, page_html, section_html, summary_html
from medxfer.reports.scan import Explained, original_png, overlay_png
from medxfer.reports.stamp import Stamp
from medxfer.reports.trust import trust_blocks, trust_sentence

if TYPE_CHECKING:  # the page that offers this opens before torch is there
    from medxfer.explain.familiarity import Familiarity
    from medxfer.explain.heatmap import Explanation
    from medxfer.runs.answering import Verdict

_LONGEST = 1200
"""Pixels; a longer picture is made smaller for the page, which stays a few megabytes so."""
_NO_REASON = (
    "A heatmap shows where the network looked, not why, and not that it is right. A wrong answer "
    "has a heatmap too."
)


def scan_html(explained: Explained, stamp: Stamp, colour_map: str = "inferno") -> str:
    """The page: pictures, the answer, whether the scan is familiar, what the heatmap is worth.

    Everything that came from outside is escaped.

    Raises:
        UnknownNameError: no such colour map.
    """
    height, width = explained.pixels.shape[:2]
    facts = (
        ("Image", explained.image),
        ("Size", f"{width:,} × {height:,} pixels"),
        ("Model", stamp.model),
        ("Run", stamp.run),
        ("Data set", stamp.data),
        ("medxfer", stamp.version),
        ("Date", stamp.date),
    )
    sections = "\n".join(
        section_html(place, section) for place, section in enumerate(_sections(explained), start=1)
    )
    pictures = _pictures(explained, stamp, colour_map)
    return page_html(
        f"Scan {explained.image}",
        RESEARCH_USE_ONLY,
        ((name, value) for name, value in facts if value),
        f"{summary_html(_summary(explained))}\n{pictures}\n{sections}\n",
        stamp.lines,
        f"{POLICY}; img-src data:",
    )


def _summary(explained: Explained) -> Iterator[Block]:
    verdict = explained.answer.verdict
    if explained.caution:
        yield Text(explained.caution, Tone.WARNING)
    if verdict is None:
        return
    if verdict.uncertain:
        yield Text(
            "Uncertain: a person should look. The probability lies in the band in which this run "
            "gives no answer.",
            Tone.WARNING,
        )
    yield Text(verdict.sentence, Tone.NOTE)
    if explained.heat is not None:
        yield Text(f"{trust_sentence(explained.checks)} {_NO_REASON}")


def _sections(explained: Explained) -> Iterator[Section]:
    verdict, heat, checks = explained.answer.verdict, explained.calibrated, explained.checks
    yield Section("familiar", "Is this scan like those of the run?", tuple(_familiar(explained)))
    if verdict is not None:
        yield Section("answer", "The answer", (_probabilities(verdict), _decided(verdict)))
    if heat is not None:
        yield Section("heatmap", "The heatmap", (_heatmap(heat),))
        told = trust_blocks(checks) if checks is not None else ()
        blocks = (Text(trust_sentence(checks)), *told)
        yield Section("checks", "How far to trust the heatmap", blocks)
    if explained.notes:
        notes = tuple(f"{note}." for note in explained.notes)
        yield Section("reading", "What reading the file changed", (Points(notes),))


def _familiar(explained: Explained) -> Iterator[Block]:
    yield Text(explained.familiarity, Tone.PLAIN if explained.familiar else Tone.WARNING)
    found = explained.answer.familiarity
    if found is not None:
        yield _compared(found)
        yield _similar(found, with_labels=explained.answer.verdict is not None)


def _compared(found: Familiarity) -> Table:
    rows = tuple(
        (check.words, "yes" if check.passed else "no", number(check.score), number(found.limit))
        for check in found.checks
    )
    columns = ("compared by", "within the limit", "how far it strays, 0 is usual", "limit")
    return Table("How it was compared", columns, rows, words=2)


def _similar(found: Familiarity, *, with_labels: bool) -> Table:
    """Without labels where nothing is predicted: those of the neighbours would be a prediction."""
    caption, distance = "The training scans most like it", "distance, 1 is usual"
    if not with_labels:
        told = tuple((case.image, number(case.distance)) for case in found.similar)
        return Table(caption, ("training scan", distance), told)
    rows = tuple((case.image, case.label, number(case.distance)) for case in found.similar)
    return Table(caption, ("training scan", "class", distance), rows, words=2)


def _probabilities(verdict: Verdict) -> Table:
    within = verdict.within
    pairs = tuple(zip(verdict.classes, map(number, verdict.probabilities), strict=True))
    if within is None:
        return Table("Classes", ("class", "probability"), pairs)
    rows = tuple((name, "yes" if name in within else "no", value) for name, value in pairs)
    return Table("Classes", ("class", "in the conformal set", "probability"), rows, words=2)


def _decided(verdict: Verdict) -> Table:
    threshold = ""
    if verdict.threshold is not None and verdict.positive is not None:
        threshold = f"{verdict.positive} is called from {verdict.threshold:.3f} on"
    band = {None: "", True: "within it: a person should look", False: "outside of it"}
    promised = verdict.promised
    facts = (
        ("Called", verdict.prediction),
        ("Temperature", number(verdict.temperature)),
        ("Threshold", threshold or "none decided"),
        ("Uncertain band", band[verdict.uncertain] or "none decided"),
        ("Conformal sets hold the truth in",
         "none decided" if promised is None else f"{100 * promised:g} % of images"),
        ("Agreement", verdict.agreement.sentence if verdict.agreement else "not asked for"),
    )  # fmt: skip
    return facts_table("What was decided for the run, and what follows here", facts)


def _heatmap(heat: Explanation) -> Table:
    left, top, right, bottom = heat.seen
    facts = (
        ("Class", heat.classes[heat.target]),
        ("Rather than", "" if heat.against is None else heat.classes[heat.against]),
        ("Method", heat.method),
        ("Stage", str(heat.stage)),
        ("Strongest evidence before scaling", f"{heat.raw_maximum:.3g}"),
        ("What the network saw",
         f"from {left:.0f} to {right:.0f} across and from {top:.0f} to {bottom:.0f} down, in "
         "pixels of the picture; the rest cannot change its answer"),
    )  # fmt: skip
    return facts_table("How the heatmap was made", facts)


def _pictures(explained: Explained, stamp: Stamp, colour_map: str) -> str:
    """Original and overlay side by side, the stamp burnt into both."""
    small, heat = _smaller(explained), explained.calibrated
    note = "" if small is explained else ", made smaller for this page"
    shown = [_figure(f"Original{note}", f"Picture {explained.image}", original_png(small, stamp))]
    if heat is not None:
        caption = heatmap_caption(heat)
        alt = f"Picture {explained.image} under the heatmap. {caption}."
        shown.append(_figure(f"{caption}{note}", alt, overlay_png(small, stamp, colour_map)))
    return f'<section class="pictures" aria-label="Pictures">{"".join(shown)}</section>'


def _figure(caption: str, alt: str, png: bytes) -> str:
    return (
        f'<figure><img alt="{escape(alt)}" src="data:image/png;base64,{b64encode(png).decode()}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _smaller(explained: Explained) -> Explained:
    """The same with picture and heatmap of at most `_LONGEST` pixels a side."""
    height, width = explained.pixels.shape[:2]
    scale = _LONGEST / max(height, width)
    if scale >= 1:
        return explained
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = np.asarray(Image.fromarray(explained.pixels).resize(size, Image.Resampling.BOX))
    heat = explained.heat
    if heat is not None:
        coarse = Image.fromarray(heat.heatmap).resize(size, Image.Resampling.BOX)
        heat = replace(heat, heatmap=np.asarray(coarse))
    return replace(explained, pixels=pixels, heat=heat)
