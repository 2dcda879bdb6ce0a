"""A night: said once, drawn in each format."""
