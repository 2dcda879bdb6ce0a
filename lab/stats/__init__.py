"""Numbers in, numbers out: summaries, comparisons and the schedule model, without any input or output."""
