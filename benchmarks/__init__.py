"""Speed claims, each the ratio of two measurements from one run, with its 95 % interval.

make bench        # all of them
python -m benchmarks agent_overhead --build FOLDER
"""

NOT_MET = 3
"""The exit status when a claim was not met; 1 would say that the product regressed (`device_agents.ending`)."""
