"""Small pictures for lists and pages, made once."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any

import pandas as pd
from PIL import Image

from medxfer.data.info import read_info
from medxfer.data.readers import read_picture
from medxfer.files import replacing
from medxfer.paths import Workspace

_QUALITY = 85
# Two pages that make the same thumbnail in one process would share its temporary file.
_WRITING = threading.Lock()


def thumbnail(
    workspace: Workspace, name: str, row: pd.Series[Any] | Mapping[str, Any], side: int = 160
) -> bytes:
    """A JPEG whose longer side is at most `side` pixels, of one row of a manifest.

    Raises:
        ImageError: the file is gone or can no longer be read.
    """
    paths = workspace.dataset(name)
    cached = paths.thumbnails / f"{row['sha256'][:32]}-{side}.jpg"
    with suppress(FileNotFoundError):
        return cached.read_bytes()
    picture = read_picture(read_info(paths).folder(paths) / row["file"])
    small = Image.fromarray(picture.pixels)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    with _WRITING, suppress(OSError), replacing(cached) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return buffer.getvalue()
