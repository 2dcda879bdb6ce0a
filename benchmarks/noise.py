"""Noise to test statistics on: seeded generators of our own, and the development data if available.

A source returns the trial medians of each session in time order, as logarithms: (sessions, trials), without
any change in them. Every trial has the same spread, 3 % (the coefficient of variation of one side; the ratio of
a pair then varies by sqrt(2) times that, unless both share the disturbance).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Source = Callable[[np.random.Generator, int, int], Floats]

CV = 0.03
"""Spread between trials of one side, in the harder reading of the requirement: sides vary independently."""

DATA = "POCKETLAB_REGRESSION_DATA"


def development_data() -> Path | None:
    """Return the folder of the development data, or None; we may not ship them."""
    named = os.environ.get(DATA)
    return Path(named) if named and Path(named).is_dir() else None


def absent() -> str:
    """Return the message that says what is skipped and why."""
    return f"  skipped: the development data ({DATA} names no folder); we may use them, but not ship them"


def _unit(values: Floats) -> Floats:
    """Scale each session to a spread of CV around zero."""
    return np.asarray((values - values.mean()) / values.std() * CV, dtype=np.float64)


def normal(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return independent normal logarithms, the first noise that the targets apply to."""
    return generator.normal(0, CV, (sessions, trials))


def lognormal(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return a long right tail: the logarithms are themselves log-normal, skewness 2.3."""
    return _unit(generator.lognormal(0, 0.6, (sessions, trials)))


def heavy_tails(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return Student's t with three degrees of freedom."""
    return np.asarray(generator.standard_t(3, (sessions, trials)) * CV / np.sqrt(3), dtype=np.float64)


def correlated(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return AR(1) noise with coefficient 0.8 from trial to trial."""
    values = np.empty((sessions, trials))
    values[:, 0] = generator.normal(0, 1, sessions)
    for place in range(1, trials):
        values[:, place] = 0.8 * values[:, place - 1] + generator.normal(0, 0.6, sessions)
    return values * CV


def drift(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return a device that slows by 10 % over the session, plus independent noise of CV."""
    return normal(generator, sessions, trials) + np.linspace(0, np.log(1.1), trials)


def bursts(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return noise with one trial in twenty up to 20 % slower, the others quiet, CV in total."""
    slow = (generator.random((sessions, trials)) < 0.05) * generator.uniform(0.05, 0.2, (sessions, trials))
    return _unit(slow + generator.normal(0, 0.01, (sessions, trials)))


def two_modes(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return noise with one process in four in a slower mode, four narrow standard deviations away."""
    mode = generator.random((sessions, trials)) < 0.25
    return _unit(4.0 * mode + generator.normal(0, 1, (sessions, trials)))


ORDER_EFFECT = 0.06
"""How much slower the second trial of a pair is: a phone that the first one warmed."""


def second_place(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return noise in which every second trial is 6 % slower: the second place of each pair."""
    places = np.arange(trials) % 2
    return np.asarray(normal(generator, sessions, trials) + places * np.log1p(ORDER_EFFECT), dtype=np.float64)


def periods(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
    """Return a wave with a period of 3.6 to 4.4 trials and independent noise, half of the variance each."""
    period, phase = generator.uniform(3.6, 4.4, (sessions, 1)), generator.uniform(0, 2 * np.pi, (sessions, 1))
    wave = np.sin(2 * np.pi * np.arange(trials) / period + phase)
    return np.asarray(wave * CV + normal(generator, sessions, trials) * np.sqrt(0.5), dtype=np.float64)


def kept_modes(generator: np.random.Generator, sessions: int, pairs: int, kept: int) -> Floats:
    """Return log ratios (sessions, pairs) of equal sides that each keep a slower mode for `kept` pairs or not.

    A core or a memory layout: one mode is 6 % slower, and half of the time each side is in it. Independent noise
    of CV on each trial.
    """
    shift = generator.integers(0, kept, (sessions, 2))
    drawn = generator.random((sessions, 2, pairs // kept + 2)) < 0.5
    at = (np.arange(pairs)[None, None] + shift[:, :, None]) // kept
    sides = 0.06 * np.take_along_axis(drawn, at, axis=2) + generator.normal(0, CV, (sessions, 2, pairs))
    return np.asarray(sides[:, 1] - sides[:, 0], dtype=np.float64)


OWN: Mapping[str, Source] = {
    "normal": normal,
    "lognormal": lognormal,
    "heavy tails": heavy_tails,
    "correlated": correlated,
    "drift": drift,
    "bursts": bursts,
    "two modes": two_modes,
    "second place 6 % slower": second_place,
    "period of four trials": periods,
}


def null_series(folder: Path) -> Iterator[tuple[str, Floats]]:
    """Yield the null series of each family of the development data as logarithms, (series, values)."""
    with np.load(folder / "noise_dev.npz") as arrays:
        for family in sorted({name.rpartition("__")[0] for name in arrays.files}):
            yield f"data: {family}", np.log(arrays[f"{family}__120"].astype(np.float64))
    with np.load(folder / "nights_dev.npz") as arrays:
        yield "data: nights", np.log(arrays["series"][arrays["cp"] == -1].astype(np.float64))


def of_data(folder: Path) -> Iterator[tuple[str, Source]]:
    """Yield a source for each family: sessions are stretches of a series in its order, at a spread of CV.

    Nights are drawn without order, because they were generated that way.
    """
    for name, series in null_series(folder):
        yield name, shuffled(series) if name == "data: nights" else stretches(series)


def _scaled(series: Floats) -> Floats:
    centred = series - series.mean(axis=1, keepdims=True)
    return np.asarray(centred / series.std(axis=1, keepdims=True) * CV, dtype=np.float64)


def stretches(series: Floats) -> Source:
    """Return a source of random stretches of random series."""
    scaled = _scaled(series)

    def draw(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
        rows = generator.integers(0, scaled.shape[0], sessions)
        starts = generator.integers(0, scaled.shape[1] - trials + 1, sessions)
        return np.asarray(scaled[rows[:, None], starts[:, None] + np.arange(trials)], dtype=np.float64)

    return draw


def shuffled(series: Floats) -> Source:
    """Return a source of values drawn from random series, without order and without replacement."""
    scaled = _scaled(series)

    def draw(generator: np.random.Generator, sessions: int, trials: int) -> Floats:
        rows = scaled[generator.integers(0, scaled.shape[0], sessions)]
        return np.asarray(generator.permuted(rows, axis=1)[:, :trials], dtype=np.float64)

    return draw


def redrawn(series: Floats) -> Callable[[np.random.Generator, int, int], tuple[Floats, Floats]]:
    """Return a source of values drawn with replacement, and of the median of each session's series.

    Each series is its own population, with mean zero, so its trials are exchangeable whatever their order was.
    """
    scaled = _scaled(series)

    def draw(generator: np.random.Generator, sessions: int, trials: int) -> tuple[Floats, Floats]:
        rows = generator.integers(0, scaled.shape[0], sessions)
        places = generator.integers(0, scaled.shape[1], (sessions, trials))
        return scaled[rows[:, None], places], np.asarray(np.median(scaled, axis=1)[rows])

    return draw
