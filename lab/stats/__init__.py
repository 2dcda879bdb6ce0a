"""Numbers in, numbers out: summaries, comparisons and the schedule model. Pure: no I/O."""
