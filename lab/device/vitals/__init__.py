"""Sensors: one look, or a sampler beside a trial."""
