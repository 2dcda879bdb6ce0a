// Image to image tokens: tiles, convolution, blocks, projector, batch by batch on one unit or two.
#pragma once

#include <functional>
#include <map>
#include <optional>
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
// `tokens` stay after `release`, which closes everything else until `open`.
class Vision {
 public:
  Vision(const Package& package, const Units& units, const Input& source, const std::vector<Batch>& batches,
         bool pipelined, const std::optional<Inject>& inject, const VisionGraphs* graphs = nullptr);

  void open();     // opens and binds the graphs, unless they are open; `package` must outlive this
  void release();  // closes them and gives their memory back

  // Encodes the image once; adds a `tile` span and three spans a batch.
  void encode(Spans& spans, int64_t iteration);

  // [tiles, tokens per tile, hidden], in the placement's order.
  const Tensor& tokens() const { return tokens_; }

 private:
  struct Launch {  // one batch and its three computations
    std::function<void()> patch_embed, vit, project;
    Batch batch;
  };

  Launch bind(const Tensor& all_tiles, const Batch& batch, int64_t start) const;
  Pipeline::StagePair stages(Spans& spans, int64_t iteration, int64_t index);

  const Package& package_;
  Input source_;
  std::vector<Batch> batches_;
  std::map<Graph, ExecutionUnit> units_;
  std::optional<Inject> inject_;
  bool pipelined_;
  int64_t count_;
  std::optional<VisionGraphs> graphs_;
  Tensor tokens_;
  BoundGraph tile_;
  std::vector<Launch> launches_;
  Pipeline pipeline_;
};

// Encodes an input's image untimed, in the largest batches the build offers; returns nothing without an image.
std::optional<Tensor> encode_beforehand(const Package& package, const Units& units, const Input& source);

}  // namespace pocketlab
