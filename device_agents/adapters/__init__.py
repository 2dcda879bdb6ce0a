"""Adapters: one module for each foreign runtime makes its tool speak the contract.

An adapter runs on the host, as a process, before and after the tool. `python -m device_agents.adapters.NAME
prepare` prints how to start the tool for a job; `… parse` turns the tool's output into events (PROTOCOL.md,
"Foreign tools"). A new runtime is one new module with these two commands: follow `llama_cpp.py`. Nothing else
in this folder changes. `observed.py` gives every adapter what the lab saw of where the tool's threads ran.
(`llama_build.py` and `llama_result.py` are no adapters: they build llama.cpp's tool and read its output.)
"""
