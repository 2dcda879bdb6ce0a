"""Two runs: measured in pairs until a verdict stands; acceptance of a device; the lab's check of itself."""
