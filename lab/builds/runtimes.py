"""The table of foreign runtimes: how each is recognised, packed, started and parsed.

A new runtime is a row of `RUNTIMES` and an adapter, one file in `device_agents/adapters/` (docs/foreign-tools.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_agents.contract import ForeignManifest
from lab.errors import BuildError
from lab.islands import remedies


@dataclass(frozen=True)
class Runtime:
    """A runtime of another project, and the tool of it that the lab can run.

    A folder holds a build for it when one file ends in `suffix` (``.gguf``) and the tool, `program`, lies beside
    that file. `adapter` is the module that starts the tool and parses its output; without one the lab knows the
    format by name only. `kv_caches` are the types the tool can keep its key-value cache in, its own choice first.
    `get_program` and `join_parts` tell a user how to get the tool, and how to make one file of a model in parts.
    """

    name: str
    suffix: str
    program: str = ""
    adapter: str = ""
    kv_caches: tuple[str, ...] = ("f16",)
    get_program: str = ""
    join_parts: str = ""


RUNTIMES = (
    Runtime(
        "llama.cpp",
        ".gguf",
        program="llama-bench",
        adapter="device_agents.adapters.llama_cpp",
        kv_caches=("f16", "q8_0"),
        get_program=f"{remedies.llama_bench()} makes one for this machine",
        join_parts="one in parts is joined by `llama-gguf-split --merge`",
    ),
    Runtime("ExecuTorch", ".pte"),
    Runtime("MediaTek NeuroPilot", ".dla"),
    Runtime("LiteRT", ".tflite"),
    Runtime("MNN", ".mnn"),
)


def runtime_of(manifest: ForeignManifest, runtimes: Sequence[Runtime] = RUNTIMES) -> Runtime:
    """Return the row of a build's runtime; raises `BuildError` where the table has none with an adapter."""
    known = {runtime.name: runtime for runtime in runtimes if runtime.adapter}
    if manifest.runtime not in known:
        raise BuildError(
            f"build {manifest.model}-{manifest.recipe}: wanted a runtime that this lab has an adapter for "
            f"({', '.join(known)}), found {manifest.runtime!r}; update pocketlab, or add an adapter"
        )
    return known[manifest.runtime]
