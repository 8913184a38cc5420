"""The figures behind the checks of a heatmap: curves, and where covering costs the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from medxfer.explain.overlay import blend
from medxfer.ui.explain.source import Scan
from medxfer.ui.theme import MUTED, SERIES

if TYPE_CHECKING:
    from medxfer.explain.faithfulness import Faithfulness
    from medxfer.explain.heatmap import Explanation

_HEIGHT = 330
_OPACITY = 0.6


def curves_figure(found: Faithfulness) -> go.Figure:
    """Deletion and insertion side by side: probability against the share of pixels."""
    from medxfer.explain.curves import FRACTIONS

    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06,
        subplot_titles=("Removed, hottest first", "Given back, hottest first"),
    )  # fmt: skip
    share = [100 * fraction for fraction in FRACTIONS]
    random = [("random maps" if n == 0 else "", one) for n, one in enumerate(found.random)]
    for name, one in [*random, ("blob in the centre", found.centre), ("this heatmap", found.own)]:
        own, centre = name == "this heatmap", name == "blob in the centre"
        colour = SERIES[0] if own else SERIES[1] if centre else MUTED
        group = name or "random maps"
        for column, values in enumerate((one.deletion, one.insertion), start=1):
            figure.add_scatter(
                x=share, y=values, mode="lines", name=name, legendgroup=group,
                showlegend=bool(name) and column == 1,
                line={"color": colour, "width": 3 if own else 1.5,
                      "dash": "solid" if own else "dash" if centre else "dot"},
                hovertemplate=f"{group}: %{{y:.2f}} at %{{x:.0f}} %<extra></extra>",
                row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(title="share of the pixels, %", range=[0, 100])
    figure.update_yaxes(range=[0, 1.02])
    figure.update_yaxes(title="probability", col=1)
    figure.update_layout(
        height=_HEIGHT, margin={"t": 40, "l": 60, "r": 10, "b": 50},
        legend={"orientation": "h", "y": 1.25, "x": 0},
    )  # fmt: skip
    return figure


def occlusion_picture(found: Faithfulness, heat: Explanation, scan: Scan) -> NDArray[np.uint8]:
    """The scan (H, W, 3) under what covering each place costs, scaled to the costliest."""
    from medxfer.explain.placing import place

    lost = found.lost.astype(np.float32)
    strongest = float(lost.max())
    scaled = lost / np.float32(strongest) if strongest > 0 else lost
    height, width = scan.pixels.shape[:2]
    return blend(scan.pixels, place(scaled, heat.seen, height, width), _OPACITY)
