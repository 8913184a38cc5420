"""What has been decided about pairs of copies, and what all exact copies together ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from medxfer.audit.pairs import component_of
from medxfer.data.corrections import Action, Correction, in_force
from medxfer.data.manifest import PARTS, Manifest, Split

OPEN, DROPPED, TOGETHER, KEPT = "", "dropped", "together", "kept"
"""How a pair stands: not decided; one is used for nothing; nothing parts them any more, neither
the split nor the class; kept as it is."""

PICTURE_CHECKS = ("quality", "strangers")
"""The checks that find a picture odd, whatever its label."""


def settled(
    pairs: pd.DataFrame, manifest: Manifest, corrections: Sequence[Correction]
) -> pd.Series[str]:
    """How each pair stands by the manifest as it is now and by what was decided.

    `pairs` have the columns of `pairs.COLUMNS`, as they were when the audit was made.
    """
    facts = manifest.table.set_index("image")
    one, two = (facts.reindex(pairs[end]).reset_index(drop=True) for end in ("first", "second"))
    out = str(Split.EXCLUDED)
    dropped = (one["split"] == out) | (two["split"] == out)
    parted = pairs["across_splits"].to_numpy(bool) | pairs["different_labels"].to_numpy(bool)
    same = (one["split"] == two["split"]) & (one["label"] == two["label"])
    kept = kept_together(corrections)
    agreed = [frozenset(ends) in kept for ends in zip(pairs["first"], pairs["second"], strict=True)]
    state = np.select([dropped, parted & same, agreed], [DROPPED, TOGETHER, KEPT], OPEN)
    return pd.Series(state, index=pairs.index, dtype="str")


def kept_together(corrections: Sequence[Correction], *checks: str) -> set[frozenset[str]]:
    """The sets of images of which someone said that they are right as they are.

    With `checks`, only what was said because of one of these, or of none by name.
    """
    counted = zip(corrections, in_force(corrections), strict=True)
    return {
        frozenset(correction.images)
        for correction, counts in counted
        if counts
        and correction.action is Action.KEEP
        and (not checks or correction.check in ("", *checks))
    }


def without_kept(table: pd.DataFrame, kept: set[frozenset[str]]) -> pd.DataFrame:
    """The rows about images, or pairs of them, that nobody called right as they are."""
    ends = [table[name] for name in ("image", "first", "second") if name in table]
    told = [frozenset(images) not in kept for images in zip(*ends, strict=True)]
    return table[np.array(told, dtype=bool)]


@dataclass(frozen=True)
class Dropping:
    """What to drop, so that no picture is learned from and tested on."""

    images: tuple[str, ...]
    """Ids of the copies that are not in the last part their picture is in."""
    unclear: int
    """Pairs across parts that are left for a person, since copies have different classes."""


def copies_to_drop(pairs: pd.DataFrame, manifest: Manifest) -> Dropping:
    """Of pictures that are in several parts, the copies outside the last of train, val, test.

    So the test part stays as it is. Copies under different classes are left alone: which label
    is right must be seen first.
    """
    facts = manifest.part(*PARTS).table.set_index("image")
    used = [facts.index.get_indexer(pd.Index(pairs[end])) >= 0 for end in ("first", "second")]
    here = pairs[used[0] & used[1]]
    codes, images = pd.factorize(here[["first", "second"]].to_numpy().ravel())
    ends = codes.reshape(-1, 2).astype(np.int64)
    copies = pd.DataFrame({"image": images, "group": component_of(len(images), *ends.T)})
    copies["label"] = pd.factorize(copies["image"].map(facts["label"]))[0]
    order = {str(part): place for place, part in enumerate(PARTS)}
    copies["part"] = copies["image"].map(facts["split"]).map(order)
    grouped = copies.groupby("group")[["label", "part"]]
    least, most = grouped.transform("min"), grouped.transform("max")
    several, clear = least["part"] < most["part"], least["label"] == most["label"]
    dropped = copies[several & clear & (copies["part"] < most["part"])]
    torn = copies[several & ~clear]["image"]
    parts = [here[end].map(facts["split"]) for end in ("first", "second")]
    unclear = here["first"].isin(torn) & (parts[0] != parts[1])
    return Dropping(tuple(dropped["image"]), int(unclear.sum()))
