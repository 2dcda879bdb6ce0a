"""The other islands: run as processes, and how to get what they need."""
