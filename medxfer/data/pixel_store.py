"""The pixel store: every picture of a data set decoded once, to 8 bits at the working size."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medxfer.cache.filling import fill
from medxfer.cache.room import CacheRoom
from medxfer.cache.shelf import Rows
from medxfer.data.integrity import read_unchanged
from medxfer.data.manifest import Manifest
from medxfer.data.pixels import Pixels
from medxfer.data.readers import Wanted, read_known_bytes

SHORT_SIDE = 256
"""Pixels; what both augmentation presets and the evaluation crop work from."""
LONGEST = 2
"""A picture longer than this many times its short side keeps its middle only."""

_VERSION = "1"
"""Part of the key; counts up when the same file would be stored otherwise."""
_PIECE = 16
_REDUCED_AT_LEAST = 2
"""A JPEG may be decoded at half, a quarter or an eighth as long as that leaves this many times
the stored size: the last halving at least is then done by the exact filter."""


@dataclass(frozen=True)
class Extent:
    """What is kept of a picture: `box` (left, top, right, bottom, in its own pixels) as `size`."""

    box: tuple[float, float, float, float]
    size: tuple[int, int]
    """Width and height as stored."""


def extent(width: int, height: int, short_side: int = SHORT_SIDE) -> Extent:
    """The part of a picture that is stored and its stored size; a small one is not enlarged."""
    long = min(max(width, height), LONGEST * min(width, height))
    wide, high = min(width, long), min(height, long)
    left, top = (width - wide) / 2, (height - high) / 2
    box = (left, top, left + wide, top + high)
    short = min(wide, high)
    if short <= short_side:
        return Extent(box, (wide, high))
    # Rounded down as torchvision's Resize does.
    return Extent(box, (short_side * wide // short, short_side * high // short))


class PixelStore:
    """The decoded pictures of a manifest; `fill` makes them, `take` gives them."""

    def __init__(self, room: CacheRoom, manifest: Manifest, short_side: int = SHORT_SIDE) -> None:
        """Open the store, made if absent; splits and labels do not matter to it.

        Raises:
            OSError: the folder of the cache cannot be used.
        """
        table = manifest.table
        self._manifest = manifest
        self._files = table["file"].tolist()
        self._hashes = table["sha256"].tolist()
        self.short_side = short_side
        self._extents = [
            extent(width, height, short_side)
            for width, height in zip(table["width"], table["height"], strict=True)
        ]
        self._channels = np.where(table["mode"].map(_is_grey), 1, 3).astype(np.int64)
        self.sizes = np.array([[e.size[1], e.size[0]] for e in self._extents], dtype=np.int64)
        """Height and width of each picture as stored, (n, 2)."""
        self.key = key_of(manifest)
        """Of these pictures; the keys of all that is computed from them begin with it."""
        self.bytes: Rows = self._channels * self.sizes.prod(axis=1)
        """Bytes of each picture as stored."""
        self.words = f"{len(manifest):,} pictures of {manifest.root}"
        self._room = room
        self.made_by = f"{short_side}-{_VERSION}"
        """Changes when the same pictures would be stored otherwise."""
        self._shelf = room.shelf("pixels", f"{self.key}-{self.made_by}", self.bytes, self.words)

    def __len__(self) -> int:
        return len(self._hashes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files."""
        self._shelf.close()

    def fill(self, rows: Rows) -> Generator[tuple[int, int], None, None]:
        """Decode those of these pictures that are not stored; yields (done, total).

        Raises:
            DataError, ImageError: a file changed, vanished or became unreadable.
        """
        self._room.make_room(int(self.bytes[self._shelf.missing(rows)].sum()))
        return fill(self._shelf, rows, self._decoded, _PIECE)

    @property
    def still_needed(self) -> int:
        """Bytes that all pictures together will take on the disk beyond what they take now."""
        return max(0, int(self.bytes.sum()) - self._shelf.taken)

    def take(self, rows: Rows) -> NDArray[np.uint8]:
        """The pictures of these rows, which have been filled, in one array.

        It is (n, channels, height, width) with each picture in the upper left corner, one channel
        if all are grey, else three. Beside a picture its last row and column are repeated once, so
        that interpolating at its edge meets no foreign value.
        """
        sizes = self.sizes[rows]
        high, wide = sizes.max(axis=0)
        channels = int(self._channels[rows].max())
        pixels = np.empty((len(rows), channels, high, wide), dtype=np.uint8)
        for place, (row, (height, width)) in enumerate(zip(rows.tolist(), sizes, strict=True)):
            flat = np.empty(self.bytes[row], dtype=np.uint8)
            self._shelf.read(row, flat)
            pixels[place, :, :height, :width] = flat.reshape(-1, height, width)
            if height < high:
                pixels[place, :, height, :width] = pixels[place, :, height - 1, :width]
            if width < wide:
                edge = min(height + 1, high)
                pixels[place, :, :edge, width] = pixels[place, :, :edge, width - 1]
        return pixels

    def _decoded(self, rows: Rows) -> Iterable[tuple[int, NDArray[np.uint8]]]:
        for row in rows.tolist():
            path = self._manifest.path(self._files[row])
            content = read_unchanged(path, self._hashes[row])
            at_least = _REDUCED_AT_LEAST * self.short_side
            picture = read_known_bytes(content, path.name, Wanted(at_least))
            stored = _resized(picture.pixels, picture.reduction, self._extents[row])
            planes = stored.transpose(2, 0, 1)[: self._channels[row]]
            yield row, np.ascontiguousarray(planes).ravel()


def key_of(manifest: Manifest) -> str:
    """Changes when a picture or their order does, not with labels, patients or splits."""
    digest = hashlib.sha256()
    for sha256 in manifest.table["sha256"]:
        digest.update(bytes.fromhex(sha256))
    return digest.hexdigest()[:32]


def _resized(pixels: Pixels, reduction: int, kept: Extent) -> Pixels:
    height, width, _ = pixels.shape
    left, top, right, bottom = (edge / reduction for edge in kept.box)
    box = (left, top, min(right, width), min(bottom, height))
    if box == (0, 0, *kept.size) and (width, height) == kept.size:
        return pixels
    image = Image.fromarray(pixels)
    return np.array(image.resize(kept.size, Image.Resampling.BILINEAR, box=box))


def _is_grey(mode: str) -> bool:
    """Whether Pillow's mode has one colour, so that the decoded channels are all the same."""
    return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")
