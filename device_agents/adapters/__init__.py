"""Adapters: one module for each foreign runtime makes its tool speak the contract.

An adapter runs on the host, as a process, before and after the tool. `python -m device_agents.adapters.NAME
prepare` prints how to start the tool for a job; `… parse` turns the tool's output into events (PROTOCOL.md,
"Foreign tools"). A new runtime is one new module with these two commands: follow `llama_cpp.py`. Nothing else
in this folder changes. (`llama_build.py` is no adapter: it builds llama.cpp's tool for this machine.)
"""
