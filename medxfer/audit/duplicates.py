"""Pictures that are there twice, changed: resized, compressed, mirrored, cropped, brightened."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import numpy.typing as npt
import pandas as pd

from medxfer.audit.appearance import Appearance
from medxfer.audit.comparing import Copies, compare, together
from medxfer.audit.exact import decoded, exact_duplicates
from medxfer.audit.pairs import component_of, pair_table
from medxfer.audit.pieces import made_in_order
from medxfer.audit.search import Candidates, candidates
from medxfer.cache.shelf import Rows
from medxfer.data.manifest import Manifest
from medxfer.data.pixel_store import PixelStore
from medxfer.working import told_as

__all__ = ["exact_duplicates", "near_duplicates"]

_BLOCK = 64
_MOVED = 0.02
"""A smaller change of scale, or of position in half sides, is no crop."""
_OTHER_SIZE = 0.03
_OTHER_BRIGHTNESS = 4.0  # grey levels
_SURELY = 0.99
"""Share of agreeing patches from which it is asked whether a pair is equal pixel by pixel."""


def near_duplicates(
    manifest: Manifest,
    appearance: Appearance,
    store: PixelStore,
    exact: pd.DataFrame | None = None,
) -> Generator[tuple[int, int], None, pd.DataFrame]:
    """Pairs that are one picture after a small change; yields (done, total), returns the pairs.

    Found are copies that were resized, squeezed, compressed again, mirrored left to right, cropped
    by up to a tenth, changed in brightness, contrast or gamma, or written on, and several of these
    together; not rotated ones. Candidates come from all pairs of descriptors; each is then laid
    over the other and compared patch by patch, and only what agrees in fine detail is returned:
    two pictures of the same patient are none.

    Of exact copies (`exact`, computed if None) one picture stands for all. The columns are those of
    `pairs.COLUMNS`; `kind` is "near", or "exact" where both files decoded in full are equal after
    all; `changes` says in words what was changed; `score` is the share of patches that agree.
    Closing the generator stops the work.

    Raises:
        DataError, ImageError: a file changed, vanished or became unreadable.
        CacheError: the pixels were removed from the cache meanwhile.
    """
    exact = exact_duplicates(manifest, appearance) if exact is None else exact
    places = _one_of_each(manifest, appearance, exact)
    wanted = yield from _searched(appearance, places)
    blocks = [wanted.chosen(slice(at, at + _BLOCK)) for at in range(0, len(wanted), _BLOCK)]
    found: list[Copies] = []
    for copies in made_in_order(lambda block: compare(appearance, store, block), blocks):
        found.append(copies)
        yield len(blocks) + len(found), 2 * len(blocks)
    return _table(manifest, appearance, together(found))


def _searched(appearance: Appearance, places: Rows) -> Generator[tuple[int, int], None, Candidates]:
    """The candidates among these places; counted as half of the work."""
    steps = candidates(appearance.descriptors[places])
    found = yield from told_as(steps, lambda step: (step[0], 2 * step[1]))
    return Candidates(places[found.first], places[found.second], found.mirrored)


def _one_of_each(manifest: Manifest, appearance: Appearance, exact: pd.DataFrame) -> Rows:
    """Places of the pictures less those that are exact copies of an earlier one."""
    images = manifest.table["image"].iloc[appearance.rows]
    place = pd.Series(np.arange(len(appearance)), index=images.to_numpy())
    first, second = (place.loc[exact[end]].to_numpy(np.int64) for end in ("first", "second"))
    numbers = component_of(len(appearance), first, second)
    return np.sort(np.unique(numbers, return_index=True)[1]).astype(np.int64)


def _table(manifest: Manifest, appearance: Appearance, copies: Copies) -> pd.DataFrame:
    facts = manifest.table.iloc[appearance.rows]
    sizes = facts[["width", "height"]].to_numpy(np.float64)
    formats = facts["format"].to_numpy()
    changes: list[str] = []
    kinds: list[str] = []
    for number in range(len(copies)):
        one, two = int(copies.first[number]), int(copies.second[number])
        words = _changes(copies, number, sizes[one], sizes[two])
        equal = (
            not words
            and formats[one] != formats[two]
            and copies.score[number] >= _SURELY
            and _same_pixels(manifest, int(appearance.rows[one]), int(appearance.rows[two]))
        )
        kinds.append("exact" if equal else "near")
        changes.append("" if equal else words or "compressed again")
    first, second = appearance.rows[copies.first], appearance.rows[copies.second]
    return pair_table(manifest, first, second, kinds, changes, copies.score)


def _same_pixels(manifest: Manifest, first: int, second: int) -> bool:
    return decoded(manifest, first) == decoded(manifest, second)


def _changes(
    copies: Copies, number: int, first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> str:
    """What was changed from one to the other, in words; sizes are (width, height) in pixels."""
    scale, shift = copies.position[number, [0, 2]], copies.position[number, [1, 3]]
    found = {
        "mirrored": bool(copies.mirrored[number]),
        "cropped": bool((np.abs(scale - 1) > _MOVED).any() or (np.abs(shift) > _MOVED).any()),
        "resized": bool((np.abs(second / (scale * first) - 1) > _OTHER_SIZE).any()),
        "brightness": bool(np.abs(copies.brightness[number]) > _OTHER_BRIGHTNESS),
        "written on": bool(copies.covered[number]),
    }
    return ", ".join(word for word, holds in found.items() if holds)
