// The mouse: a drag sets the window or moves the picture, the wheel zooms, resting reads values.

const WIDTH_DRAG = 250, LEVEL_DRAG = 500; // CSS pixels for a factor of e, and for a whole width
const WHEEL = 0.0015, LINE = 16; // zoom a pixel of the wheel, pixels a line

function placeInPane(viewer, event, pane) {
  const box = pane.canvas.getBoundingClientRect();
  return {
    x: event.clientX - box.left - viewer.size.width / 2,
    y: event.clientY - box.top - viewer.size.height / 2,
  };
}

function onDown(viewer, event, pane) {
  if (event.button > 1) return; // the right button is the browser's
  event.preventDefault();
  viewer.box.focus({ preventScroll: true });
  pane.canvas.setPointerCapture(event.pointerId);
  const moving = viewer.set.moving || event.shiftKey || event.button === 1;
  viewer.drag = { moving, x: event.clientX, y: event.clientY, window: viewer.set.window, view: viewer.view };
}

function onMove(viewer, event, pane) {
  viewer.pointer = { pane, at: placeInPane(viewer, event, pane) };
  if (viewer.drag) {
    const across = event.clientX - viewer.drag.x, down = event.clientY - viewer.drag.y;
    if (viewer.drag.moving) {
      viewer.view = moved(viewer.drag.view, across, down, viewer.picture);
    } else {
      changeWindow(viewer, viewer.drag.window, Math.exp(across / WIDTH_DRAG), down / LEVEL_DRAG);
    }
    refresh(viewer);
  }
  readOut(viewer);
}

function onWheel(viewer, event, pane) {
  if (event.ctrlKey) return; // the browser's own zoom
  const pixels = event.deltaY * (event.deltaMode === 1 ? LINE : 1);
  const before = viewer.view.zoom;
  zoomBy(viewer, Math.exp(-pixels * WHEEL), placeInPane(viewer, event, pane));
  if (viewer.view.zoom === before) return; // at the end of its way the wheel scrolls the page
  event.preventDefault();
  refresh(viewer);
  readOut(viewer);
}

// The value under the pointer, and a small mark at the same place of the other pane.
function readOut(viewer) {
  const { pointer, view, picture } = viewer;
  const pixel = pointer && pixelAt(view, pointer.at, picture);
  viewer.find(".probe").textContent = pixel ? valueWords(viewer, pixel) : crossOrHint(viewer);
  for (const pane of viewer.panes) {
    pane.mark.hidden = !pixel || pane === pointer.pane;
    if (!pane.mark.hidden) {
      const left = pointer.at.x + viewer.size.width / 2, top = pointer.at.y + viewer.size.height / 2;
      pane.mark.style.transform = `translate(${left}px, ${top}px)`;
    }
  }
}

function crossOrHint(viewer) {
  return viewer.set.cross ? crossWords(viewer) : "Point at the picture to read its values";
}

function listenToPane(viewer, pane) {
  const on = (name, act, options) => pane.canvas.addEventListener(
    name, (event) => { if (viewer.picture) act(viewer, event, pane); }, options,
  );
  on("pointerdown", onDown);
  on("pointermove", onMove);
  on("wheel", onWheel, { passive: false });
  for (const name of ["pointerup", "pointercancel"]) on(name, () => { viewer.drag = null; });
  on("pointerleave", () => { viewer.pointer = null; readOut(viewer); });
}
