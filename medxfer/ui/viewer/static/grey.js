// Grey values: how often each occurs, windows on them, and tables from value to brightness.

function histogram(values) {
  const counts = new Uint32Array(values.BYTES_PER_ELEMENT === 1 ? 256 : 65536);
  for (let at = 0; at < values.length; at += 1) counts[values[at]] += 1;
  return counts;
}

// The value at or below which the share (0 to 1) of all values lies: 0 the least, 1 the greatest.
function quantile(counts, share) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let below = 0;
  for (let value = 0; value < counts.length; value += 1) {
    below += counts[value];
    if (below > share * total || below === total) return value;
  }
  return counts.length - 1;
}

// The window that shows `low` as black and `high` as white.
function spanning(low, high) {
  return { centre: (low + high + 1) / 2, width: high - low + 1 };
}

// The windows a picture offers, the one it opens with first. None is made up for a kind of scan.
function presetsOf(counts, fromFile) {
  const between = (low, high) => spanning(quantile(counts, low), quantile(counts, high));
  const presets = [
    { name: "Full range", ...between(0, 1) },
    { name: "1 % to 99 %", ...between(0.01, 0.99) },
    { name: "5 % to 95 %", ...between(0.05, 0.95) },
  ];
  if (counts.length === 256) presets.unshift({ name: "As stored, 0 to 255", ...spanning(0, 255) });
  if (fromFile) presets.unshift({ name: "From the file", centre: fromFile[0], width: fromFile[1] });
  return presets;
}

// Brightness (0 to 255) of each value, as DICOM PS3.3 C.11.2.1.2.1 counts window and level.
function brightness(size, { centre, width }, inverted) {
  const table = new Uint8ClampedArray(size);
  const low = centre - 0.5 - (width - 1) / 2;
  const span = width - 1;
  for (let value = 0; value < size; value += 1) {
    const share = span > 0 ? (value - low) / span : value > low ? 1 : 0;
    table[value] = 255 * (inverted ? 1 - share : share);
  }
  return table;
}
