"""An incident: what got worse, what speaks for and against it, and what to do about it."""
