"""Series over nights and builds: their points, what changed beside them, and what to say of one point."""
