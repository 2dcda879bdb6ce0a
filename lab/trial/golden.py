"""Correct before fast: comparing the outputs of a trial's iterations with the oracle's golden outputs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from device_agents.contract import (
    DecodeWork,
    EncodeImageWork,
    Event,
    Fingerprint,
    GenerateWork,
    Input,
    InvalidReason,
    Job,
    Manifest,
    Output,
    PrefillWork,
    TokenTrail,
    relative_distance,
)
from lab.records.telling import above
from lab.trial.flaws import Found
from lab.trial.metrics import measured


def outputs(
    job: Job,
    events: Sequence[Event],
    manifest: Manifest,
    inputs: Mapping[str, Input],
    notes: dict[str, float],
) -> None:
    """Raise `Found` for the first output that is missing, not finite or outside the build's tolerance.

    `notes` gets the largest distances, the least number of agreeing tokens, and whether there were golden outputs.
    """
    work = job.work
    if not isinstance(work, EncodeImageWork | PrefillWork | DecodeWork | GenerateWork):
        return
    golden, tolerance = inputs[work.input].golden, manifest.tolerance
    prompt_tokens = inputs[work.input].prompt_tokens
    answers: dict[int, dict[str, Output]] = {}
    for event in events:
        if isinstance(event, Output):
            answers.setdefault(event.iteration, {})[event.kind] = event
    for iteration in measured(events):
        found = answers.get(iteration.iteration, {})
        where = f"iteration {iteration.iteration}"
        if isinstance(work, EncodeImageWork | GenerateWork):
            _tensor(
                where,
                "features",
                found.get("features"),
                golden=golden.features,
                tolerance=tolerance.features,
                notes=notes,
            )
        if isinstance(work, PrefillWork | GenerateWork):
            whole = isinstance(work, GenerateWork) or work.prompt_tokens == prompt_tokens
            logits = golden.logits if whole else None
            _tensor(where, "logits", found.get("logits"), golden=logits, tolerance=tolerance.logits, notes=notes)
        if isinstance(work, DecodeWork | GenerateWork):
            whole = isinstance(work, GenerateWork) or work.context_tokens == prompt_tokens
            _trail(
                where,
                found.get("tokens"),
                golden=golden.tokens if whole else None,
                new_tokens=work.new_tokens,
                margin=tolerance.margin,
                notes=notes,
            )


def _tensor(
    where: str,
    kind: str,
    output: Output | None,
    *,
    golden: Fingerprint | None,
    tolerance: float,
    notes: dict[str, float],
) -> None:
    if output is None or output.fingerprint is None:
        raise Found(InvalidReason.WRONG_OUTPUT, f"{where}: the agent wrote no {kind}")
    found = output.fingerprint
    if not all(map(math.isfinite, (found.norm, *found.projections))) or found.norm == 0.0:
        raise Found(InvalidReason.WRONG_OUTPUT, f"{where}: the {kind} are not finite, or all zero")
    notes["golden_checked"] = min(float(golden is not None), notes.get("golden_checked", 1.0))
    if golden is None:  # part of a prompt: the oracle computed only the whole one
        return
    if math.prod(found.shape) != math.prod(golden.shape):
        raise Found(
            InvalidReason.WRONG_OUTPUT,
            f"{where}: the {kind} have shape {found.shape}, the oracle's {golden.shape}",
        )
    distance = relative_distance(found, golden)
    if math.isfinite(distance):  # the square of a huge number is none
        notes[f"{kind}_distance"] = max(distance, notes.get(f"{kind}_distance", 0.0))
    if not distance <= tolerance:
        told = above(distance, tolerance)
        raise Found(
            InvalidReason.WRONG_OUTPUT,
            f"{where}: the {kind} lie {told} from the oracle's (relative), allowed {tolerance:.3g}",
        )


def _trail(
    where: str,
    output: Output | None,
    *,
    golden: TokenTrail | None,
    new_tokens: int,
    margin: float,
    notes: dict[str, float],
) -> None:
    """Compare greedy tokens up to the first that differs: after it the two texts cannot be compared."""
    if output is None or output.tokens is None:
        raise Found(InvalidReason.WRONG_OUTPUT, f"{where}: the agent wrote no tokens")
    ids = output.tokens.ids
    if len(ids) != new_tokens:
        raise Found(InvalidReason.WRONG_TOKEN_COUNT, f"{where}: wanted {new_tokens} new tokens, found {len(ids)}")
    if not all(map(math.isfinite, output.tokens.margins)):
        raise Found(InvalidReason.WRONG_OUTPUT, f"{where}: the margins of the tokens are not finite")
    notes["golden_checked"] = min(float(golden is not None), notes.get("golden_checked", 1.0))
    if golden is None:
        return
    pairs = list(zip(ids, golden.ids, golden.margins, strict=False))
    agreed = next((i for i, (ours, theirs, _) in enumerate(pairs) if ours != theirs), len(pairs))
    notes["tokens_agreed"] = min(float(agreed), notes.get("tokens_agreed", math.inf))
    if agreed < len(pairs) and not pairs[agreed][2] <= margin:
        ours, theirs, decided = pairs[agreed]
        raise Found(
            InvalidReason.WRONG_OUTPUT,
            f"{where}: token {agreed} is {ours}, the oracle says {theirs} by a margin of {decided:.3g}; tokens "
            f"may differ only up to a margin of {margin:.3g}",
        )
