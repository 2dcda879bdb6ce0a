"""Two runs: pairs until a verdict stands, acceptance of a device, and the lab's check of itself."""
