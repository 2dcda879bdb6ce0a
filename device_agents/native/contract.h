// ../contract.py in C++: what the lab and the agent write to each other, as far as the agent uses it.
//
// Every field that the agent uses is checked. Any other field of a job is refused: if the agent ignored a parameter,
// the number would be wrong. Other fields of a manifest or an input are skipped: the lab checks both before it pushes
// them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pocketlab {

using Json = nlohmann::ordered_json;

constexpr int PROTOCOL = 1;
constexpr int PROJECTIONS = 64;

enum class Stage {
  load, tile, patch_embed, vit, project, embed, prefill, first_token, swap, decode, sample, detokenise, unload
};
enum class Graph { tile, patch_embed, vit, project, embed, llm };

const char* name(Stage stage);
const char* role(Stage stage);  // where the stage belongs in the paper's system: cpu, npu, or user
const char* name(Graph graph);

struct GraphFile {
  std::string path;
  std::vector<std::string> weights;
  std::vector<std::map<std::string, int64_t>> shapes;
};

struct Dimensions {
  int64_t tile_pixels, vision_tokens_per_tile, vision_hidden, tokens_per_tile, hidden, layers, key_value_heads,
      head_dim, vocabulary, cache_tokens;
};

struct Manifest {
  Dimensions dimensions;
  std::vector<std::pair<Graph, std::vector<GraphFile>>> graphs;  // in the document's order
  std::string kv_cache;  // float32, float16 or int8
  int64_t first_byte, end;  // of the tokenizer
  std::map<std::string, std::string> inputs;  // name -> folder in the build
  std::map<std::string, int64_t> bytes;       // file -> its size

  const std::vector<GraphFile>* files_of(Graph graph) const;
};

struct Placement {
  int64_t columns, rows, fit_width, fit_height, left, top;
  std::vector<int64_t> order;
  bool operator==(const Placement& other) const;
};

struct Image {
  std::string path;
  int64_t width, height;
  bool operator==(const Image& other) const;
};

// An input, or a question of a set.
struct Input {
  std::string name;    // by which the job asks for it
  std::string folder;  // of its image
  std::optional<Image> image;
  std::optional<Placement> placement;
  std::vector<std::optional<std::vector<int64_t>>> segments;  // nothing: the image's tokens
  int64_t prompt_tokens;
};

struct QuestionSet {
  int64_t tile_pixels, tokens_per_tile, first_byte, end;
  std::vector<Input> questions;
};

struct Batch {
  int64_t true_tiles, padded;
};

// One workload; `kind` decides which of the other fields are set.
struct Work {
  std::string kind, input;
  std::vector<Batch> batches;
  bool pipelined = false, coupled = false, release_vision = false, prefill_early = false;
  int64_t prompt_tokens = 0, context_tokens = 0, parallel_tokens = 0, new_tokens = 0;
  std::optional<double> instruction_delay_s;
  std::string questions, document = "questions.json";
  int64_t patches_per_batch = 0, most_tokens = 0;
  bool stream = false;
};

struct Inject {
  Stage stage;
  double slow_down;
};

struct Job {
  std::string build;
  Work work;
  int64_t warmup_iterations, iterations;
  std::vector<std::pair<std::string, std::vector<int64_t>>> units;
  std::vector<std::pair<Graph, std::string>> stages;
  std::map<std::string, std::string> inputs;
  bool memory_pass = false;
  std::optional<Inject> inject;
};

// A document that cannot be used: "where: what is wrong". Thrown by all five below.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
int64_t read_protocol(const Json& found);  // of any document; the first thing to read
Job read_job(const Json& found);
Manifest read_manifest(const Json& found);
Input read_input(const Json& found);
QuestionSet read_questions(const Json& found);

struct Fingerprint {
  std::vector<int64_t> shape;
  double norm = 0;
  std::array<double, PROJECTIONS> projections{};
};

// Returns a tensor's norm and its 64 sums under random signs (PROTOCOL.md, Outputs).
Fingerprint fingerprint(const float* values, const std::vector<int64_t>& shape);

// Names and numbers for messages, written as the reference agent writes them: 'a', ['a', 'b'], [0, 1].
std::string quote(const std::string& text);
std::string listed(const std::vector<std::string>& names);
std::string listed(const std::vector<int64_t>& numbers);
std::string listed(const std::map<std::string, int64_t>& shape);  // {'batch': 4}

}  // namespace pocketlab
