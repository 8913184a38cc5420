"""The app with a decoder that does what some files tell it to: break down, or never return."""

from __future__ import annotations

import sys

from medxfer.data import quarantine
from medxfer.ui.serve import main

DECODER = """
import ctypes
from medxfer.data import decoder, readers
decoder.SECONDS = 1.0  # a test need not wait for five

def act(data, name, wanted):
    if data == b"EVIL crash":
        ctypes.string_at(0)
    while True:
        pass

readers.READERS.register("EVIL")(readers.Reader(lambda head: head.startswith(b"EVIL"), act))
decoder.main()
"""

if __name__ == "__main__":
    quarantine._COMMAND = ("-c", DECODER)
    main(sys.argv[1:])
