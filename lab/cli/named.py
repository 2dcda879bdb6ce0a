"""The record that a user names: by the start of its id, or as what they last asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.cli.options import opened, shared_index
from lab.errors import RunError, StoreError
from lab.store import glance
from lab.store.glance import Glance
from lab.store.measured import trial_files


def named(data: Path, text: str) -> Glance:
    """Return the run, comparison or self-check whose id begins with `text`, or the ``last`` that was asked for.

    Raises `StoreError` when there is none or more than one. Only files are looked at; an index that several data
    roots share, which POCKETLAB_INDEX names, may know in which other of them it lies.
    """
    try:
        return glance.find(data, text)
    except StoreError as error:
        known = text == "last" or any(found.startswith(text) for found, _ in glance.ids(data))
        if known or shared_index() is None:
            raise
        raise StoreError(f"{error}{opened(data).elsewhere(text)}") from error


def run_named(data: Path, text: str, command: str, *, trials: bool = False) -> Glance:
    """Return the run that `text` names; raise `RunError` for what is made of runs.

    `trials` says that `command` needs a trial: no run without one is then named, where it would fail again.
    """
    found = named(data, text)
    if found.kind == "run":
        return found
    having = tuple(each for each in found.runs if not trials or trial_files(data, each))
    if found.runs and not having:
        raise RunError(
            f"wanted a run with a trial, found {found.kind} {found.id}: neither of its sides has one; "
            f"`lab show {found.id}` says why"
        )
    raise not_a_run(replace(found, runs=having), command)


def not_a_run(found: Glance, command: str) -> RunError:
    """Return an error that says which runs a comparison is made of, or how to find those of a self-check."""
    runs = " or ".join(f"`{command} {each}`" for each in found.runs)
    rest = f"`lab show {found.id}` prints it, `lab runs --all` lists its runs"
    instead = f"name a side of it: {runs}" if runs else rest
    return RunError(f"wanted a run, found {found.kind} {found.id}, which is made of runs; {instead}")
