"""Choosing the network: five depths, what each costs, and when to prefer which."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from medxfer.config import Depth, TrainConfig
from medxfer.data.library import DatasetInfo
from medxfer.models.cost import WHEN
from medxfer.ui.new_run.costs import Costs, needs
from medxfer.ui.new_run.here import Here
from medxfer.ui.words import duration, short, size


def choose_depth() -> Depth:
    """The depth the person wants; ResNet-18 to begin with."""
    chosen = st.segmented_control(
        "Network",
        list(Depth),
        default=Depth.RESNET18,
        required=True,
        format_func=lambda depth: f"ResNet-{int(depth)}",
        key="depth",
        help="Residual networks of five depths (He et al. 2016). Deeper ones can learn finer "
        "detail, take longer and need more images.",
    )
    depth = Depth(chosen or Depth.RESNET18)
    st.caption(WHEN[depth])
    return depth


def draw_depths(config: TrainConfig, info: DatasetInfo, costs: Costs, here: Here | None) -> None:
    """All depths side by side, for this data set and the choices below."""
    with st.expander("Compare the networks"):
        st.table(depth_table(config, info, costs, here), hide_index=True, border="horizontal")
        st.markdown(
            "\n".join(f"- **ResNet\u2011{int(depth)}:** {words}" for depth, words in WHEN.items())
        )
        st.caption(
            "Parameters, operations (multiply-adds for one image of 224 × 224) and layers are "
            "counted. Time and memory are rough estimates for this data set, these epochs and "
            "this strategy on this computer. Time is that of the arithmetic, what frozen stages do "
            "once counted once, without reading the images. Memory is the network, its gradients, "
            "one batch and what is kept, where it fits, on a CPU with about 800 MB for the program "
            "itself."
        )


def depth_table(
    config: TrainConfig, info: DatasetInfo, costs: Costs, here: Here | None
) -> pd.DataFrame:
    """One row a depth, as text."""
    rows = []
    for depth, cost in costs.items():
        other = config.model_copy(update={"depth": depth})
        need = needs(cost, other, info, here) if here else None
        rows.append(
            {
                "Network": f"ResNet\u2011{int(depth)}",
                "Layers": str(cost.layers),
                "Parameters": short(cost.parameters),
                "Operations": short(cost.operations),
                "Time here": duration(need.seconds).replace(" ", "\u00a0") if need else "–",
                "Memory": size(need.memory_bytes) if need else "–",
            }
        )
    return pd.DataFrame(rows)
