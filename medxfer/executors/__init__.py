"""Where a run executes. `local`: a process of its own on this machine."""
