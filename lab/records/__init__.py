"""The nouns: trials, runs, verdicts and answers, as every other part of the lab hands them on."""

from lab.records.run import *  # noqa: F403
