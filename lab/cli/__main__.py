"""``python -m lab.cli`` is the command `lab`."""

from lab.cli import main

main()
