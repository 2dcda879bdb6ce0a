// Image to image tokens: tiles, convolution, blocks, projector, batch by batch on one unit or two.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "ort.h"
#include "package.h"
#include "pipeline.h"
#include "stage.h"

namespace pocketlab {

// The vision graphs of a build, opened on their units for batches of given sizes.
struct VisionGraphs {
  VisionGraphs(const Package& package, const Units& units, const std::set<int64_t>& sizes);
  std::map<std::pair<Graph, int64_t>, Session> batches;  // by graph and batch size
  Session tile;
};

// The vision half of a build, bound for one image and one list of batches. Opens the graphs unless they are given.
class Vision {
 public:
  Vision(const Package& package, const Units& units, const Input& source, const std::vector<Batch>& batches,
         bool pipelined, const std::optional<Inject>& inject, const VisionGraphs* graphs = nullptr);

  // Encodes the image once; adds a `tile` span and three spans a batch.
  void encode(Spans& spans, int64_t iteration);

  // [tiles, tokens per tile, hidden], in the placement's order.
  const Tensor& tokens() const { return tokens_; }

 private:
  struct Launch {  // one batch and its three computations
    std::function<void()> patch_embed, vit, project;
    Batch batch;
  };

  Launch bind(const Batch& batch, int64_t start, const Dimensions& sizes);
  Pipeline::StagePair stages(Spans& spans, int64_t iteration, int64_t index);

  std::map<Graph, ExecutionUnit> units_;
  std::optional<Inject> inject_;
  bool pipelined_;
  VisionGraphs graphs_;
  Tensor tokens_, tiles_;
  BoundGraph tile_;
  std::vector<Launch> launches_;
  Pipeline pipeline_;
};

// Encodes an input's image untimed, in the largest batches the build offers; returns nothing without an image.
std::optional<Tensor> encode_beforehand(const Package& package, const Units& units, const Input& source);

}  // namespace pocketlab
