#include "vision.h"

#include <algorithm>
#include <set>

#include "failure.h"
#include "meter.h"

namespace pocketlab {
namespace {

// Throws `bad_job` unless the batches hold each of the input's tiles exactly once.
void check_batches(const Input& source, const std::vector<Batch>& batches) {
  if (!source.placement) throw bad_job("input " + quote(source.name) + " has no image to encode");
  const auto tiles = static_cast<int64_t>(source.placement->order.size());
  int64_t found = 0;
  for (const Batch& batch : batches) found += batch.true_tiles;
  if (found != tiles) {
    throw bad_job("the batches hold " + std::to_string(found) + " tiles; input " + quote(source.name) + " has " +
                  std::to_string(tiles));
  }
  for (const Batch& batch : batches) {
    if (batch.padded < batch.true_tiles) {
      throw bad_job("a batch of " + std::to_string(batch.true_tiles) + " tiles cannot run at the shape of " +
                    std::to_string(batch.padded));
    }
  }
}

// Throws `bad_job` when units that are to overlap share a core, or when a stage is not on the unit of its side.
void check_units(const Units& units, bool pipelined) {
  const auto &first = units.at(Graph::patch_embed), &second = units.at(Graph::vit);
  std::vector<int64_t> shared;
  std::set_intersection(first.cores().begin(), first.cores().end(), second.cores().begin(), second.cores().end(),
                        std::back_inserter(shared));
  if (pipelined && !shared.empty()) {
    throw bad_job("pipelined needs two units with no core in common; both have cores " + listed(shared));
  }
  if (units.at(Graph::tile) != first || second != units.at(Graph::project)) {
    throw bad_job("tile and patch_embed must share a unit, and so must vit and project: change the job's stages");
  }
}

// Returns the inputs of the `tile` graph: the pixels and their place on the canvas of tiles.
Bound tile_inputs(const Tensor& pixels, const Placement& placement, int64_t tile_pixels) {
  const int64_t bottom = placement.rows * tile_pixels - placement.top - placement.fit_height;
  const int64_t right = placement.columns * tile_pixels - placement.left - placement.fit_width;
  if (bottom < 0 || right < 0) {
    throw bad_job("the placement's image does not fit its canvas: prepare the input again");
  }
  return {
      {"image", pixels},
      {"fit", Tensor::whole_numbers({placement.fit_height, placement.fit_width})},
      {"pads", Tensor::whole_numbers({placement.top, placement.left, bottom, right})},
      {"grid", Tensor::whole_numbers({placement.rows, placement.columns})},
      {"order", Tensor::whole_numbers(placement.order)},
  };
}

std::set<int64_t> sizes_of(const std::vector<Batch>& batches) {
  std::set<int64_t> sizes;
  for (const Batch& batch : batches) sizes.insert(batch.padded);
  return sizes;
}

}  // namespace

VisionGraphs::VisionGraphs(const Package& package, const Units& units, const std::set<int64_t>& sizes) {
  for (Graph graph : {Graph::patch_embed, Graph::vit, Graph::project}) {
    std::map<std::string, Session> opened;  // one file may serve several sizes
    for (int64_t size : sizes) {
      const GraphFile& file = graph_file(package.manifest, graph, {{"batch", size}});
      Session& session = opened[file.path];
      if (!session.get()) session = open_session(package.folder, package.manifest, graph, file, units.at(graph));
      batches[{graph, size}] = session;
    }
  }
  const GraphFile& file = graph_file(package.manifest, Graph::tile, {});
  tile = open_session(package.folder, package.manifest, Graph::tile, file, units.at(Graph::tile));
}

Vision::Vision(const Package& package, const Units& units, const Input& source, const std::vector<Batch>& batches,
               bool pipelined, const std::optional<Inject>& inject, const VisionGraphs* graphs)
    : package_((check_batches(source, batches), check_units(units, pipelined), package)),
      source_(source),
      batches_(batches),
      units_(units),
      inject_(inject),
      pipelined_(pipelined),
      count_(static_cast<int64_t>(source.placement->order.size())),
      pipeline_(units.at(Graph::patch_embed), units.at(Graph::vit)) {
  const Dimensions& sizes = package.manifest.dimensions;
  tokens_ = Tensor::zeros({count_, sizes.tokens_per_tile, sizes.hidden});
  if (graphs) graphs_ = *graphs;
  open();
}

void Vision::open() {
  if (!launches_.empty()) return;
  if (!graphs_) graphs_.emplace(package_, units_, sizes_of(batches_));
  const int64_t pixels = package_.manifest.dimensions.tile_pixels;
  const Bound given = tile_inputs(read_pixels(source_), *source_.placement, pixels);
  const Tensor tiles = Tensor::zeros({count_, 3, pixels, pixels});
  tile_ = BoundGraph(graphs_->tile, given, {{"tiles", tiles}});
  int64_t start = 0;
  for (const Batch& batch : batches_) {
    launches_.push_back(bind(tiles, batch, start));
    start += batch.true_tiles;
  }
}

void Vision::release() {
  tile_ = {};
  launches_.clear();
  graphs_.reset();
  give_back();
}

// Binds one batch. A batch without padding works on views of the shared memory, a padded one on copies.
Vision::Launch Vision::bind(const Tensor& all_tiles, const Batch& batch, int64_t start) const {
  const Dimensions& sizes = package_.manifest.dimensions;
  const int64_t padded = batch.padded, real = batch.true_tiles;
  const Tensor tiles = all_tiles.rows(start, real), tokens = tokens_.rows(start, real);
  const bool whole = padded == real;
  const Tensor launch_tiles = whole ? tiles : Tensor::zeros({padded, 3, sizes.tile_pixels, sizes.tile_pixels});
  const Tensor launch_tokens = whole ? tokens : Tensor::zeros({padded, sizes.tokens_per_tile, sizes.hidden});
  const std::vector<int64_t> patches{padded, sizes.vision_tokens_per_tile, sizes.vision_hidden};
  const Tensor embeddings = Tensor::zeros(patches), features = Tensor::zeros(patches);
  const auto session = [&](Graph graph) { return graphs_->batches.at({graph, padded}); };
  const BoundGraph convolve(session(Graph::patch_embed), {{"tiles", launch_tiles}}, {{"embeddings", embeddings}});
  const BoundGraph blocks(session(Graph::vit), {{"embeddings", embeddings}}, {{"features", features}});
  const BoundGraph project(session(Graph::project), {{"features", features}}, {{"tokens", launch_tokens}});
  Launch launch;
  launch.batch = batch;
  launch.vit = [blocks] { blocks.run(); };
  launch.patch_embed = [=] {
    if (!whole) launch_tiles.copy_from(tiles);
    convolve.run();
  };
  launch.project = [=] {
    project.run();
    if (!whole) tokens.copy_from(launch_tokens.rows(0, real));
  };
  return launch;
}

void Vision::encode(Spans& spans, int64_t iteration) {
  std::vector<Pipeline::StagePair> batches;
  for (size_t index = 0; index < launches_.size(); ++index) {
    batches.push_back(stages(spans, iteration, static_cast<int64_t>(index)));
  }
  pipeline_.run(batches, pipelined_);
}

Pipeline::StagePair Vision::stages(Spans& spans, int64_t iteration, int64_t index) {
  const Launch& launch = launches_[static_cast<size_t>(index)];
  const auto run = [this, &spans, iteration](const std::function<void()>& work, Stage stage, Graph graph,
                                             int64_t at, int64_t real, int64_t padded) {
    run_stage(work, spans, {stage, &units_.at(graph)}, inject_, iteration, at, real, padded);
  };
  const auto cpu_stage = [this, run, index, &launch] {
    if (index == 0) run([this] { tile_.run(); }, Stage::tile, Graph::tile, 0, count_, count_);
    run(launch.patch_embed, Stage::patch_embed, Graph::patch_embed, index, launch.batch.true_tiles,
        launch.batch.padded);
  };
  const auto npu_stage = [run, index, &launch] {
    run(launch.vit, Stage::vit, Graph::vit, index, launch.batch.true_tiles, launch.batch.padded);
    run(launch.project, Stage::project, Graph::project, index, launch.batch.true_tiles, launch.batch.padded);
  };
  return {cpu_stage, npu_stage};
}

std::optional<Tensor> encode_beforehand(const Package& package, const Units& units, const Input& source) {
  if (!source.placement) return {};
  auto left = static_cast<int64_t>(source.placement->order.size());
  std::set<int64_t> offered;
  if (const auto* files = package.manifest.files_of(Graph::vit)) {
    for (const GraphFile& file : *files) {
      for (const auto& shape : file.shapes) offered.insert(shape.at("batch"));
    }
  }
  if (offered.empty()) offered.insert(left);
  std::vector<Batch> batches;
  while (left > 0) {
    const auto larger = offered.upper_bound(left);  // the largest that fits is the one before it
    const int64_t padded = larger == offered.begin() ? *larger : *std::prev(larger);
    batches.push_back({std::min(left, padded), padded});
    left -= std::min(left, padded);
  }
  Vision vision(package, units, source, batches, false, {});
  Spans untimed;
  vision.encode(untimed, 0);
  return vision.tokens();
}

}  // namespace pocketlab
