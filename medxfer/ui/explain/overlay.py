"""The picture and its heatmap side by side, with an opacity that needs no trip to the server.

A component of our own: HTML, CSS and JavaScript as strings, no network, pictures as data URLs.
Every text that comes from outside is set as text, never as HTML.
"""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass

import streamlit as st

_HTML = """
<div class="pair">
  <figure>
    <div class="frame"><img class="picture original" alt=""></div>
    <figcaption class="left"></figcaption>
  </figure>
  <figure>
    <div class="frame">
      <img class="picture under" alt="">
      <img class="heat" alt="">
      <div class="seen" aria-hidden="true"></div>
    </div>
    <figcaption class="right"></figcaption>
  </figure>
</div>
<div class="controls">
  <label class="opacity">Opacity of the heatmap
    <input type="range" min="0" max="100" step="1" value="55">
    <output>55 %</output>
  </label>
  <label><input type="checkbox" class="hide"> Hide the heatmap</label>
  <label><input type="checkbox" class="invert"> Invert the image</label>
  <label><input type="checkbox" class="box" checked> Outline what the network saw</label>
  <span class="scale"><span>low</span><span class="bar" aria-hidden="true"></span>
    <span>high</span></span>
</div>
"""

_CSS = """
:host { display: block; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { flex: 1 1 18rem; margin: 0; min-width: 0; max-width: 40rem; }
.frame { position: relative; background: #000; border-radius: 6px; overflow: hidden;
  line-height: 0; }
.frame img { width: 100%; height: auto; display: block; }
.frame .heat { position: absolute; inset: 0; height: 100%; }
.seen { position: absolute; box-sizing: border-box; border: 1.5px dashed #fff;
  outline: 1px solid rgba(0, 0, 0, .55); pointer-events: none; }
figcaption { font: 400 0.875rem/1.4 var(--st-font, sans-serif); color: var(--st-text-color);
  opacity: .8; padding-top: .4rem; }
.controls { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem;
  margin-top: .75rem; font: 400 0.9rem/1.5 var(--st-font, sans-serif);
  color: var(--st-text-color); }
.controls label { display: inline-flex; align-items: center; gap: .5rem; cursor: pointer; }
.controls input { accent-color: var(--st-primary-color); }
.controls input:focus-visible { outline: 2px solid var(--st-primary-color);
  outline-offset: 3px; border-radius: 3px; }
.opacity input { width: 12rem; }
.opacity output { min-width: 3.2em; font-variant-numeric: tabular-nums; }
.scale { display: inline-flex; align-items: center; gap: .4rem; }
.bar { width: 7rem; height: .6rem; border-radius: 3px; }
"""

# The function runs again whenever the data change; what the person has set stays as it is.
_JS = """
export default function (component) {
  const { data, parentElement } = component;
  const find = (name) => parentElement.querySelector(name);
  const heat = find(".heat"), seen = find(".seen");
  const slider = find(".opacity input"), output = find("output");
  const show = () => {
    const hidden = find(".hide").checked;
    heat.style.opacity = hidden ? 0 : slider.value / 100;
    slider.disabled = hidden;
    output.textContent = slider.value + " %";
    seen.style.display = find(".box").checked ? "block" : "none";
    const filter = find(".invert").checked ? "invert(1)" : "none";
    for (const picture of parentElement.querySelectorAll(".picture")) {
      picture.style.filter = filter;
    }
  };
  find(".original").src = find(".under").src = data.picture;
  find(".original").alt = data.picture_alt;
  find(".under").alt = "";
  heat.src = data.heat;
  heat.alt = data.heat_alt;
  find(".left").textContent = data.left;
  find(".right").textContent = data.right;
  find(".bar").style.background = "linear-gradient(to right, " + data.colours.join(", ") + ")";
  const [left, top, right, bottom] = data.seen;
  seen.style.left = 100 * left + "%";
  seen.style.top = 100 * top + "%";
  seen.style.width = 100 * (right - left) + "%";
  seen.style.height = 100 * (bottom - top) + "%";
  for (const input of parentElement.querySelectorAll("input")) input.oninput = show;
  show();
}
"""


@dataclass(frozen=True)
class Overlay:
    """What the component shows.

    `picture` and `heat` are data URLs of the same geometry; `seen` is (left, top, right,
    bottom) as fractions of the picture; `colours` are CSS colours from low to high.
    """

    picture: str
    heat: str
    left: str
    right: str
    picture_alt: str
    heat_alt: str
    seen: tuple[float, float, float, float]
    colours: tuple[str, ...]


def data_url(content: bytes, kind: str) -> str:
    """The bytes of a picture as an address that needs no network; `kind` is png or jpeg."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def draw_overlay(overlay: Overlay, key: str) -> None:
    """Draw picture and heatmap; the controls live in the browser alone."""
    _component(data=asdict(overlay), key=key)


_component = st.components.v2.component("medxfer.overlay", html=_HTML, css=_CSS, js=_JS)
