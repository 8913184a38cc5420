"""From settings to a plan of phases, and from a plan to a fitted network, as events."""
