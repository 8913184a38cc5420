// Where the picture lies in a pane: `x`, `y` is the place in the picture at the pane's middle,
// `zoom` the CSS pixels a picture pixel takes, `fits` whether it follows the size of the pane.
// `at` is a place in the pane, in CSS pixels from its middle.

const LARGEST_PIXEL = 32; // screen pixels

function fitted(picture, size) {
  const zoom = Math.min(size.width / picture.width, size.height / picture.height);
  return { zoom, x: picture.width / 2, y: picture.height / 2, fits: true };
}

// Zoomed so that the place under `at` stays there; never smaller than the whole picture.
function zoomed(view, factor, at, picture, size) {
  const whole = fitted(picture, size);
  const most = Math.max(whole.zoom, LARGEST_PIXEL / devicePixelRatio);
  const zoom = Math.min(view.zoom * factor, most);
  if (zoom <= whole.zoom) return whole;
  const x = view.x + at.x / view.zoom - at.x / zoom;
  const y = view.y + at.y / view.zoom - at.y / zoom;
  return held({ zoom, x, y, fits: false }, picture);
}

function moved(view, across, down, picture) {
  const { zoom, x, y } = view;
  return held({ zoom, x: x - across / zoom, y: y - down / zoom, fits: false }, picture);
}

// With its middle within the picture, so that no one loses it.
function held(view, picture) {
  const within = (value, length) => Math.min(Math.max(value, 0), length);
  return { ...view, x: within(view.x, picture.width), y: within(view.y, picture.height) };
}

// Row and column of the pixel at a place of the pane; null beside the picture.
function pixelAt(view, at, picture) {
  const x = Math.floor(view.x + at.x / view.zoom);
  const y = Math.floor(view.y + at.y / view.zoom);
  const inside = x >= 0 && y >= 0 && x < picture.width && y < picture.height;
  return inside ? { x, y } : null;
}

// A place in the picture as CSS pixels from the pane's top left corner.
function onScreen(view, x, y, size) {
  return {
    left: (x - view.x) * view.zoom + size.width / 2,
    top: (y - view.y) * view.zoom + size.height / 2,
  };
}
