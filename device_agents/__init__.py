"""Programs that run on devices, and the contract that all of pocketlab shares."""
