// The one or two panes: their size, what is drawn in them, and what lies over them.

const GAP = 8, STACKED = 520, SHORTEST = 220; // CSS pixels
const TALLEST = 0.72, TALLEST_OF_TWO = 0.42; // of the window
const SCALE_BAR = 0.22; // at most, of the pane's width

function paneCount({ set }) {
  return set.heat && set.side ? 2 : 1;
}

function carriesHeat({ set }, index) {
  return set.heat && (set.side ? index === 1 : index === 0);
}

// Panes of one size beside each other, below each other where it is narrow.
function layOut(viewer) {
  const { picture, panes } = viewer;
  const across = viewer.box.clientWidth, count = paneCount(viewer);
  const stacked = count === 1 || across < STACKED;
  const width = stacked ? across : (across - GAP) / 2;
  const tallest = (stacked && count > 1 ? TALLEST_OF_TWO : TALLEST) * innerHeight;
  const wanted = Math.min((width * picture.height) / picture.width, tallest);
  viewer.size = { width, height: Math.round(Math.max(wanted, SHORTEST)) };
  viewer.ratio = devicePixelRatio;
  viewer.box.style.flexDirection = stacked ? "column" : "row";
  panes.forEach((pane, index) => {
    pane.figure.hidden = index >= count;
    pane.figure.style.width = `${width}px`;
    pane.figure.style.height = `${viewer.size.height}px`;
    const columns = Math.round(width * viewer.ratio);
    const rows = Math.round(viewer.size.height * viewer.ratio);
    if (pane.canvas.width !== columns) pane.canvas.width = columns;
    if (pane.canvas.height !== rows) pane.canvas.height = rows;
  });
  if (viewer.view.fits) viewer.view = fitted(picture, viewer.size);
}

function draw(viewer) {
  const { picture, data, set, view, size, ratio } = viewer;
  const table = brightness(viewer.counts.length, set.window, set.inverted);
  const place = drawVisible(viewer.sheet, picture, view, size, ratio, table);
  viewer.panes.slice(0, paneCount(viewer)).forEach((pane, index) => {
    const context = pane.canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    drawSheet(context, viewer.sheet, place);
    if (carriesHeat(viewer, index)) {
      drawHeat(context, coloured(viewer), set.opacity, picture, data.seen, view, size, ratio);
    }
    label(viewer, pane, index);
    outline(viewer, pane, index);
    scaleBar(viewer, pane);
    pane.cross.hidden = !set.cross;
  });
}

// The heat in the chosen colours, coloured anew only when one of the two has changed.
function coloured(viewer) {
  const { heat, set } = viewer;
  if (viewer.painted?.heat !== heat || viewer.painted.colours !== set.colours) {
    const canvas = heatCanvas(heat, viewer.tables[set.colours]);
    viewer.painted = { heat, colours: set.colours, canvas };
  }
  return viewer.painted.canvas;
}

function label({ data, set }, pane, index) {
  const heated = carriesHeat({ set }, index);
  pane.label.textContent = heated ? `Where the network looked for ${data.heat.of}` : "As given";
  const words = heated ? `with the heatmap of ${data.heat.of}; ${data.heat.where}` : "as given";
  pane.canvas.setAttribute("aria-label", `${data.title} ${words}`);
  pane.laterality.hidden = !data.laterality;
  pane.laterality.textContent = `Laterality tag: ${data.laterality}`;
}

// In the pane of the heatmap, so that the other one shows the picture and nothing else.
function outline({ data, set, view, size }, pane, index) {
  pane.outline.hidden = !(data.seen && set.outline && index === paneCount({ set }) - 1);
  if (pane.outline.hidden) return;
  const [left, top, right, bottom] = data.seen;
  const corner = onScreen(view, left, top, size);
  pane.outline.style.transform = `translate(${corner.left}px, ${corner.top}px)`;
  pane.outline.style.width = `${(right - left) * view.zoom}px`;
  pane.outline.style.height = `${(bottom - top) * view.zoom}px`;
}

// 1, 2 or 5 times a power of ten millimetres; nothing where the spacing is not known.
function scaleBar({ data, view, size }, pane) {
  pane.scale.hidden = !data.spacing;
  if (!data.spacing) return;
  const most = (SCALE_BAR * size.width * data.spacing) / view.zoom;
  const power = 10 ** Math.floor(Math.log10(most));
  const length = power * [5, 2, 1].find((times) => times * power <= most);
  pane.scaleLine.style.width = `${(length / data.spacing) * view.zoom}px`;
  const note = data.spacing_note ? ` ${data.spacing_note}` : "";
  pane.scaleText.textContent = `${Number(length.toPrecision(1))} mm${note}`;
}
