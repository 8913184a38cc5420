// What is shown, in words: for the readout, and for who cannot see the picture.

function valueWords(viewer, pixel) {
  const { picture, heat, data, set } = viewer;
  const at = (pixel.y * picture.width + pixel.x) * picture.channels;
  const [red, green, blue] = picture.values.subarray(at, at + picture.channels);
  const value = picture.channels === 1 ? `grey ${red}` : `red ${red}, green ${green}, blue ${blue}`;
  const words = `x ${pixel.x}, y ${pixel.y}: ${value}`;
  if (!set.heat) return words;
  return `${words}, ${seesPixel(data.seen, pixel) ? `heat ${heatAt(viewer, pixel)}` : "not seen"}`;
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

function windowWords({ set }) {
  return `Window ${Math.round(set.window.width)}, level ${Math.round(set.window.centre)}`;
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
