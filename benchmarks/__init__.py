"""Speed claims, each a ratio of two things measured in one run, with its 95 % interval.

make bench        # all of them
python -m benchmarks agent_overhead --build FOLDER
"""
