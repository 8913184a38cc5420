"""What was computed once and is kept: rows on disk, found by key, removed by last use."""
