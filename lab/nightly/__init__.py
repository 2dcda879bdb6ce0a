"""Many nights: what a suite measures each night, what changed, and what somebody should do about it."""
