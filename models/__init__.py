"""The system under test: BlueLM-V-3B's architecture in torch, and its export as a build."""
