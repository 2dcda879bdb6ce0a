"""Sensors of a device: read them once, or sample them during a trial."""
