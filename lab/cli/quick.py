"""Parameters that are converted without pydantic, as far as they need no check.

Typer converts by pydantic. Its import takes as much CPU time as half of `lab show`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Conversion:
    """Turns what a person typed into a parameter's value: paths, texts and numbers in range here, others by typer.

    A value that is not a text is a default or a list of texts, and right as it is.
    """

    def __init__(self, typers: Callable[[Any], Any], parameter: Any) -> None:
        self._typers, self._parameter = typers, parameter

    def coerce(self, value: object, param: Any, ctx: Any) -> object:
        """Return the value of a parameter; raise what typer raises for a text that cannot be one."""
        if not isinstance(value, str):
            return value
        wanted, limits = param.type_descriptor.annotation, param.type_descriptor.parameter_info
        if wanted is Path or wanted is str:
            return wanted(value)
        if wanted is int and _NUMBER.fullmatch(value):
            number = int(value)
            if (limits.min is None or number >= limits.min) and (limits.max is None or number <= limits.max):
                return number
        return self._typers(self._parameter).coerce(value, param, ctx)


def quick(parameters: Iterable[Any]) -> list[Any]:
    """Let each parameter of a command be converted by :class:`Conversion`."""
    found = list(parameters)
    for parameter in found:
        parameter.get_runtime_param = partial(Conversion, type(parameter).get_runtime_param, parameter)
    return found


class QuickCommand(TyperCommand):
    """A command with quick parameters."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, `--help` among them."""
        return quick(super().get_params(ctx))


class QuickGroup(TyperGroup):
    """A group of commands with quick parameters of its own."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, `--help` among them."""
        return quick(super().get_params(ctx))
