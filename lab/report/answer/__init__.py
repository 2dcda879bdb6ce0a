"""A run's answer: computed once, drawn in each format."""
