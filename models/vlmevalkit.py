"""Read a benchmark in VLMEvalKit's form: a TSV with a question in each row.

The columns are those of open-compass/VLMEvalKit, docs/en/Development.md: `index` (unique), `image` (base64, or
the index of the row that has it: at most 64 characters, vlmeval/dataset/image_base.py), `image_path` in its
place, `question`, `hint`, the options `A`, `B`, ... of a multiple choice, `answer` and `category`. A row that is
broken is reported and left out; the others are read.
"""

from __future__ import annotations

import ast
import base64
import binascii
import csv
import re
import string
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import PrepareError
from models.images import RGB8, read_image

REFERENCE = 64
"""Longest `image` cell that is another row's index instead of base64 (VLMEvalKit, image_base.py)."""

INDEX = re.compile(r"[A-Za-z0-9._-]{1,50}")
"""An index that may stand in a question's name."""

NOTHING = {"", "nan"}
"""A cell without a value: pandas, which writes these files, may write `nan`."""


@dataclass(frozen=True)
class Row:
    """One question of a table; the names are those of :class:`models.questions.Asked`."""

    name: str
    image: str
    pixels: RGB8
    text: str
    answers: tuple[str, ...]
    kind: str
    layout: str


class _Broken(Exception):  # noqa: N818 - what the row is
    """A row that cannot be asked; its text says why."""


def read_table(path: Path, left_out: Callable[[str], None]) -> Iterator[Row]:
    """Yield the questions of a table, those of one image together, in the order in which images first appear.

    Holds the whole table in memory. Calls `left_out` with "row N: why" for a row that is broken; rows are counted
    from 1 after the heading. Raises PrepareError for a file that is no such table.
    """
    numbered: dict[str, tuple[int, dict[str, str]]] = {}
    groups: dict[str, list[str]] = {}
    for number, cells in enumerate(_rows(path), start=1):
        index = cells.get("index", "")
        try:
            if not INDEX.fullmatch(index):
                raise _Broken(f"its index is {index[:20]!r}; wanted letters, digits, '.', '_' or '-'")
            if index in numbered:
                raise _Broken(f"its index {index} is that of row {numbered[index][0]}")
        except _Broken as broken:
            left_out(f"row {number}: {broken}")
            continue
        numbered[index] = (number, cells)
    for index, (_, cells) in numbered.items():
        groups.setdefault(_image_key(cells, index), []).append(index)
    for indices in groups.values():
        pixels: RGB8 | None = None
        for index in indices:
            number, cells = numbered[index]
            try:
                text, answers = _asked(cells)
                if pixels is None:
                    pixels = _picture(path, cells, numbered)
            except _Broken as broken:
                left_out(f"row {number}: {broken}")
                continue
            yield Row(
                name=f"index-{index}",
                image=f"image of index {indices[0]}",
                pixels=pixels,
                text=text,
                answers=answers,
                kind=cells.get("category") or "no category",
                layout=cells.get("l2-category") or "no l2-category",
            )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a table as cells by column, without those that hold nothing."""
    csv.field_size_limit(sys.maxsize)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", restkey="")
            lacking = {"index", "question", "answer"} - set(reader.fieldnames or ())
            if lacking:
                raise PrepareError(
                    f"{path}: wanted a TSV with the columns index, question and answer (VLMEvalKit's), found none "
                    f"called {', '.join(sorted(lacking))}: name them in its first row"
                )
            for cells in reader:
                yield {
                    name: cell.strip()
                    for name, cell in cells.items()
                    if name and isinstance(cell, str) and cell.strip() not in NOTHING
                }
    except (OSError, UnicodeError, csv.Error) as error:
        raise PrepareError(f"{path}: wanted a TSV in UTF-8: {error}") from error


def _image_key(cells: Mapping[str, str], index: str) -> str:
    """Return what rows of the same image have in common."""
    image = cells.get("image", "")
    if image and len(image) <= REFERENCE:
        return image
    return index if image else f"path {cells.get('image_path', index)}"


def _asked(cells: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the instruction and the accepted answers; the wording of a choice is VLMEvalKit's (image_mcq.py)."""
    for wanted in ("question", "answer"):
        if wanted not in cells:
            raise _Broken(f"it has no {wanted}")
    options = {letter: cells[letter] for letter in string.ascii_uppercase if letter in cells}
    hint = f"Hint: {cells['hint']}\n" if "hint" in cells else ""
    answer = cells["answer"]
    if not options:
        return f"{hint}{cells['question']}", _listed(answer)
    if answer not in options:
        raise _Broken(f"its answer is {answer[:20]!r}; wanted the letter of an option: {', '.join(options)}")
    lines = "".join(f"{letter}. {option}\n" for letter, option in options.items())
    choose = "Please select the correct answer from the options above."
    return f"{hint}Question: {cells['question']}\nOptions:\n{lines}{choose}", (answer,)


def _listed(answer: str) -> tuple[str, ...]:
    """Return the accepted answers: those of a list, as TextVQA's table writes it, or the one."""
    try:
        found = ast.literal_eval(answer) if answer.startswith("[") else answer
    except (ValueError, SyntaxError):
        return (answer,)
    texts = isinstance(found, list) and found and all(isinstance(each, str) for each in found)
    return tuple(dict.fromkeys(found)) if texts else (answer,)


def _picture(path: Path, cells: Mapping[str, str], numbered: Mapping[str, tuple[int, dict[str, str]]]) -> RGB8:
    image = cells.get("image", "")
    if image and len(image) <= REFERENCE:
        if image not in numbered:
            raise _Broken(f"its image is that of index {image}, which no row has")
        number, owner = numbered[image]
        image = owner.get("image", "")
        if len(image) <= REFERENCE:
            raise _Broken(f"its image is that of row {number}, which has none of its own")
    if not image and "image_path" in cells:
        return _decoded(path.parent / cells["image_path"])
    if not image:
        raise _Broken("it has neither image nor image_path")
    if image.startswith("["):
        raise _Broken("it has several images; wanted one")
    try:
        content = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _Broken(f"its image is no base64 ({error})") from error
    with tempfile.NamedTemporaryFile(prefix="image-") as file:
        file.write(content)
        file.flush()
        return _decoded(Path(file.name))


def _decoded(path: Path) -> RGB8:
    try:
        return read_image(path)
    except PrepareError as error:
        found = str(error).partition("found ")[2] or str(error)
        raise _Broken(f"its image: found {found}") from error
