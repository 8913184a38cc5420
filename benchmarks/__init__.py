"""Measurements: this engine beside a plain loop and beside other libraries, on real pictures.

Nothing here is part of the product. The packs lie outside the repository; everything made goes
into a workspace folder of its own.
"""
