"""What the pictures of a data set look like, in one pass: a small record of each."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from medxfer.audit.agreement import GLANCE
from medxfer.audit.descriptor import LENGTH, SIDE, describe, squeezed
from medxfer.audit.measures import Floats, Pixels, grey, measures
from medxfer.audit.pieces import made_in_order
from medxfer.cache.shelf import Rows
from medxfer.data.pixel_store import PixelStore

THUMB = GLANCE.side
"""Pixels; the side of the square picture kept of each, at which pairs are laid over each other."""
_PIECE = 32
_DIGEST = 16  # bytes: no two different pictures share one by chance
_NOT_SHORTCUTS = ("constant",)


@dataclass(frozen=True)
class Appearance:
    """The records of the pictures in these `rows` of a manifest, all arrays in that order.

    About 3 KB a picture.
    """

    rows: Rows
    digests: npt.NDArray[np.str_]
    """Of the pixels at working size, (n,): equal for equal pixels, whatever the file format."""
    thumbs: Pixels
    """Grey and squeezed into a square, (n, THUMB, THUMB)."""
    descriptors: npt.NDArray[np.float16]
    """As `descriptor.describe` gives them, (n, LENGTH)."""
    measures: pd.DataFrame
    """As `measures.measures` names them, float32."""

    def __len__(self) -> int:
        return len(self.rows)

    def features(self) -> pd.DataFrame:
        """What is not anatomy, one row a picture: intensity, borders, corners, sharpness."""
        return self.measures.drop(columns=list(_NOT_SHORTCUTS))


def appearance(store: PixelStore, rows: Rows) -> Generator[tuple[int, int], None, Appearance]:
    """Look at every one of these pictures once; yields (done, total), returns the records.

    Pictures that are not in the store are decoded into it first; the steps of both are counted
    together. Closing the generator stops the work; what was decoded is kept.

    Raises:
        DataError, ImageError: a file changed, vanished or became unreadable.
    """
    decoding = 0
    for done, decoding in store.fill(rows):
        yield done, decoding + len(rows)
    total = decoding + len(rows)
    digests: list[str] = []
    thumbs = np.empty((len(rows), THUMB, THUMB), dtype=np.uint8)
    descriptors = np.empty((len(rows), LENGTH), dtype=np.float16)
    named: list[dict[str, float]] = []
    pieces = [rows[at : at + _PIECE] for at in range(0, len(rows), _PIECE)]
    for piece in made_in_order(lambda part: _looked_at(store, part), pieces):
        here = slice(len(digests), len(digests) + len(piece.digests))
        thumbs[here], descriptors[here] = piece.thumbs, piece.descriptors
        digests += piece.digests
        named += piece.measures
        yield decoding + len(digests), total
    table = pd.DataFrame(named or [measures(np.zeros((1, 3, 3), dtype=np.uint8))])
    table = table.iloc[: len(rows)].astype(np.float32)
    return Appearance(rows, np.array(digests, dtype=np.str_), thumbs, descriptors, table)


@dataclass(frozen=True)
class _Piece:
    digests: list[str]
    thumbs: Pixels
    descriptors: Floats
    measures: list[dict[str, float]]


def _looked_at(store: PixelStore, rows: Rows) -> _Piece:
    pictures = [store.take(rows[at : at + 1])[0] for at in range(len(rows))]
    levels = [grey(picture) for picture in pictures]
    squares = np.stack([squeezed(each, SIDE) for each in levels])
    thumbs = np.stack([squeezed(each, THUMB) for each in levels])
    return _Piece(
        [digest(picture) for picture in pictures],
        np.rint(thumbs).astype(np.uint8),
        describe(squares),
        [measures(picture) for picture in pictures],
    )


def digest(picture: Pixels) -> str:
    """Of the pixels of a picture (channels, height, width) and its shape.

    A grey picture stored in three equal channels has the digest of one stored in one.
    """
    if len(picture) > 1 and (picture == picture[:1]).all():
        picture = picture[:1]
    content = hashlib.blake2b(repr(picture.shape).encode(), digest_size=_DIGEST)
    content.update(np.ascontiguousarray(picture).tobytes())
    return content.hexdigest()
