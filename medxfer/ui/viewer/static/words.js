// What is shown, in words: for the readout, and for who cannot see the picture.

function valueWords(viewer, pixel) {
  const { picture, heat, data, set } = viewer;
  const at = (pixel.y * picture.width + pixel.x) * picture.channels;
  const [red, green, blue] = picture.values.subarray(at, at + picture.channels);
  const value = picture.channels === 1 ? greyWords(data, red) : `red ${red}, green ${green}, blue ${blue}`;
  const words = `x ${pixel.x}, y ${pixel.y}: ${value}`;
  if (!set.heat) return words;
  return `${words}, ${seesPixel(data.seen, pixel) ? `heat ${heatAt(viewer, pixel)}` : "not seen"}`;
}

// A grey value as the file means it, such as in Hounsfield units.
function greyWords({ scale: [slope, intercept], unit }, value) {
  const meant = figure(slope, slope * value + intercept);
  return unit ? `${meant} ${unit}` : `grey ${meant}`;
}

// Whole where a step is; else four digits, which 16 bits bear out.
function figure(slope, value) {
  return Number.isInteger(slope) ? Math.round(value) : Number(value.toPrecision(4));
}

function heatAt({ picture, heat }, pixel) {
  const column = Math.floor(((pixel.x + 0.5) / picture.width) * heat.width);
  const row = Math.floor(((pixel.y + 0.5) / picture.height) * heat.height);
  return (heat.values[row * heat.width + column] / 255).toFixed(2);
}

function seesPixel(seen, { x, y }) {
  if (!seen) return true;
  return x + 0.5 >= seen[0] && y + 0.5 >= seen[1] && x + 0.5 <= seen[2] && y + 0.5 <= seen[3];
}

// In what the values mean. DICOM counts a level half a value above the middle of the window,
// whichever of its ends is black.
function windowWords({ data: { scale: [slope, intercept] }, set: { window } }) {
  const step = Math.abs(slope);
  const level = slope * window.centre + intercept + (slope < 0 ? step : 0);
  return `Window ${figure(slope, step * window.width)}, level ${figure(slope, level)}`;
}

function zoomWords({ view }) {
  return `${Math.round(100 * view.zoom * devicePixelRatio)} %`;
}

function heatWords({ data, set }) {
  if (!data.heat) return "";
  if (!set.heat) return `The heatmap of ${data.heat.of} is not shown.`;
  const where = set.side ? "beside the picture" : "over the picture";
  return `The heatmap of ${data.heat.of} is shown ${where} at ${set.opacity} % in ${set.colours}; `
    + `${data.heat.where}.`;
}

function sentences(viewer) {
  const { picture, data, set } = viewer;
  const kind = picture.channels === 1 ? `grey values of ${picture.bits} bits` : "colour";
  return [
    `${data.title}: ${picture.width} × ${picture.height} pixels, ${kind}.`,
    `${windowWords(viewer)}${set.inverted ? ", inverted" : ""}, zoom ${zoomWords(viewer)}.`,
    heatWords(viewer),
    data.laterality ? `Laterality by the file's tags: ${data.laterality}.` : "",
    set.cross ? `Under the cross: ${crossWords(viewer)}.` : "",
  ].filter(Boolean).join(" ");
}

function crossWords(viewer) {
  const pixel = pixelAt(viewer.view, { x: 0, y: 0 }, viewer.picture);
  return pixel ? valueWords(viewer, pixel) : "nothing";
}
