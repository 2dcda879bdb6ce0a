"""Speed claims, each the ratio of two measurements from one run, with its 95 % interval.

make bench        # all of them
python -m benchmarks agent_overhead --build FOLDER
"""
