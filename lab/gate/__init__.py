"""When a trial may start, and when heat ends or rejects it."""
