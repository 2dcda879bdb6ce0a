"""The literature beside what was measured here: a row for each claim, never a ratio or a verdict."""
