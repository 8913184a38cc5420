"""JPEG with 12 bits a value, through GDCM: pydicom's own way to GDCM leaves it out.

A decoder plugin in pydicom's form. Checked against the same picture in a lossless encoding.
"""

from __future__ import annotations

from typing import Any

import gdcm
from pydicom.pixels.decoders.base import JPEGExtended12BitDecoder
from pydicom.uid import JPEGExtended12Bit

_NAME = "gdcm-12-bit"
DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("gdcm>=3.0.10",)}


def is_available(uid: str) -> bool:
    return uid in DECODER_DEPENDENCIES


def register() -> None:
    """Add the plugin to pydicom, once."""
    if _NAME not in JPEGExtended12BitDecoder.available_plugins:
        JPEGExtended12BitDecoder.add_plugin(_NAME, (__name__, "decode"))


def decode(source: bytes, runner: Any) -> bytes:
    """The values of one frame, 16 bits each.

    Raises:
        ValueError: GDCM cannot decode it.
    """
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(source)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((runner.columns, runner.rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(runner.photometric_interpretation)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    syntax = gdcm.TransferSyntax.GetTSType(str.__str__(runner.transfer_syntax))
    image.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    stored = runner.bits_stored
    image.SetPixelFormat(
        gdcm.PixelFormat(
            runner.samples_per_pixel, runner.bits_allocated, stored, stored - 1,
            runner.pixel_representation,
        )
    )  # fmt: skip
    # GDCM gives its buffer as text whose letters stand for bytes.
    values = image.GetBuffer()
    if not values:
        raise ValueError("GDCM gave no pixels")
    return bytes(values.encode("utf-8", "surrogateescape"))
