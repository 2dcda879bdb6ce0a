"""Builds: opened, verified, packed from foreign folders; and inputs of the user's own."""
