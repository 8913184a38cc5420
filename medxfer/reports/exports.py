"""What leaves the workspace: tables, figures, heatmaps. Each carries its stamp; none a path."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from medxfer.explain.overlay import blend, encode_png
from medxfer.reports.footer import with_footer
from medxfer.reports.stamp import Stamp, last_part

if TYPE_CHECKING:  # a page that only offers tables must not pay for torch
    from medxfer.explain.heatmap import Explanation

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet compute a cell (CWE-1236), full-width forms included."""

_FILE_COLUMN = "file"

# Nothing is fetched when the page is opened; plotly.js styles its own drawing and, for WebGL,
# makes code at run time.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:"
)
_STYLE = (
    "body{font-family:system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}h1{font-size:1.4rem}footer{font-size:.9rem;color:#555}"
)
_CONFIG = {"displaylogo": False, "showSendToCloud": False}
"""plotly.js 4 offers to send the figure to a cloud unless told not to."""

_LETTERS, _LETTER_WIDTH, _LINE_HEIGHT = 10, 6.0, 13
"""Size and pixels of the stamp below a figure."""
_EDGE = 8
"""Pixels between the stamp and the edges of a figure."""
_MARGIN = 80
"""What plotly takes where a figure says nothing."""


def table_csv(table: pd.DataFrame, stamp: Stamp) -> str:
    """A table as CSV text below comment lines (#) with the stamp; the index is left out.

    Of the column `file` only the file's name is kept. Text that a spreadsheet would compute gets
    a leading apostrophe; numbers stay numbers; what is missing is empty.
    """
    shown = table.copy()
    if _FILE_COLUMN in shown.columns:
        shown[_FILE_COLUMN] = shown[_FILE_COLUMN].map(last_part, na_action="ignore")
    for name in shown.columns:
        if not pd.api.types.is_numeric_dtype(shown[name]):
            shown[name] = shown[name].astype(object).map(_harmless)
    shown.columns = pd.Index([_harmless(name) for name in shown.columns])
    comments = "".join(f"# {' '.join(line.split())}\n" for line in stamp.lines)
    return comments + str(shown.to_csv(index=False, lineterminator="\n"))


def stamped(figure: go.Figure, stamp: Stamp) -> go.Figure:
    """A copy of a figure with the stamp below it, so that a picture saved of it has it too.

    A figure with a height is taller by it; one with a width has the lines broken to it.
    """
    copy = go.Figure(figure)
    layout = copy.layout
    left, below = (_MARGIN if side is None else side for side in (layout.margin.l, layout.margin.b))
    lines = list(stamp.lines)
    if layout.width is not None:
        letters = int((layout.width - 2 * _EDGE) / _LETTER_WIDTH)
        lines = [part for line in lines for part in wrap(line, letters)]
    room = _LINE_HEIGHT * len(lines) + 6
    if layout.height is not None:
        copy.update_layout(height=layout.height + room)
    copy.update_layout(margin_b=below + room)
    copy.add_annotation(
        text="<br>".join(escape(line, quote=False) for line in lines),
        font_size=_LETTERS, opacity=0.7, align="left", showarrow=False,
        xref="paper", x=0, xanchor="left", xshift=_EDGE - left,
        yref="paper", y=0, yanchor="top", yshift=-below,
    )  # fmt: skip
    return copy


def figure_html(figure: go.Figure, title: str, stamp: Stamp) -> str:
    """A figure as one HTML page that needs no network: plotly.js and the stamp are inside."""
    drawing = stamped(figure, stamp).to_html(
        full_html=False,
        include_plotlyjs=True,
        include_mathjax=False,
        default_height="75vh",
        config=dict(_CONFIG),
    )
    footer = "".join(f"<p>{escape(line)}</p>" for line in stamp.lines)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{drawing}\n<footer>{footer}</footer></body></html>\n"
    )


def heatmap_png(
    pixels: NDArray[np.uint8],
    explanation: Explanation,
    stamp: Stamp,
    opacity: float = 0.5,
    colour_map: str = "inferno",
    image: str = "",
    *,
    remarks: Sequence[str] = (),
) -> bytes:
    """A picture (H, W, 3) under its heatmap as PNG: stamp burnt in below, no metadata.

    Of the picture's name `image` the last part is kept. `remarks` stand between what the heatmap
    is of and the stamp.
    """
    named = [f"Image {last_part(image)}"] if image else []
    overlay = blend(pixels, explanation.heatmap, opacity, colour_map)
    lines = [*named, heatmap_caption(explanation), *remarks, *stamp.lines]
    return encode_png(with_footer(overlay, lines))


def heatmap_caption(explanation: Explanation) -> str:
    """Of which class a heatmap is, how probable that is, and how it was made."""
    name = explanation.classes[explanation.target]
    probability = explanation.probabilities[explanation.target]
    other = explanation.against
    rather = "" if other is None else f" rather than {explanation.classes[other]}"
    caption = f"Heatmap of {name} (probability {probability:.3f}){rather} by {explanation.method}"
    if explanation.raw_maximum == 0:
        caption += ": nothing speaks for this class"
    return caption


def sheet_png(sheet: NDArray[np.uint8], caption: str, stamp: Stamp) -> bytes:
    """A sheet of pictures (H, W, 3) as PNG: caption and stamp burnt in below, no metadata."""
    return encode_png(with_footer(sheet, [caption, *stamp.lines]))


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
