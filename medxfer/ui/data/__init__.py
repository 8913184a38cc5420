"""What the data pages draw."""
