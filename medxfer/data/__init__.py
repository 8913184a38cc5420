"""Files to manifest, splits and decoded pictures. Knows nothing of torch."""
