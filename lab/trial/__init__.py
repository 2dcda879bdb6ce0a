"""One trial: its job, its agent, its folder, what must hold of it, its figures, whether it counts."""
