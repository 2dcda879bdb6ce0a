"""The steps; one that has been released is never edited."""
