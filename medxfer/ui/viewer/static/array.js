// Keeps an array that came from the server for the viewer beside it.
// The bytes are one line of JSON (name, digest, width, height, channels, bits), then the values.

export default function ({ data }) {
  const shelf = (globalThis.medxferArrays ??= new Map());
  const end = data.indexOf("\n".charCodeAt(0));
  const label = JSON.parse(new TextDecoder().decode(data.subarray(0, end)));
  if (shelf.get(label.name)?.digest !== label.digest) {
    const content = data.slice(end + 1).buffer;
    const values = label.bits === 16 ? new Uint16Array(content) : new Uint8Array(content);
    shelf.set(label.name, { ...label, values });
    globalThis.dispatchEvent(new Event("medxfer-array"));
  }
  const kept = shelf.get(label.name);
  return () => {
    if (shelf.get(label.name) === kept) shelf.delete(label.name);
  };
}
