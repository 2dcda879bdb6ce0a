"""The workload `evaluate`: a question set is answered in order, an iteration a question.

An image is encoded once for consecutive questions that share it. The cache keeps the whole chunks of a prompt that
the one before began with: every chunk starts at a multiple of `parallel_tokens`, so an answer is the same whatever
was asked before.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from device_agents.contract import (
    Answer,
    Batch,
    ErrorClass,
    EvaluateWork,
    Graph,
    Job,
    Manifest,
    Piece,
    Question,
    Stage,
    TokenTrail,
)
from device_agents.reference.failure import AgentError, bad_job
from device_agents.reference.language import Decoder
from device_agents.reference.package import Package, read_questions
from device_agents.reference.sessions import Array, BoundGraph, graph_file, open_session, zeros
from device_agents.reference.stage import Place, RawSpan, injected, run_stage
from device_agents.reference.text import Detokeniser
from device_agents.reference.units import Units
from device_agents.reference.vision import Vision, VisionGraphs

IMAGE = -1
"""Stands for every token of the image where two prompts are compared."""


class Evaluate:
    """Answer the questions of a set one after the other; :meth:`reset` moves on to the next.

    Raises `bad_job` unless the job has an iteration for each question, and no warm-up.
    """

    stages = frozenset(Stage) - {Stage.LOAD, Stage.UNLOAD, Stage.SWAP, Stage.FIRST_TOKEN}

    def __init__(
        self, package: Package, units: Units, work: EvaluateWork, job: Job, show: Callable[[Piece], None]
    ) -> None:
        self._questions = read_questions(package, work).questions
        if job.warmup_iterations or job.iterations != len(self._questions):
            raise bad_job(
                f"wanted an iteration for each of {len(self._questions)} questions and no warm-up, found "
                f"{job.iterations} and {job.warmup_iterations}"
            )
        self._images = _Images(package, units, work, job, self._questions)
        self._prompts = _Prompts(package, units, work, job)
        self._most = work.most_tokens
        self._show = show if work.stream else None
        self._user = Place(Stage.FIRST_TOKEN, units[Graph.LLM])
        self._at, self._problem = -1, ""

    def reset(self) -> None:
        """Get the next question ready: check it, and read its image unless it is the last one's."""
        self._at += 1
        question = self._questions[self._at]
        self._prompts.ids.clear()
        try:
            new_image = self._images.prepare(question)
            self._prompts.prepare(question, self._images.tokens, new_image=new_image)
        except AgentError as error:
            if error.error is not ErrorClass.BAD_JOB:
                raise
            self._problem = str(error)
        else:
            self._problem = ""

    def run(self, spans: list[RawSpan], iteration: int) -> None:
        """Encode the image unless it is encoded, prefill what the cache lacks, and decode to the end."""
        if self._problem:
            return
        asked = time.monotonic_ns()
        self._images.encode(spans, iteration)
        self._prompts.prefill(spans, iteration)
        for index in range(self._most):
            token, end = self._prompts.next(spans, iteration, index)
            if index == 0:
                visible, thread = spans[-1][4], spans[-1][6]
                spans.append((self._user, iteration, 0, asked, visible, 0, thread, 0, 0))
            if self._show is not None:
                self._show(Piece(iteration=iteration, index=index, id=token))
            if end:
                break

    def outputs(self, iteration: int) -> list[Answer]:
        """Return the answer."""
        name = self._questions[self._at].name
        if self._problem:
            return [Answer(iteration=iteration, question=name, problem=self._problem)]
        return [Answer(iteration=iteration, question=name, tokens=self._prompts.trail())]

    def close(self) -> None:
        """End the pipeline."""
        self._images.close()


class _Images:
    """The image of the question at hand, encoded once for all that share it."""

    def __init__(
        self, package: Package, units: Units, work: EvaluateWork, job: Job, questions: Iterable[Question]
    ) -> None:
        self._package, self._units, self._work, self._job = package, units, work, job
        self._folder = Path(job.inputs[work.questions])
        self._vision: Vision | None = None
        self._key: object = None
        self._encoded = False
        sizes = {
            batch.padded
            for question in questions
            if question.placement is not None
            for batch in self._cut(len(question.placement.order))
        }
        self._graphs = VisionGraphs(package, units, sizes) if sizes else None

    @property
    def tokens(self) -> Array | None:
        """The image's tokens [tiles, tokens per tile, hidden]; None without an image."""
        return None if self._vision is None else self._vision.tokens

    def prepare(self, question: Question) -> bool:
        """Read and bind a question's image unless it is at hand; return whether it is another one."""
        key = (question.image, question.placement)
        if key == self._key:
            return False
        self.close()
        if question.placement is not None:
            self._vision = Vision(
                self._package,
                self._units,
                question,
                self._cut(len(question.placement.order)),
                pipelined=self._work.pipelined,
                inject=self._job.inject,
                graphs=self._graphs,
                folder=self._folder,
            )
        self._key, self._encoded = key, False
        return True

    def encode(self, spans: list[RawSpan], iteration: int) -> None:
        """Encode the image if that has not been done."""
        if self._vision is not None and not self._encoded:
            self._vision.encode(spans, iteration)
        self._encoded = True

    def close(self) -> None:
        """Forget the image, and end its pipeline."""
        if self._vision is not None:
            self._vision.close()
        self._vision, self._key = None, None

    def _cut(self, tiles: int) -> list[Batch]:
        return batches(self._package.manifest, tiles, self._work.patches_per_batch)


def batches(manifest: Manifest, tiles: int, per_batch: int) -> list[Batch]:
    """Cut an image into full batches; the rest runs at the smallest shape of the build that holds it."""
    full, rest = divmod(tiles, per_batch)
    offered = [shape["batch"] for file in manifest.graphs.get(Graph.VIT, []) for shape in file.shapes]
    cut = [Batch(true=per_batch, padded=per_batch)] * full
    if rest:
        cut.append(Batch(true=rest, padded=min((size for size in offered if size >= rest), default=rest)))
    return cut


class _Prompts:
    """The language model, its cache, and the prompt of the question at hand."""

    def __init__(self, package: Package, units: Units, work: EvaluateWork, job: Job) -> None:
        sizes = package.manifest.dimensions
        self._manifest, self._inject = package.manifest, job.inject
        self._chunk, self._most = work.parallel_tokens, work.most_tokens
        self._embed_unit, self._llm_unit = units[Graph.EMBED], units[Graph.LLM]
        self._decoder = Decoder(package, self._llm_unit, {work.parallel_tokens, 1})
        embed_file = graph_file(package.manifest, Graph.EMBED, {})
        self._session = open_session(package, Graph.EMBED, embed_file, self._embed_unit)
        chunks = sizes.cache_tokens // self._chunk
        self._rows = zeros((chunks * self._chunk, sizes.hidden))
        self._chunks = list(self._rows.reshape(chunks, 1, self._chunk, sizes.hidden))
        self._token, self._one = np.zeros(1, dtype=np.int64), zeros((1, sizes.hidden))
        self._embed = BoundGraph(self._session, {"ids": self._token}, {"embeddings": self._one})
        self._next = self._one[None]
        self._held: list[int] = []
        self._prompt: list[int] = []
        self._start = 0
        self._copies: list[Callable[[], None]] = []
        self._detokeniser = Detokeniser(package.manifest.tokenizer)
        self.ids: list[int] = []
        self._margins: list[float] = []
        self._places: Mapping[Stage, Place] = {
            stage: Place(stage, self._embed_unit if stage is Stage.EMBED else self._llm_unit)
            for stage in (Stage.EMBED, Stage.PREFILL, Stage.DECODE, Stage.SAMPLE, Stage.DETOKENISE)
        }

    def prepare(self, question: Question, image: Array | None, *, new_image: bool) -> None:
        """Lay out a prompt, and find how much of it the cache holds; `bad_job` if it cannot be asked."""
        flat = None if image is None else image.reshape(-1, self._rows.shape[1])
        held, self._held = ([] if new_image else self._held), []
        self._detokeniser.finish()
        self._margins.clear()
        self._prompt = _flat(question, 0 if flat is None else len(flat), self._manifest.dimensions.vocabulary)
        check_fits(self._manifest, question, self._chunk, self._most)
        pairs = zip(held, self._prompt[:-1], strict=False)
        same = next((i for i, (ours, theirs) in enumerate(pairs) if ours != theirs), None)
        same = min(len(held), len(self._prompt) - 1) if same is None else same
        self._start = same // self._chunk * self._chunk
        self._copies = self._lay_out(question, flat)

    def prefill(self, spans: list[RawSpan], iteration: int) -> None:
        """Embed and run the chunks that the cache does not hold."""
        text = sum(token != IMAGE for token in self._prompt[self._start :])
        self._embed_unit.pin()
        self._run(self._embed_prompt, Stage.EMBED, spans, (iteration, 0, text, text))
        self._llm_unit.pin()
        self._decoder.past = self._start
        for index, start in enumerate(range(self._start, len(self._prompt), self._chunk)):
            true = min(self._chunk, len(self._prompt) - start)
            launch = partial(self._decoder.step, self._chunks[start // self._chunk], true)
            self._run(launch, Stage.PREFILL, spans, (iteration, index, true, self._chunk))
        self._held = self._prompt

    def next(self, spans: list[RawSpan], iteration: int, index: int) -> tuple[int, bool]:
        """Make the next token visible; return it, and whether it ends the answer."""
        counts = (iteration, index, 1, 1)
        if index:
            self._embed_unit.pin()
            self._run(self._embed.run, Stage.EMBED, spans, counts)
            self._llm_unit.pin()
            self._run(partial(self._decoder.step, self._next, 1), Stage.DECODE, spans, counts)
        self._run(self._sample, Stage.SAMPLE, spans, counts)
        self._run(partial(self._detokeniser.feed, self.ids[-1]), Stage.DETOKENISE, spans, counts)
        return self.ids[-1], self.ids[-1] == self._manifest.tokenizer.end

    def trail(self) -> TokenTrail:
        """Return the tokens so far, each with its margin."""
        return TokenTrail(ids=list(self.ids), margins=list(self._margins))

    def _sample(self) -> None:
        logits = self._decoder.logits[0]
        token = int(logits.argmax())
        low, high = np.partition(logits, -2)[-2:].astype(np.float64)
        self._token[0] = token
        self.ids.append(token)
        self._margins.append(float(high - low))

    def _embed_prompt(self) -> None:
        for copy in self._copies:
            copy()

    def _lay_out(self, question: Question, image: Array | None) -> list[Callable[[], None]]:
        """Return what fills the prompt's rows from `_start` on; rows behind the prompt become zero."""
        copies: list[Callable[[], None]] = []
        row = 0
        for segment in question.segments:
            if segment.ids is None:
                assert image is not None
                skip, rows = max(0, self._start - row), self._rows[max(row, self._start) : row + len(image)]
                copies.append(partial(_copy, image[skip:], rows))
                row += len(image)
            else:
                ids = np.array(segment.ids[max(0, self._start - row) :], dtype=np.int64)
                row += len(segment.ids)
                if ids.size:
                    rows = self._rows[row - ids.size : row]
                    copies.append(BoundGraph(self._session, {"ids": ids}, {"embeddings": rows}).run)
        self._rows[row : -(-row // self._chunk) * self._chunk] = 0
        return copies

    def _run(
        self, work: Callable[[], object], stage: Stage, spans: list[RawSpan], counts: tuple[int, int, int, int]
    ) -> None:
        run_stage(injected(work, stage, self._inject), spans, self._places[stage], *counts)


def check_fits(manifest: Manifest, question: Question, parallel_tokens: int, most_tokens: int) -> None:
    """Raise `bad_job` unless a question's prompt, padded or continued, fits the cache."""
    cache, prompt = manifest.dimensions.cache_tokens, question.prompt_tokens
    needed = max(-(-prompt // parallel_tokens) * parallel_tokens, prompt + most_tokens - 1)
    if needed > cache:
        raise bad_job(
            f"question {question.name!r}: a prompt of {prompt} tokens in chunks of {parallel_tokens} and an "
            f"answer of at most {most_tokens} need {needed} positions; the cache holds {cache}: shorten the "
            "question, or use a build with a longer cache"
        )


def _flat(question: Question, image_tokens: int, vocabulary: int) -> list[int]:
    """Return a prompt as one list of ids, with IMAGE for every token of the image."""
    prompt: list[int] = []
    for segment in question.segments:
        if segment.ids is None and not image_tokens:
            raise bad_job(f"question {question.name!r} has an image segment and no image")
        prompt += [IMAGE] * image_tokens if segment.ids is None else segment.ids
    if len(prompt) != question.prompt_tokens:
        raise bad_job(
            f"question {question.name!r}: its segments make {len(prompt)} tokens, it says {question.prompt_tokens}"
        )
    if wrong := [token for token in prompt if token >= vocabulary]:
        raise bad_job(f"question {question.name!r}: token {wrong[0]}, the build has {vocabulary}")
    return prompt


def _copy(source: Array, target: Array) -> None:
    target[...] = source
