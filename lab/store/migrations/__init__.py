"""How the index came to its present form: append-only, numbered steps that run when a store is opened."""
