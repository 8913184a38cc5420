"""Transfer learning of ResNets on labelled medical images, with an honest account of the result."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("medxfer")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

RESEARCH_USE_ONLY = (
    "Research use only. Not a medical device. Not for diagnosis or treatment decisions."
)
