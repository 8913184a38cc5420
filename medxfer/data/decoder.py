"""The child process that decodes foreign files; `quarantine` starts it and talks to it.

It may use little memory, write no file and leave no core dump, and it ends when the other side
does. Whatever it prints after its start is heard by nobody.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from medxfer.data.picture import Picture, Wanted
from medxfer.data.quarantine import SECONDS
from medxfer.data.readers import decode
from medxfer.data.wire import receive, send
from medxfer.errors import ImageError

MEMORY = 2 * 2**30
"""Bytes of address space, of which Python and the decoders take a quarter before any file."""


def serve(line: socket.socket) -> None:
    """Answer questions until the other side is gone."""
    while True:
        try:
            question, data = receive(line, None)
        except (EOFError, OSError):
            return
        # Its default action ends the process even inside a decoder that never returns.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        head, body = answer(question, bytes(data))
        del data
        with suppress(BrokenPipeError, ConnectionResetError):
            send(line, head, body, None)
        signal.setitimer(signal.ITIMER_PROF, 0)


def answer(question: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Any]:
    """The head and the body of the answer to one file."""
    name, purpose = question["name"], question["purpose"]
    try:
        wanted = Wanted(question["at_least"], question["frame"], question["deep"])
        picture = decode(data, name, wanted)
        head = _described(picture)
        if purpose == "pixels":
            return head, memoryview(_packed(picture))
        head |= _looked_at(picture)
        if purpose == "stripped":
            return head, _stripped(picture, data, name)
    except ImageError as error:
        return {"problem": error.problem, "remedy": error.remedy}, b""
    except MemoryError:
        return {"memory": True}, b""
    except Exception as error:  # noqa: BLE001 - the boundary of this process
        # Where, but not what it says: that may be a patient's name.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return {"fault": f"{type(error).__name__} at {where}"}, b""
    return head, b""


def _described(picture: Picture) -> dict[str, Any]:
    height, width, _ = picture.pixels.shape
    deep = picture.deep
    return {
        "width": width,
        "height": height,
        "mode": picture.mode,
        "format": picture.format,
        "notes": picture.notes,
        "reduction": picture.reduction,
        "frames": picture.frames,
        "frame": picture.frame,
        "origin": picture.origin and asdict(picture.origin),
        "spacing": picture.spacing,
        "spacing_note": picture.spacing_note,
        "deep": deep
        and {
            "window": deep.window,
            "slope": deep.slope,
            "intercept": deep.intercept,
            "unit": deep.unit,
        },
    }


def _stripped(picture: Picture, data: bytes, name: str) -> bytes:
    """The file with nothing about whom it shows; b"" of formats that are kept as they are."""
    if picture.origin is not None:
        from medxfer.data.stripping import stripped

        return stripped(data, name, picture.origin)
    if picture.format == "NIfTI":
        from medxfer.data import nifti

        return nifti.stripped(data, name)
    return b""


def _packed(picture: Picture) -> bytes:
    """The pixels, and behind them the grey values beyond 8 bits, if there are any."""
    if picture.deep is None:
        return picture.pixels.tobytes()
    arrays = (picture.pixels, picture.deep.values)
    return b"".join(np.ascontiguousarray(array).data for array in arrays)


def _looked_at(picture: Picture) -> dict[str, Any]:
    pixels = picture.pixels
    digest = hashlib.sha256(pixels.tobytes()).hexdigest() if picture.origin else ""
    # The first row tells nearly always, and a whole picture takes a tenth of the time to decode it.
    blank = (pixels[0] == pixels[0, 0]).all() and (pixels == pixels[0, 0]).all()
    return {"blank": bool(blank), "pixels_sha256": digest}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with suppress(ValueError, OSError):  # systems that know no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.dont_write_bytecode = True  # of what is imported from here on: no file may be written
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the other side
    with socket.socket(fileno=0) as line:
        send(line, {}, b"", None)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        serve(line)


if __name__ == "__main__":
    main()
