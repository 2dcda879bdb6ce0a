"""What tests with a fake phone share: a scenario about batches of patches, and a script in which all goes well."""

from __future__ import annotations

from lab.device.fake.phone import Fault


def batch_scenario(patches: str, *, warmup: int = 0, blocks: int, rest: str = "") -> str:
    """Return a scenario that sweeps patches per batch, two iterations a trial; `rest` comes behind its plan."""
    return f"""
[scenario]
name = "probe"
question = "Which batch is fastest?"
metric = "encode_s"
[workload]
kind = "encode_image"
pipelined = false
[sweep]
patches_per_batch = {patches}
[plan]
warmup = {warmup}
iterations = 2
blocks = {blocks}
timeout_s = 10
{rest}"""


def good(number: int) -> Fault:
    """Let nothing go wrong."""
    return "none"
