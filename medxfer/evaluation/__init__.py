"""From a network to predictions, and from predictions to figures."""
