"""Many trials: the order of a run, a device's turn, recovery and resume."""
