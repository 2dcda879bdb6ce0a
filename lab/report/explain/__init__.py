"""Why each trial counted or not: computed once, drawn in each format."""
