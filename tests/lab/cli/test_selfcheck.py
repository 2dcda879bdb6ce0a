"""The command `lab selfcheck` on this machine."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.selfcheck import measured
from lab.compare.selfcheck import begin
from lab.errors import DiskFull
from lab.files import disk_full
from lab.records import Trial
from lab.scenario.load import load
from lab.store import Store
from tests.fake_lab import FakeLab, batch_scenario
from tests.lab_process import Lab
from tests.saved_checks import CHECKED, EMPTY

LOAD = """
[scenario]
name = "short"
question = "What are verdicts on starting worth?"
metric = "load_s"
[workload]
kind = "load"
[plan]
warmup = 0
iterations = 1
timeout_s = 60
[gates]
max_gap = 0.99
start = "never"
"""


class FullStore(Store):
    """A store whose disk has room for no trial."""

    def save_trial(self, run_id: str, trial: Trial) -> None:
        """Find the disk full."""
        raise disk_full(f"save trial {trial.number} of run {run_id}", self.root)


def test_the_command_on_this_machine(lab: Lab, tiny_build: Path, tmp_path: Path) -> None:
    """A comparison of a real build with itself prints a line as it ends; the record can be shown again."""
    (tmp_path / "short.toml").write_text(LOAD)
    assert lab("builds", "add", tiny_build, "--line", "tiny-fp32").returncode == 0
    options = ("--build", "tiny-fp32", "--comparisons", "1", "--injected", "0", "--budget", "15", "--seed", "3")
    done = lab("selfcheck", tmp_path / "short.toml", *options, "--markdown", tmp_path / "found.md")

    assert done.returncode == 0, done.stderr
    assert "host 1/1 alike: " in done.stderr
    told = " ".join(done.stderr.split())
    assert "host: 1 comparison of tiny-fp32 with itself and 0 with 10 % injected" in told, "said before it starts"
    assert "s of 15 s left" in told
    assert "What are verdicts on host worth? (this machine, no phone)" in done.stdout
    assert "no rates by slow-down" in " ".join(done.stdout.split()), "one comparison is fewer than 30 pairs"
    assert "| 1 | - |" in (tmp_path / "found.md").read_text()
    assert "What are verdicts on host worth?" in lab("selfcheck", "--show").stdout
    refused = lab("selfcheck", tmp_path / "short.toml", "--build", "tiny-fp32", "--resume")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there is no self-check to resume" in refused.stderr
    assert "to extend one that spent its budget, add --budget SECONDS" in refused.stderr


def test_a_disk_that_is_full_is_told_with_the_command_that_resumes(tmp_path: Path) -> None:
    """The message names this self-check, and no other command."""
    (tmp_path / "short.toml").write_text(LOAD)
    lab = FakeLab(tmp_path, batch_scenario("[4]", blocks=1))
    chosen = load(tmp_path / "short.toml")
    without_push = replace(lab.bench.device, scratch=None)
    bench = replace(lab.bench, store=FullStore(tmp_path / "data"), device=without_push)
    record = begin(chosen, bench, "fake", seed=1, comparisons=1, injected=0)

    with pytest.raises(DiskFull) as refused:
        measured(record, chosen, bench, tmp_path / "data", "short.toml")

    first, last = str(refused.value).splitlines()
    assert first.endswith("everything saved before is safe: free some space, then resume")
    assert last.startswith("To resume the self-check: ")
    assert f" selfcheck short.toml --resume --device fake --build {record.build} --data {tmp_path}/data" in last


def test_a_self_check_that_spent_its_budget_is_given_more(lab: Lab, tiny_build: Path, tmp_path: Path) -> None:
    """The new budget includes what was spent: less is refused; with enough, what is missing is measured."""
    (tmp_path / "short.toml").write_text(LOAD)
    assert lab("builds", "add", tiny_build, "--line", "tiny-fp32").returncode == 0
    options = (tmp_path / "short.toml", "--build", "tiny-fp32")
    assert lab("selfcheck", *options, "--comparisons", "1", "--injected", "0", "--budget", "15").returncode == 0
    with closing(Store(tmp_path / "data")) as store:
        (found,) = store.selfchecks("host")
        (live,) = found.live
        judged = replace(live, found=replace(live.found, verdict="same"))  # whatever the load of this machine
        store.save_selfcheck(
            replace(found, wanted=2, live=(judged,))
        )  # as if there had been no time for the second

    refused = lab("selfcheck", *options, "--resume", "--budget", "1")
    done = lab("selfcheck", *options, "--resume", "--budget", str(found.spent_s + 60))

    assert (refused.returncode, done.returncode) == (2, 0), done.stderr
    assert "wanted a --budget of more than that, for all of it, found 1" in " ".join(refused.stderr.split())
    with closing(Store(tmp_path / "data")) as store:
        (longer,) = store.selfchecks("host")
    assert (longer.id, longer.budget_s, longer.status) == (found.id, found.spent_s + 60, "finished")
    assert len(longer.live) == 2


def test_show_prints_the_newest_that_tells_something_and_names_the_newer_one(lab: Lab, tmp_path: Path) -> None:
    """On stderr, as the answer is another's."""
    with closing(Store(tmp_path / "data")) as store:
        store.save_selfcheck(CHECKED)
        store.save_selfcheck(EMPTY)

    done = lab("selfcheck", "--show")

    assert done.returncode == 0, done.stderr
    assert CHECKED.id in " ".join(done.stdout.split())
    words = " ".join(done.stderr.split())
    assert (
        f"host: a newer self-check, begun {EMPTY.started_utc}, was interrupted and has judged nothing; " in words
    )
    assert f"--resume --device host --build {EMPTY.build}" in words


def test_defaults_that_can_be_refused_are_named_in_help(lab: Lab) -> None:
    """An option that was left out is not one that was given its default."""
    words = " ".join(lab("selfcheck", "--help").stdout.replace("│", " ").split())

    assert all(f"[default: {default}]" in words for default in ("900", "10", "5"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resume", "--seed", "1", "--comparisons", "3"), "leave --comparisons, --seed out"),
        (("--show", "--budget", "5", "--resume"), "leave --budget, --resume out"),
    ],
)
def test_options_that_do_not_go_together_are_refused_in_words(
    lab: Lab, arguments: tuple[str, ...], words: str
) -> None:
    """Status 2, and nothing on stdout."""
    done = lab("selfcheck", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert words in " ".join(done.stderr.split())
