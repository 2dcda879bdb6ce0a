"""A comparison's verdict: computed once, drawn in each format."""
