// From values to what a canvas shows. What is off screen is not touched, and a picture drawn
// small is drawn from a halved copy of itself: the work depends on the screen, not on the picture.

const SEPARATE_PIXELS = 6; // screen pixels from which a picture pixel is drawn as a square
const SMALLEST_COPY = 64; // pixels

// The picture at half the size, each pixel the mean of up to four.
function halved({ values, width, height, channels }) {
  const halfWidth = Math.ceil(width / 2), halfHeight = Math.ceil(height / 2);
  const half = new values.constructor(halfWidth * halfHeight * channels);
  let at = 0;
  for (let y = 0; y < halfHeight; y += 1) {
    const row = 2 * y * width, next = Math.min(2 * y + 1, height - 1) * width;
    for (let x = 0; x < halfWidth; x += 1) {
      const left = 2 * x, right = Math.min(2 * x + 1, width - 1);
      for (let c = 0; c < channels; c += 1) {
        const sum = values[(row + left) * channels + c] + values[(row + right) * channels + c]
          + values[(next + left) * channels + c] + values[(next + right) * channels + c];
        half[at] = (sum + 2) >> 2;
        at += 1;
      }
    }
  }
  return { values: half, width: halfWidth, height: halfHeight, channels };
}

// The smallest copy of the picture that still has a pixel for each of the screen.
function copyFor(picture, scale) {
  picture.copies ??= [picture];
  let halvings = 0;
  while (scale * 2 ** (halvings + 1) <= 1) {
    const last = picture.copies[halvings];
    if (Math.min(last.width, last.height) <= SMALLEST_COPY) break;
    picture.copies[halvings + 1] ??= halved(last);
    halvings += 1;
  }
  return { copy: picture.copies[halvings], step: 2 ** halvings };
}

// Brightness of the copy's pixels from (left, top) on into `image`, an ImageData.
function fill(image, copy, left, top, table) {
  const out = new Uint32Array(image.data.buffer);
  const { values, width, channels } = copy;
  let at = 0;
  if (channels === 1) {
    const grey = Uint32Array.from(table, (value) => 0xff000000 | (value * 0x010101));
    for (let y = 0; y < image.height; y += 1) {
      let from = (top + y) * width + left;
      for (const end = at + image.width; at < end; at += 1, from += 1) out[at] = grey[values[from]];
    }
    return;
  }
  for (let y = 0; y < image.height; y += 1) {
    let from = ((top + y) * width + left) * 3;
    for (const end = at + image.width; at < end; at += 1, from += 3) {
      const red = table[values[from]], green = table[values[from + 1]];
      out[at] = 0xff000000 | (table[values[from + 2]] << 16) | (green << 8) | red;
    }
  }
}

// The part of the picture that shows, at brightness, on `sheet` (a canvas that is used again);
// gives where it belongs on the pane, in screen pixels.
function drawVisible(sheet, picture, view, size, ratio, table) {
  const scale = view.zoom * ratio;
  const { copy, step } = copyFor(picture, scale);
  const within = (value, length) => Math.min(Math.max(value, 0), length);
  const reachX = size.width / view.zoom / 2, reachY = size.height / view.zoom / 2;
  const left = within(Math.floor((view.x - reachX) / step), copy.width - 1);
  const top = within(Math.floor((view.y - reachY) / step), copy.height - 1);
  const width = within(Math.ceil((view.x + reachX) / step), copy.width) - left;
  const height = within(Math.ceil((view.y + reachY) / step), copy.height) - top;
  if (sheet.image?.width !== width || sheet.image.height !== height) {
    sheet.width = width;
    sheet.height = height;
    sheet.image = new ImageData(width, height);
  }
  fill(sheet.image, copy, left, top, table);
  sheet.getContext("2d", { willReadFrequently: true }).putImageData(sheet.image, 0, 0);
  const place = onScreen(view, left * step, top * step, size);
  return {
    left: place.left * ratio, top: place.top * ratio,
    width: width * step * scale, height: height * step * scale, scale,
  };
}

// The heat in colour, as opaque as it is strong; `colours` is 256 times RGB.
function heatCanvas(heat, colours) {
  const canvas = document.createElement("canvas");
  canvas.width = heat.width;
  canvas.height = heat.height;
  const image = new ImageData(heat.width, heat.height);
  const out = new Uint32Array(image.data.buffer);
  const table = new Uint32Array(256);
  for (let level = 0; level < 256; level += 1) {
    const [red, green, blue] = colours.subarray(3 * level);
    table[level] = (level << 24) | (blue << 16) | (green << 8) | red;
  }
  for (let at = 0; at < out.length; at += 1) out[at] = table[heat.values[at]];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function drawSheet(context, sheet, place) {
  context.fillStyle = "#000";
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.imageSmoothingEnabled = place.scale < SEPARATE_PIXELS;
  context.drawImage(sheet, place.left, place.top, place.width, place.height);
}

// The heat over the whole picture, but never outside what the network saw.
function drawHeat(context, canvas, opacity, picture, seen, view, size, ratio) {
  const scale = view.zoom * ratio;
  const corner = onScreen(view, 0, 0, size);
  context.save();
  context.setTransform(scale, 0, 0, scale, corner.left * ratio, corner.top * ratio);
  if (seen) {
    context.beginPath();
    context.rect(seen[0], seen[1], seen[2] - seen[0], seen[3] - seen[1]);
    context.clip();
  }
  context.globalAlpha = opacity / 100;
  context.imageSmoothingEnabled = true;
  context.drawImage(canvas, 0, 0, picture.width, picture.height);
  context.restore();
}
