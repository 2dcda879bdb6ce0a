"""A phone's settings: prepared, journalled and restored."""
