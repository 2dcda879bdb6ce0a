"""The vision model: tiles, convolution, blocks and projector, batch by batch, on one unit or two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from device_agents.contract import Batch, Graph, Inject, Input, Placement, Question, Stage
from device_agents.reference.failure import bad_job
from device_agents.reference.meter import give_back
from device_agents.reference.package import Package, read_pixels
from device_agents.reference.pipeline import Batch as StagePair
from device_agents.reference.pipeline import Pipeline
from device_agents.reference.sessions import Array, BoundGraph, graph_file, open_session, zeros
from device_agents.reference.stage import Place, RawSpan, injected, run_stage
from device_agents.reference.units import Units


@dataclass(frozen=True)
class _Launch:
    """One batch: its stages on the CPU and NPU sides, and the counts for its spans."""

    patch_embed: Callable[[], object]
    vit: Callable[[], object]
    project: Callable[[], object]
    true: int
    padded: int


class VisionGraphs:
    """The vision graphs of a build, opened on their units for batches of given sizes."""

    def __init__(self, package: Package, units: Units, sizes: Iterable[int]) -> None:
        if units[Graph.TILE] != units[Graph.PATCH_EMBED] or units[Graph.VIT] != units[Graph.PROJECT]:
            raise bad_job("tile and patch_embed share a unit, and so do vit and project: change the job's stages")
        wanted = sorted(set(sizes))
        files = {
            (graph, size): graph_file(package.manifest, graph, {"batch": size})
            for graph in (Graph.PATCH_EMBED, Graph.VIT, Graph.PROJECT)
            for size in wanted
        }
        opened = {
            (graph, file.path): open_session(package, graph, file, units[graph])
            for (graph, _), file in files.items()
        }
        self.batches = {key: opened[key[0], file.path] for key, file in files.items()}
        tile_file = graph_file(package.manifest, Graph.TILE, {})
        self.tile = open_session(package, Graph.TILE, tile_file, units[Graph.TILE])


class Vision:
    """The vision half of a build, bound for one image and one list of batches.

    The graphs are opened here unless given. :meth:`encode` writes `tokens` [tiles, tokens per tile, hidden], in
    the placement's order. They stay after :meth:`release`, which closes everything else until :meth:`open`.
    """

    def __init__(
        self,
        package: Package,
        units: Units,
        source: Input | Question,
        batches: Sequence[Batch],
        *,
        pipelined: bool,
        inject: Inject | None = None,
        graphs: VisionGraphs | None = None,
        folder: Path | None = None,
    ) -> None:
        self._placement = check_batches(source, batches)
        if pipelined:
            check_two_units(units)
        sizes, self._count = package.manifest.dimensions, len(self._placement.order)
        self.tokens = zeros((self._count, sizes.tokens_per_tile, sizes.hidden))
        self._package, self._units, self._source, self._batches = package, units, source, batches
        self._folder = folder or package.input_folder(source.name)
        self._graphs = graphs
        self._pipelined = pipelined
        self._inject = inject
        self._places = {
            Stage(graph.value): Place(Stage(graph.value), units[graph])
            for graph in (Graph.TILE, Graph.PATCH_EMBED, Graph.VIT, Graph.PROJECT)
        }
        self._pipeline = Pipeline(units[Graph.PATCH_EMBED], units[Graph.VIT])
        self._tile: BoundGraph | None = None
        self._launches: list[_Launch] = []
        self.open()

    def open(self) -> None:
        """Open and bind the graphs, unless they are open."""
        if self._tile is not None:
            return
        sizes = self._package.manifest.dimensions
        padded = (batch.padded for batch in self._batches)
        graphs = self._graphs or VisionGraphs(self._package, self._units, padded)
        self._graphs = graphs
        tiles = zeros((self._count, 3, sizes.tile_pixels, sizes.tile_pixels))
        pixels = read_pixels(self._folder, self._source)
        inputs = tile_inputs(pixels, self._placement, sizes.tile_pixels)
        self._tile = BoundGraph(graphs.tile, inputs, {"tiles": tiles})
        patch_shape = (sizes.vision_tokens_per_tile, sizes.vision_hidden)
        starts = np.cumsum([0, *(batch.true for batch in self._batches)])
        self._launches = [
            _bind(graphs, batch, tiles[start:][: batch.true], self.tokens[start:][: batch.true], patch_shape)
            for batch, start in zip(self._batches, starts, strict=False)
        ]

    def release(self) -> None:
        """Close every graph, drop all memory but `tokens`, and give it back to the kernel."""
        self._graphs = self._tile = None
        self._launches.clear()
        give_back()

    def encode(self, spans: list[RawSpan], iteration: int) -> None:
        """Encode the image once; append a `tile` span, and three spans for each batch."""
        self._pipeline.run(
            [self._stages(spans, iteration, index) for index in range(len(self._launches))],
            pipelined=self._pipelined,
        )

    def close(self) -> None:
        """End the pipeline's thread."""
        self._pipeline.close()

    def _stages(self, spans: list[RawSpan], iteration: int, index: int) -> StagePair:
        launch, tile = self._launches[index], self._tile
        if tile is None:
            raise RuntimeError("the vision graphs were released: open them before encoding")

        def run(work: Callable[[], object], stage: Stage, index: int, true: int, padded: int) -> None:
            run_stage(
                injected(work, stage, self._inject), spans, self._places[stage], iteration, index, true, padded
            )

        def cpu_stage() -> None:
            if index == 0:
                run(tile.run, Stage.TILE, 0, self._count, self._count)
            run(launch.patch_embed, Stage.PATCH_EMBED, index, launch.true, launch.padded)

        def npu_stage() -> None:
            run(launch.vit, Stage.VIT, index, launch.true, launch.padded)
            run(launch.project, Stage.PROJECT, index, launch.true, launch.padded)

        return cpu_stage, npu_stage


def check_batches(source: Input | Question, batches: Sequence[Batch]) -> Placement:
    """Return the input's placement; `bad_job` unless the batches hold each of its tiles exactly once."""
    if source.placement is None:
        raise bad_job(f"input {source.name!r} has no image to encode")
    tiles, found = len(source.placement.order), sum(batch.true for batch in batches)
    if found != tiles:
        raise bad_job(f"the batches hold {found} tiles; input {source.name!r} has {tiles}")
    for batch in batches:
        if batch.padded < batch.true:
            raise bad_job(f"a batch of {batch.true} tiles cannot run at the shape of {batch.padded}")
    return source.placement


def check_two_units(units: Units) -> None:
    """Raise `bad_job` unless the convolution and the blocks have cores of their own."""
    shared = sorted(set(units[Graph.PATCH_EMBED].cores) & set(units[Graph.VIT].cores))
    if shared:
        raise bad_job(f"pipelined needs two units with no core in common; both have cores {shared}")


def tile_inputs(pixels: Array, placement: Placement, tile_pixels: int) -> dict[str, Array]:
    """Return the inputs of the `tile` graph: the pixels, and where they lie on the canvas of tiles."""
    bottom = placement.rows * tile_pixels - placement.top - placement.fit_height
    right = placement.columns * tile_pixels - placement.left - placement.fit_width
    if bottom < 0 or right < 0:
        raise bad_job("the placement's image does not fit its canvas: prepare the input again")
    return {
        "image": pixels,
        "fit": np.array([placement.fit_height, placement.fit_width], dtype=np.int64),
        "pads": np.array([placement.top, placement.left, bottom, right], dtype=np.int64),
        "grid": np.array([placement.rows, placement.columns], dtype=np.int64),
        "order": np.array(placement.order, dtype=np.int64),
    }


def _bind(
    graphs: VisionGraphs,
    batch: Batch,
    tiles: Array,
    tokens: Array,
    patch_shape: tuple[int, int],
) -> _Launch:
    """Bind a batch: full batches use slices of the shared buffers, padded ones use copies."""
    true, padded = batch.true, batch.padded
    launch_tiles = tiles if padded == true else zeros((padded, *tiles.shape[1:]))
    launch_tokens = tokens if padded == true else zeros((padded, *tokens.shape[1:]))
    embeddings, features = zeros((padded, *patch_shape)), zeros((padded, *patch_shape))

    def bound(graph: Graph, inputs: dict[str, Array], outputs: dict[str, Array]) -> Callable[[], object]:
        return BoundGraph(graphs.batches[graph, padded], inputs, outputs).run

    convolve = bound(Graph.PATCH_EMBED, {"tiles": launch_tiles}, {"embeddings": embeddings})
    blocks = bound(Graph.VIT, {"embeddings": embeddings}, {"features": features})
    project = bound(Graph.PROJECT, {"features": features}, {"tokens": launch_tokens})
    if padded != true:
        convolve = partial(_copy_then_run, tiles, launch_tiles[:true], convolve)
        project = partial(_run_then_copy, project, launch_tokens[:true], tokens)
    return _Launch(convolve, blocks, project, true, padded)


def _copy_then_run(source: Array, target: Array, run: Callable[[], object]) -> None:
    target[...] = source
    run()


def _run_then_copy(run: Callable[[], object], source: Array, target: Array) -> None:
    run()
    target[...] = source
