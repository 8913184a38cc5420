"""What the explain page draws."""
