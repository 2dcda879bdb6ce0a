"""Other people's tools made to speak events: an adapter runs on the host, as a process, before and after the tool.

`python -m device_agents.adapters.NAME prepare` says how the tool is started for a job, and
`… parse` turns what it printed into events (PROTOCOL.md, "Foreign tools").
"""
