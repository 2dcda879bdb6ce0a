"""The system under test: BlueLM-V-3B's architecture in torch, and how it becomes a build."""
