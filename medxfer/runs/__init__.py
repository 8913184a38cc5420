"""Runs as folders: settings, events, checkpoints, predictions; and an index of them."""
