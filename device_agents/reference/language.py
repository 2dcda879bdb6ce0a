"""The language model: prefill of a prompt in chunks, then greedy decoding over the same key-value cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import onnxruntime

from device_agents.contract import Graph, Inject, Input, Manifest, Stage, TokenTrail
from device_agents.reference.failure import bad_job
from device_agents.reference.package import Package
from device_agents.reference.sessions import Array, BoundGraph, graph_file, open_session, zeros
from device_agents.reference.stage import Place, RawSpan, injected, run_stage
from device_agents.reference.text import Detokeniser
from device_agents.reference.units import ExecutionUnit, Units


class Decoder:
    """The `llm` graph with its cache, bound once for chunks and once for single tokens.

    Each layer's keys and values [1, heads, cache, head] are bound both as past and as present: the graph
    updates them in place. `logits` [1, vocabulary] belong to the last true token of the last run.
    """

    def __init__(self, package: Package, unit: ExecutionUnit, shapes: set[int]) -> None:
        manifest, sizes = package.manifest, package.manifest.dimensions
        shape = (1, sizes.key_value_heads, sizes.cache_tokens, sizes.head_dim)
        self._cache = {
            f"{kind}_{layer}": zeros(shape, np.dtype(manifest.kv_cache))
            for layer in range(sizes.layers)
            for kind in ("key", "value")
        }
        self.past = 0
        self.logits = zeros((1, sizes.vocabulary))
        self._last_position = np.zeros(1, dtype=np.int32)
        self._total = np.zeros((), dtype=np.int32)
        self._position = np.zeros(1, dtype=np.int64)
        sessions: dict[str, onnxruntime.InferenceSession] = {}
        self._bound: dict[int, BoundGraph] = {}
        self._given: dict[int, Array] = {}
        for tokens in sorted(shapes):
            file = graph_file(manifest, Graph.LLM, {"tokens": tokens})
            if file.path not in sessions:
                sessions[file.path] = open_session(package, Graph.LLM, file, unit)
            self._bound[tokens] = self._bind(sessions[file.path], zeros((1, tokens, sizes.hidden)))

    def reset(self) -> None:
        """Empty the cache, so that the next run can read nothing of an earlier one."""
        for array in self._cache.values():
            array.fill(0)
        self.past = 0

    def step(self, embeddings: Array, true: int) -> None:
        """Run embeddings [1, tokens, hidden]; the first `true` count, the rest is padding.

        The cache advances by `true`: the next run overwrites what the padding wrote.
        """
        tokens = embeddings.shape[1]
        graph = self._bound[tokens]
        if embeddings is not self._given.get(tokens):
            graph.bind_input("embeddings", embeddings)
            self._given[tokens] = embeddings
        self._last_position[0] = self.past + tokens - 1
        self._total[()] = self.past + tokens
        self._position[0] = true - 1
        graph.run()
        self.past += true

    def graph(self, tokens: int) -> BoundGraph:
        """Return the graph bound for `tokens` at a time, one of the shapes it was opened with."""
        return self._bound[tokens]

    def _bind(self, session: onnxruntime.InferenceSession, embeddings: Array) -> BoundGraph:
        inputs = {
            "embeddings": embeddings,
            "last_position": self._last_position,
            "total_tokens": self._total,
            "positions": self._position,
            **{f"past_{name}": array for name, array in self._cache.items()},
        }
        outputs = {"logits": self.logits, **{f"present_{name}": array for name, array in self._cache.items()}}
        return BoundGraph(session, inputs, outputs)


class Language:
    """The language half of a build, loaded for given numbers of prompt tokens, tokens a chunk and new tokens.

    Every :meth:`prefill` reads `image_tokens` [tiles, tokens per tile, hidden], which may be filled later.
    What comes before the instruction, the prompt up to the end of its image, is known before the rest.
    After a prefill `last_logits` [1, vocabulary] holds the logits after the last prompt token; `text` grows as
    tokens become visible. Raises :class:`AgentError` (`bad_job`, `load`).
    """

    def __init__(
        self,
        package: Package,
        units: Units,
        source: Input,
        image_tokens: Array | None,
        *,
        prompt_tokens: int,
        parallel_tokens: int,
        new_tokens: int,
        inject: Inject | None = None,
    ) -> None:
        sizes = package.manifest.dimensions
        check_lengths(package.manifest, source, prompt_tokens, parallel_tokens, new_tokens)
        self._embed_unit, self._llm_unit = units[Graph.EMBED], units[Graph.LLM]
        self._true, self._chunk, self._inject = prompt_tokens, parallel_tokens, inject
        shapes = {parallel_tokens, 1} if new_tokens > 1 else {parallel_tokens}
        self._decoder = Decoder(package, self._llm_unit, shapes)
        embed_file = graph_file(package.manifest, Graph.EMBED, {})
        embed = open_session(package, Graph.EMBED, embed_file, self._embed_unit)
        self._prompt = zeros((-(-prompt_tokens // parallel_tokens) * parallel_tokens, sizes.hidden))
        self._chunks = list(self._prompt.reshape(-1, 1, parallel_tokens, sizes.hidden))
        self._texts: list[tuple[int, BoundGraph]] = []
        self._images: list[tuple[Array, Array]] = []
        self._known = 0
        self._lay_out(embed, source, image_tokens)
        self._token, self._one = np.zeros(1, dtype=np.int64), zeros((1, sizes.hidden))
        self._embed = BoundGraph(embed, {"ids": self._token}, {"embeddings": self._one})
        self._next = self._one[None]
        self.last_logits = zeros((1, sizes.vocabulary))
        self._history = zeros((max(new_tokens, 1), sizes.vocabulary))
        self._detokeniser = Detokeniser(package.manifest.tokenizer)
        self._ids: list[int] = []
        self.text: list[str] = []
        self._places = {
            stage: Place(stage, self._embed_unit if stage is Stage.EMBED else self._llm_unit)
            for stage in (Stage.EMBED, Stage.PREFILL, Stage.DECODE, Stage.SAMPLE, Stage.DETOKENISE)
        }

    def reset(self) -> None:
        """Empty the cache and drop text and tokens; untimed."""
        self._decoder.reset()
        self._detokeniser.finish()
        self._ids.clear()
        self.text.clear()

    @property
    def known_chunks(self) -> int:
        """How many whole chunks lie before the instruction, which follows the prompt's last image."""
        return self._known // self._chunk

    @property
    def instructed(self) -> bool:
        """Whether any text follows the image."""
        return 0 < self._known < self._true

    def prefill(self, spans: list[RawSpan], iteration: int) -> None:
        """Embed the prompt and run it in chunks; append one `embed` span, and a `prefill` span for each chunk.

        The last chunk is padded at its end with zeros.
        """
        self._prefill(spans, iteration, (0, self._true), (0, len(self._chunks)))

    def prefill_known(self, spans: list[RawSpan], iteration: int) -> None:
        """Do the part of :meth:`prefill` that needs no instruction: `known_chunks` chunks."""
        self._prefill(spans, iteration, (0, self._known), (0, self.known_chunks))

    def prefill_rest(self, spans: list[RawSpan], iteration: int) -> None:
        """Do what :meth:`prefill_known` left."""
        self._prefill(spans, iteration, (self._known, self._true), (self.known_chunks, len(self._chunks)))

    def _prefill(
        self, spans: list[RawSpan], iteration: int, rows: tuple[int, int], chunks: tuple[int, int]
    ) -> None:
        """Embed those rows of the prompt, and run those chunks."""

        def run(work: Callable[[], None], stage: Stage, index: int, true: int, padded: int) -> None:
            run_stage(
                injected(work, stage, self._inject), spans, self._places[stage], iteration, index, true, padded
            )

        self._embed_unit.pin()
        texts = [graph for row, graph in self._texts if rows[0] <= row < rows[1]]
        images = self._images if rows[0] == 0 else []
        text_tokens = rows[1] - rows[0] - sum(len(filled) for _, filled in images)
        run(partial(_embed, texts, images), Stage.EMBED, 0, text_tokens, text_tokens)
        self._llm_unit.pin()
        for index in range(*chunks):
            true = min(self._chunk, self._true - index * self._chunk)
            launch = partial(self._decoder.step, self._chunks[index], true)
            run(launch, Stage.PREFILL, index, true, self._chunk)
        self.last_logits[...] = self._decoder.logits

    def decode(self, spans: list[RawSpan], iteration: int, first: int, last: int) -> None:
        """Make tokens `first` to `last` - 1 visible; token 0 is sampled from the prefill's logits.

        Each later token takes an `embed`, a `decode`, a `sample` and a `detokenise` span, whose index is the
        number of that token.
        """

        def run(work: Callable[[], None], stage: Stage, index: int) -> None:
            run_stage(injected(work, stage, self._inject), spans, self._places[stage], iteration, index, 1, 1)

        hop = self._embed_unit != self._llm_unit
        launch = partial(self._decoder.step, self._next, 1)
        for index in range(first, last):
            if index:
                if hop:
                    self._embed_unit.pin()
                run(self._embed.run, Stage.EMBED, index)
                if hop:
                    self._llm_unit.pin()
                run(launch, Stage.DECODE, index)
            run(partial(self._sample, index), Stage.SAMPLE, index)
            run(self._detokenise, Stage.DETOKENISE, index)

    def trail(self) -> TokenTrail:
        """Return the tokens so far, each with its margin: top-1 minus top-2 logit."""
        top = np.partition(self._history[: len(self._ids)], -2, axis=1)[:, -2:].astype(np.float64)
        return TokenTrail(ids=list(self._ids), margins=[float(high - low) for low, high in top])

    def _sample(self, index: int) -> None:
        """Take the most likely token, even the end of sequence, and keep the logits for :meth:`trail`."""
        logits = self._decoder.logits[0]
        token = int(logits.argmax())
        self._history[index] = logits
        self._token[0] = token
        self._ids.append(token)

    def _detokenise(self) -> None:
        self.text.append(self._detokeniser.feed(self._ids[-1]))

    def _lay_out(self, embed: onnxruntime.InferenceSession, source: Input, image_tokens: Array | None) -> None:
        """Assign the prompt's rows to its segments, and note where its last image ends."""
        hidden, row = self._prompt.shape[1], 0
        for segment in source.segments:
            room = max(0, self._true - row)
            if segment.ids is None:
                if image_tokens is None:
                    raise bad_job(f"input {source.name!r} has an image segment and no image")
                flat = image_tokens.reshape(-1, hidden)
                self._images.append((flat[:room], self._prompt[row : row + min(room, len(flat))]))
                row += len(flat)
                self._known = min(row, self._true)
            else:
                ids = np.array(segment.ids[:room], dtype=np.int64)
                if ids.size:
                    rows = self._prompt[row : row + ids.size]
                    self._texts.append((row, BoundGraph(embed, {"ids": ids}, {"embeddings": rows})))
                row += len(segment.ids)
        if row != source.prompt_tokens:
            raise bad_job(f"input {source.name!r}: its segments make {row} tokens, it says {source.prompt_tokens}")


def _embed(texts: Sequence[BoundGraph], images: Sequence[tuple[Array, Array]]) -> None:
    """Fill rows of the prompt with the embeddings of text, and with an image's tokens."""
    for text in texts:
        text.run()
    for tokens, rows in images:
        rows[...] = tokens


def check_lengths(
    manifest: Manifest, source: Input, prompt_tokens: int, parallel_tokens: int, new_tokens: int
) -> None:
    """Raise `bad_job` unless the prompt has that many tokens and, padded or continued, fits the cache."""
    cache = manifest.dimensions.cache_tokens
    if prompt_tokens > source.prompt_tokens:
        raise bad_job(f"{prompt_tokens} prompt tokens asked for; input {source.name!r} has {source.prompt_tokens}")
    padded = -(-prompt_tokens // parallel_tokens) * parallel_tokens
    if padded > cache:
        raise bad_job(
            f"a prompt of {prompt_tokens} tokens in chunks of {parallel_tokens} fills {padded} positions; "
            f"the cache holds {cache}: take a shorter prompt, another chunk or a build with a longer cache"
        )
    if prompt_tokens + new_tokens - 1 > cache:
        raise bad_job(
            f"a prompt of {prompt_tokens} tokens and {new_tokens} new ones need "
            f"{prompt_tokens + new_tokens - 1} positions; the cache holds {cache}: ask for fewer"
        )
