"""Programs that run on devices, and the contract that the whole lab shares with them."""
