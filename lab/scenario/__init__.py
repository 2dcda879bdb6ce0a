"""A question in TOML, read into cells and a plan."""
