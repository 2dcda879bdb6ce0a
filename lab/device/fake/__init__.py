"""A phone, an agent and a build for tests, behind the same seams as real ones."""
