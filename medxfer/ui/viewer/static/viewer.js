// The component: what it holds, its controls, and what happens when the server sends something.

const QUIET = 400; // milliseconds without a change after which the sentence is said anew
const viewers = new WeakMap();

function newViewer(root) {
  const find = (selector) => root.querySelector(selector);
  const panes = [...root.querySelectorAll(".pane")].map((figure) => ({
    figure, canvas: figure.querySelector("canvas"), label: figure.querySelector(".label"),
    laterality: figure.querySelector(".laterality"), outline: figure.querySelector(".outline"),
    cross: figure.querySelector(".cross"), mark: figure.querySelector(".mark"),
    scale: figure.querySelector(".scale"), scaleLine: figure.querySelector(".line"),
    scaleText: figure.querySelector(".length"),
  }));
  const viewer = {
    root, find, panes, box: find(".panes"), dialog: find("dialog"),
    sheet: document.createElement("canvas"),
  };
  root.addEventListener("keydown", (event) => onKey(viewer, event));
  for (const pane of panes) listenToPane(viewer, pane);
  for (const button of root.querySelectorAll("[data-does]")) dress(viewer, button);
  find(".opacity").addEventListener("input", (event) => {
    viewer.set.opacity = Number(event.target.value);
    refresh(viewer);
  });
  find(".colours").addEventListener("change", (event) => {
    viewer.set.colours = event.target.value;
    refresh(viewer);
  });
  find(".windows").addEventListener("change", (event) => {
    usePreset(viewer, Number(event.target.value));
    refresh(viewer);
  });
  listKeys(viewer);
  viewer.observer = new ResizeObserver(() => { if (viewer.picture) refresh(viewer); });
  viewer.observer.observe(root);
  viewer.onArray = () => unpack(viewer);
  globalThis.addEventListener("medxfer-array", viewer.onArray);
  return viewer;
}

function dress(viewer, button) {
  const { does } = button.dataset;
  const { keys, says } = ACTIONS[does];
  button.title = `${says} (${keys})`;
  button.setAttribute("aria-keyshortcuts", keys);
  button.addEventListener("click", () => act(viewer, does));
}

function listKeys(viewer) {
  const rows = Object.values(ACTIONS).map(({ keys, says }) => {
    const row = document.createElement("tr");
    const left = row.appendChild(document.createElement("th"));
    left.scope = "row";
    for (const key of keys.split(" ")) {
      left.appendChild(document.createElement("kbd")).textContent = key === "-" ? "−" : key;
    }
    row.appendChild(document.createElement("td")).textContent = says;
    return row;
  });
  viewer.find(".keys tbody").replaceChildren(...rows);
}

// Take what has arrived once it is complete, so that no picture shows under another's heat.
function unpack(viewer) {
  const { arrays } = viewer.data ?? {};
  const arrived = (part) => {
    const kept = globalThis.medxferArrays?.get(arrays[part].name);
    return kept?.digest === arrays[part].digest ? kept : null;
  };
  if (!arrays || !Object.keys(arrays).every(arrived)) return;
  viewer.heat = arrays.heat ? arrived("heat") : null;
  const picture = arrived("picture");
  if (viewer.picture?.digest !== picture.digest) open(viewer, picture);
  viewer.set.heat &&= Boolean(viewer.heat);
  viewer.root.classList.remove("waiting");
  refresh(viewer);
  readOut(viewer);
}

// Another picture begins as it is, without its heatmap.
function open(viewer, picture) {
  viewer.picture = picture;
  viewer.counts = histogram(picture.values);
  viewer.presets = presetsOf(viewer.counts, viewer.data.window);
  viewer.set = openingSettings(viewer.presets, viewer.data);
  viewer.view = { fits: true };
  viewer.drag = viewer.pointer = null;
  const names = viewer.presets.map(({ name }, index) => new Option(`${index + 1}  ${name}`, index));
  viewer.find(".windows").replaceChildren(...names, new Option("Set by hand", "own"));
  viewer.find(".windows").lastChild.hidden = true;
}

function fillColours(viewer) {
  const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const { colours, rainbow } = viewer.data;
  const tables = Object.entries({ ...colours, rainbow }).map(([name, text]) => [name, decoded(text)]);
  viewer.tables = Object.fromEntries(tables);
  const [usual, asked] = viewer.root.querySelectorAll(".colours optgroup");
  usual.replaceChildren(...Object.keys(colours).map((name) => new Option(name, name)));
  asked.replaceChildren(new Option("rainbow", "rainbow"));
}

// Bring all that is on screen in line with what the viewer holds; draws in the next frame.
function refresh(viewer) {
  showControls(viewer);
  if (!viewer.frame) {
    viewer.frame = requestAnimationFrame(() => {
      viewer.frame = 0;
      if (!viewer.root.isConnected) return;
      layOut(viewer);
      draw(viewer);
      viewer.find(".zoom output").textContent = zoomWords(viewer);
      if (!viewer.pointer) readOut(viewer);
    });
  }
  clearTimeout(viewer.saying);
  viewer.saying = setTimeout(() => { viewer.find(".sentence").textContent = sentences(viewer); }, QUIET);
}

function showControls(viewer) {
  const { set, find, heat, presets, data } = viewer;
  const press = (name, pressed) => find(`[data-does=${name}]`).setAttribute("aria-pressed", pressed);
  press("heat", set.heat);
  press("side", set.side);
  press("outline", set.outline);
  press("invert", set.inverted);
  press("move", set.moving);
  find("[data-does=heat]").textContent = set.heat ? "Hide the heatmap" : "Show the heatmap";
  find(".of-heat").hidden = !heat;
  for (const control of viewer.root.querySelectorAll(".with-heat")) control.hidden = !set.heat;
  find("[data-does=outline]").hidden = !data.seen;
  find(".opacity").value = set.opacity;
  find(".opacity + output").textContent = `${set.opacity} %`;
  find(".colours").value = set.colours;
  find(".warning").hidden = !(set.heat && set.colours === "rainbow");
  const at = (level) => `rgb(${viewer.tables[set.colours].subarray(3 * level, 3 * level + 3).join(" ")})`;
  find(".ramp").style.background =
    `linear-gradient(to right, ${[0, 32, 64, 96, 128, 160, 192, 224, 255].map(at).join(", ")})`;
  const same = presets.findIndex(
    ({ centre, width }) => centre === set.window.centre && width === set.window.width,
  );
  find(".windows").value = same < 0 ? "own" : same;
  find(".figures").textContent = windowWords(viewer);
  viewer.box.classList.toggle("moving", set.moving);
}

// Runs again whenever the server sends something; what the person has set stays as it is.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".viewer");
  const viewer = viewers.get(root) ?? newViewer(root);
  viewers.set(root, viewer);
  viewer.data = data;
  fillColours(viewer);
  unpack(viewer);
  return () => {
    viewer.observer.disconnect();
    clearTimeout(viewer.saying);
    globalThis.removeEventListener("medxfer-array", viewer.onArray);
  };
}
