"""Synthetic chest radiographs, drawn from a seed: no patient ever was behind one of them."""
