"""What the result page draws."""
