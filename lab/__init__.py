"""The host's side of pocketlab: scenarios in, verdicts out."""
