"""What the pages that watch runs draw."""
