// All one can do, each by a key and most by a button: `data-does` of a button names it.

const STEP = 40; // CSS pixels a press of an arrow moves the picture
const ZOOM_STEP = 1.25;
const OPACITY_STEP = 10; // per cent
const WINDOW_STEP = 0.1; // of the window's width

function toggle(name) {
  return (viewer) => { viewer.set[name] = !viewer.set[name]; };
}

function zoomBy(viewer, factor, at = { x: 0, y: 0 }) {
  viewer.view = zoomed(viewer.view, factor, at, viewer.picture, viewer.size);
}

function moveBy(across, down) {
  return (viewer) => { viewer.view = moved(viewer.view, across, down, viewer.picture); };
}

// The width by a factor, the level by shares of the width.
function changeWindow(viewer, from, factor, shift) {
  const values = viewer.counts.length;
  const width = Math.min(Math.max(from.width * factor, 1), 2 * values);
  const centre = Math.min(Math.max(from.centre + shift * from.width, 0), values);
  viewer.set.window = { centre, width };
}

function windowBy(factor, shift) {
  return (viewer) => changeWindow(viewer, viewer.set.window, factor, shift);
}

function opacityBy(step) {
  return (viewer) => {
    viewer.set.opacity = Math.min(Math.max(viewer.set.opacity + step, 0), 100);
  };
}

function usePreset(viewer, index) {
  const preset = viewer.presets[index];
  if (preset) viewer.set.window = { centre: preset.centre, width: preset.width };
}

// The rainbow is left out: it is there for who asks for it.
function nextColours(viewer) {
  const names = Object.keys(viewer.data.colours);
  viewer.set.colours = names[(names.indexOf(viewer.set.colours) + 1) % names.length];
}

function openingSettings(presets, data) {
  const { centre, width } = presets[0];
  return {
    window: { centre, width }, inverted: false, heat: false, side: true, outline: true,
    opacity: 55, colours: Object.keys(data.colours)[0], moving: false, cross: false,
  };
}

function startOver(viewer) {
  const { heat, side } = viewer.set;
  viewer.set = { ...openingSettings(viewer.presets, viewer.data), heat, side };
  viewer.view = fitted(viewer.picture, viewer.size);
}

const ACTIONS = {
  heat: { keys: "H", says: "Show or hide the heatmap", heat: true, run: toggle("heat") },
  side: {
    keys: "S", says: "Heatmap beside the picture, or over it", heat: true, run: toggle("side"),
  },
  fainter: { keys: ",", says: "Heatmap fainter", heat: true, run: opacityBy(-OPACITY_STEP) },
  stronger: { keys: ".", says: "Heatmap stronger", heat: true, run: opacityBy(OPACITY_STEP) },
  colours: { keys: "C", says: "Next colours of the heatmap", heat: true, run: nextColours },
  outline: { keys: "B", says: "Outline of what the network sees", run: toggle("outline") },
  invert: { keys: "I", says: "Invert: black becomes white", run: toggle("inverted") },
  preset: {
    keys: "1 2 3 4 5", says: "Windows, in the order of the list",
    run: (viewer, key) => usePreset(viewer, Number(key) - 1),
  },
  narrower: { keys: "Shift+←", says: "Window narrower: more contrast", run: windowBy(1 - WINDOW_STEP, 0) },
  wider: { keys: "Shift+→", says: "Window wider: less contrast", run: windowBy(1 + WINDOW_STEP, 0) },
  brighter: { keys: "Shift+↑", says: "Level lower: brighter", run: windowBy(1, -WINDOW_STEP) },
  darker: { keys: "Shift+↓", says: "Level higher: darker", run: windowBy(1, WINDOW_STEP) },
  in: { keys: "+", says: "Zoom in", run: (viewer) => zoomBy(viewer, ZOOM_STEP) },
  out: { keys: "-", says: "Zoom out", run: (viewer) => zoomBy(viewer, 1 / ZOOM_STEP) },
  fit: {
    keys: "0", says: "The whole picture",
    run: (viewer) => { viewer.view = fitted(viewer.picture, viewer.size); },
  },
  actual: {
    keys: "A", says: "One picture pixel to one of the screen",
    run: (viewer) => zoomBy(viewer, 1 / devicePixelRatio / viewer.view.zoom),
  },
  left: { keys: "←", says: "Move the picture left", run: moveBy(-STEP, 0) },
  right: { keys: "→", says: "Move the picture right", run: moveBy(STEP, 0) },
  up: { keys: "↑", says: "Move the picture up", run: moveBy(0, -STEP) },
  down: { keys: "↓", says: "Move the picture down", run: moveBy(0, STEP) },
  move: { keys: "M", says: "Drag to move the picture, or to set the window", run: toggle("moving") },
  cross: { keys: "X", says: "Cross in the middle, to read values without a mouse", run: toggle("cross") },
  reset: { keys: "R", says: "Window, zoom and colours as at the beginning", run: startOver },
  keys: { keys: "?", says: "These keys", run: (viewer) => viewer.dialog.showModal() },
};

const ARROWS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
const BY_KEY = new Map(
  Object.entries(ACTIONS).flatMap(([name, { keys }]) => keys.split(" ").map((key) => [key, name])),
);

function act(viewer, name, key) {
  const action = ACTIONS[name];
  if (!viewer.size || (action.heat && !viewer.heat)) return;
  action.run(viewer, key);
  refresh(viewer);
}

// Letters always act; arrows, Space and Enter stay with the control that has the focus. Nothing
// reaches Streamlit, which would take "r" and "c" for commands of its own.
function onKey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
  if (event.key !== "Escape") event.stopPropagation();
  const arrow = ARROWS[event.key];
  if (viewer.dialog.open || (event.key.length > 1 && !arrow)) return;
  if (event.key === " " || (arrow && event.target.matches("input, select"))) return;
  const key = arrow ? (event.shiftKey ? `Shift+${arrow}` : arrow) : event.key.toUpperCase();
  const name = BY_KEY.get(key);
  if (!name) return;
  event.preventDefault();
  act(viewer, name, key);
}
