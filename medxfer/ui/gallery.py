"""A page of thumbnails; a click, or Enter on one, picks it.

A component of our own, because a Streamlit button cannot be a picture. Texts reach the page as
text nodes, never as markup.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

LARGEST_PAGE = 60


@dataclass(frozen=True)
class Tile:
    """One thumbnail: its id, a JPEG, a line of text below it and a fainter second line."""

    id: str
    picture: bytes
    title: str
    detail: str = ""


def gallery(tiles: Sequence[Tile], key: str) -> str | None:
    """Draw at most 60 tiles; the id of the one just picked, in this run only.

    Raises:
        ValueError: more tiles than a page may hold.
    """
    if len(tiles) > LARGEST_PAGE:
        raise ValueError(f"{len(tiles)} tiles on a page of at most {LARGEST_PAGE}")
    data = [
        {
            "id": tile.id,
            "source": f"data:image/jpeg;base64,{b64encode(tile.picture).decode()}",
            "title": tile.title,
            "detail": tile.detail,
        }
        for tile in tiles
    ]
    result = _component(data=data, key=key, on_picked_change=_nothing)
    picked = result.picked
    return str(picked) if picked is not None else None


def _nothing() -> None:
    """A component reports a trigger only where a callback is named."""


_CSS = """
.grid { display: grid; gap: 0.75rem; padding: 3px;
  grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); }
button { all: unset; cursor: pointer; box-sizing: border-box; min-width: 0;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  overflow: hidden; background: var(--st-secondary-background-color); }
button:hover { border-color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #000; }
p { margin: 0; padding: 0.3rem 0.5rem 0; font: 0.8rem/1.3 var(--st-font);
  color: var(--st-text-color); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
p + p { padding: 0 0.5rem 0.4rem; opacity: 0.7; font-size: 0.72rem; }
"""

_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const grid = parentElement.querySelector(".grid");
  const line = (text) => {
    const p = document.createElement("p");
    p.textContent = text;
    return p;
  };
  grid.replaceChildren(...data.map((tile) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = [tile.title, tile.detail].filter(Boolean).join("\\n");
    button.setAttribute("aria-label", `Open ${tile.title}, ${tile.detail}`);
    button.onclick = () => setTriggerValue("picked", tile.id);
    const image = document.createElement("img");
    image.src = tile.source;
    image.alt = "";
    button.append(image, line(tile.title), line(tile.detail));
    return button;
  }));
}
"""

_component = st.components.v2.component(
    "medxfer.gallery", html='<div class="grid"></div>', css=_CSS, js=_JS
)
