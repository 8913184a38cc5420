"""What the audit's page draws, and the line other pages show of it."""
