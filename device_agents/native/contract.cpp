#include "contract.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace pocketlab {
namespace {

constexpr const char* STAGES[] = {"load",  "tile",   "patch_embed", "vit",    "project",    "embed", "prefill",
                                  "first_token", "swap", "decode",   "sample", "detokenise", "unload"};
constexpr const char* ROLES[] = {"cpu",  "cpu", "cpu", "npu", "npu", "cpu", "npu",
                                 "user", "npu", "npu", "cpu", "cpu", "cpu"};
constexpr const char* GRAPHS[] = {"tile", "patch_embed", "vit", "project", "embed", "llm"};

template <class Enum, size_t N>
Enum member(const char* const (&names)[N], const std::string& text, const std::string& where) {
  for (size_t i = 0; i < N; ++i) {
    if (text == names[i]) return static_cast<Enum>(i);
  }
  throw Malformed(where + ": wanted one of " + listed(std::vector<std::string>(names, names + N)) + ", found " +
                  quote(text));
}

std::string shown(const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= 80 ? text : text.substr(0, 80) + "...";
}

Malformed wrong(const std::string& where, const std::string& wanted, const Json& found) {
  return Malformed((where.empty() ? "(whole file)" : where) + ": wanted " + wanted + ", found " + shown(found));
}

int64_t whole(const Json& json, const std::string& where, int64_t least) {
  const bool fits = json.is_number_integer() && !(json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX);
  if (!fits || json.get<int64_t>() < least) {
    throw wrong(where, "a whole number of at least " + std::to_string(least), json);
  }
  return json.get<int64_t>();
}

std::string text(const Json& json, const std::string& where) {
  if (!json.is_string()) throw wrong(where, "text", json);
  return json.get<std::string>();
}

double real(const Json& json, const std::string& where) {
  if (!json.is_number()) throw wrong(where, "a number", json);
  return json.get<double>();
}

// A computed number: JSON has no word for NaN, so it travels as a string.
void computed(const Json& json, const std::string& where) {
  if (!json.is_number() && json != "NaN" && json != "Infinity" && json != "-Infinity") {
    throw wrong(where, "a number, \"NaN\", \"Infinity\" or \"-Infinity\"", json);
  }
}

std::string a_name(const std::string& found, const std::string& where) {
  const auto letter = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const auto inner = [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; };
  if (found.empty() || found.size() > 64 || !letter(found[0]) || !std::all_of(found.begin(), found.end(), inner)) {
    throw Malformed(where + ": wanted a name (up to 64 of A-Z a-z 0-9 . _ -), found " + quote(found));
  }
  return found;
}

std::string relative_path(const Json& json, const std::string& where) {
  const std::string path = text(json, where);
  const bool odd = path.empty() || path[0] == '/' || path.find('\\') != std::string::npos ||
                   path.find('\0') != std::string::npos || ("/" + path + "/").find("/../") != std::string::npos;
  if (odd) throw wrong(where, "a relative path that stays in its folder", json);
  return path;
}

const Json& a_list(const Json& json, const std::string& where, size_t least = 0) {
  if (!json.is_array() || json.size() < least) throw wrong(where, "a list of at least " + std::to_string(least), json);
  return json;
}

std::vector<int64_t> wholes(const Json& json, const std::string& where, size_t least = 0) {
  std::vector<int64_t> found;
  for (const Json& item : a_list(json, where, least)) found.push_back(whole(item, where, 0));
  return found;
}

// One object of a document. `done` refuses every key that nobody asked for.
class Object {
 public:
  Object(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) throw wrong(where_, "an object", json);
  }

  std::string at(const std::string& key) const { return where_.empty() ? key : where_ + "." + key; }

  const Json& operator[](const char* key) {
    const Json* found = optional(key);
    if (found == nullptr) throw Malformed(at(key) + ": required, and missing");
    return *found;
  }

  const Json* optional(const char* key) {
    asked_.insert(key);
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }

  int64_t count(const char* key) { return pocketlab::whole((*this)[key], at(key), 0); }
  int64_t positive(const char* key) { return pocketlab::whole((*this)[key], at(key), 1); }
  std::string text(const char* key) { return pocketlab::text((*this)[key], at(key)); }
  std::string name(const char* key) { return a_name(text(key), at(key)); }
  std::string path(const char* key) { return relative_path((*this)[key], at(key)); }
  double real(const char* key) { return pocketlab::real((*this)[key], at(key)); }
  const Json& list(const char* key, size_t least = 0) { return a_list((*this)[key], at(key), least); }
  Object object(const char* key) { return {(*this)[key], at(key)}; }

  bool flag(const char* key, std::optional<bool> otherwise = {}) {
    const Json* found = optional(key);
    if (found == nullptr && otherwise) return *otherwise;
    const Json& json = (*this)[key];
    if (!json.is_boolean()) throw wrong(at(key), "true or false", json);
    return json.get<bool>();
  }

  std::string one_of(const char* key, const std::vector<std::string>& words) {
    const std::string found = text(key);
    if (std::find(words.begin(), words.end(), found) == words.end()) {
      throw Malformed(at(key) + ": wanted one of " + listed(words) + ", found " + quote(found));
    }
    return found;
  }

  std::string sha256(const char* key) {
    const std::string found = text(key);
    if (found.size() != 64 || found.find_first_not_of("0123456789abcdef") != std::string::npos) {
      throw Malformed(at(key) + ": wanted 64 digits of SHA-256, found " + quote(found));
    }
    return found;
  }

  template <class Each>
  void each(Each&& visit) const {
    for (const auto& [key, value] : json_.items()) visit(key, value, at(key));
  }

  void done() const {
    for (const auto& [key, value] : json_.items()) {
      if (asked_.count(key) == 0) throw Malformed(at(key) + ": this protocol has no such key, found " + shown(value));
    }
  }

 private:
  const Json& json_;
  std::string where_;
  std::set<std::string> asked_;
};

GraphFile graph_file_of(const Json& json, const std::string& where) {
  Object object(json, where);
  GraphFile file;
  file.path = object.path("path");
  for (const Json& path : object.list("weights")) file.weights.push_back(relative_path(path, object.at("weights")));
  for (const Json& listed : object.list("shapes")) {
    std::map<std::string, int64_t> shape;
    Object(listed, object.at("shapes")).each([&](const std::string& symbol, const Json& size, const std::string& at) {
      shape[symbol] = whole(size, at, 1);
    });
    file.shapes.push_back(std::move(shape));
  }
  object.done();
  return file;
}

Dimensions dimensions_of(Object object) {
  Dimensions sizes{};
  sizes.tile_pixels = object.positive("tile_pixels");
  sizes.vision_tokens_per_tile = object.positive("vision_tokens_per_tile");
  sizes.vision_hidden = object.positive("vision_hidden");
  sizes.tokens_per_tile = object.positive("tokens_per_tile");
  sizes.hidden = object.positive("hidden");
  sizes.layers = object.positive("layers");
  sizes.key_value_heads = object.positive("key_value_heads");
  sizes.head_dim = object.positive("head_dim");
  sizes.vocabulary = object.positive("vocabulary");
  sizes.cache_tokens = object.positive("cache_tokens");
  object.done();
  return sizes;
}

// What the agent has no use for is checked all the same: a document that is half wrong is wrong.
void check_about(Object& top) {
  top.object("precision").each([](const std::string&, const Json& json, const std::string& where) {
    Object precision(json, where);
    precision.text("weights");
    precision.text("activations");
    if (precision.optional("note") != nullptr) precision.text("note");
    precision.done();
  });
  Object tolerance = top.object("tolerance");
  for (const char* key : {"features", "logits", "margin"}) {
    const double bound = tolerance.real(key);
    if (bound < 0 || (bound == 0 && std::string(key) != "margin")) {
      throw wrong(tolerance.at(key), "a positive number", tolerance[key]);
    }
  }
  tolerance.done();
  Object error = top.object("recipe_error");
  for (const char* key : {"feature_relative_error", "feature_cosine", "logit_relative_error", "logit_kl_nats",
                          "top1_agreement"}) {
    computed(error[key], error.at(key));
  }
  error.positive("positions");
  error.done();
  Object weights = top.object("weights");
  weights.one_of("origin", {"trained", "random", "checkpoint"});
  weights.text("source");
  if (const Json* seed = weights.optional("seed"); seed != nullptr && !seed->is_null()) {
    whole(*seed, weights.at("seed"), INT64_MIN);
  }
  weights.done();
  if (top.optional("notes") != nullptr) {
    for (const Json& note : top.list("notes")) text(note, "notes");
  }
}

void check_fingerprint(Object object) {
  for (const Json& size : object.list("shape")) whole(size, object.at("shape"), 1);
  computed(object["norm"], object.at("norm"));
  if (object.list("projections").size() != PROJECTIONS) throw Malformed(object.at("projections") + ": wanted 64");
  for (const Json& sum : object.list("projections")) computed(sum, object.at("projections"));
  object.done();
}

void check_golden(Object object) {
  if (!object["features"].is_null()) check_fingerprint(object.object("features"));
  check_fingerprint(object.object("logits"));
  Object tokens = object.object("tokens");
  wholes(tokens["ids"], tokens.at("ids"));
  for (const Json& margin : tokens.list("margins")) computed(margin, tokens.at("margins"));
  tokens.done();
  object.done();
}

std::vector<Batch> batches_of(Object& object) {
  std::vector<Batch> batches;
  for (const Json& json : object.list("batches", 1)) {
    Object batch(json, object.at("batches"));
    batches.push_back({batch.positive("true"), batch.positive("padded")});
    batch.done();
  }
  return batches;
}

Work work_of(Object object) {
  Work work;
  work.kind = object.one_of("kind", {"load", "encode_image", "prefill", "decode", "generate", "evaluate", "null"});
  const bool encodes = work.kind == "encode_image" || work.kind == "generate";
  const bool prefills = work.kind == "prefill" || work.kind == "decode" || work.kind == "generate";
  if (encodes || prefills) work.input = object.name("input");
  if (encodes) {
    work.batches = batches_of(object);
    work.pipelined = object.flag("pipelined");
  }
  if (prefills) work.parallel_tokens = object.positive("parallel_tokens");
  if (work.kind == "prefill") work.prompt_tokens = object.positive("prompt_tokens");
  if (work.kind == "decode") {
    work.context_tokens = object.positive("context_tokens");
    work.new_tokens = object.positive("new_tokens");
  }
  if (work.kind == "generate") {
    work.new_tokens = whole(object["new_tokens"], object.at("new_tokens"), 2);
    work.coupled = object.flag("coupled");
    if (const Json* delay = object.optional("instruction_delay_s"); delay != nullptr && !delay->is_null()) {
      work.instruction_delay_s = real(*delay, object.at("instruction_delay_s"));
    }
    work.release_vision = object.flag("release_vision", false);
  }
  if (work.kind == "evaluate") object.path("items");
  object.done();
  return work;
}

std::optional<Inject> inject_of(Object& top) {
  const Json* found = top.optional("inject");
  if (found == nullptr || found->is_null()) return {};
  Object object(*found, "inject");
  Inject inject{member<Stage>(STAGES, object.text("stage"), object.at("stage")), object.real("slow_down")};
  if (!(inject.slow_down > 1)) throw wrong(object.at("slow_down"), "more than 1", object["slow_down"]);
  object.done();
  return inject;
}

}  // namespace

const char* name(Stage stage) { return STAGES[static_cast<size_t>(stage)]; }
const char* role(Stage stage) { return ROLES[static_cast<size_t>(stage)]; }
const char* name(Graph graph) { return GRAPHS[static_cast<size_t>(graph)]; }

const std::vector<GraphFile>* Manifest::files_of(Graph graph) const {
  for (const auto& [named, files] : graphs) {
    if (named == graph) return &files;
  }
  return nullptr;
}

Job read_job(const Json& found) {
  Object top(found, "");
  Job job;
  top.positive("protocol");
  top.text("trial");
  job.build = top.text("build");
  job.work = work_of(top.object("work"));
  job.warmup_iterations = top.count("warmup_iterations");
  job.iterations = top.positive("iterations");
  top.object("units").each([&](const std::string& unit, const Json& json, const std::string& where) {
    Object object(json, where);
    job.units.emplace_back(a_name(unit, where), wholes(object["cores"], object.at("cores"), 1));
    object.done();
  });
  top.object("stages").each([&](const std::string& graph, const Json& json, const std::string& where) {
    job.stages.emplace_back(member<Graph>(GRAPHS, graph, where), a_name(text(json, where), where));
  });
  if (top.optional("inputs") != nullptr) {
    top.object("inputs").each([&](const std::string& input, const Json& json, const std::string& where) {
      job.inputs[a_name(input, where)] = text(json, where);
    });
  }
  job.memory_pass = top.flag("memory_pass", false);
  job.inject = inject_of(top);
  top.done();
  return job;
}

Manifest read_manifest(const Json& found) {
  Object top(found, "");
  Manifest manifest;
  top.positive("protocol");
  manifest.runtime = top.one_of("runtime", {"onnxruntime", "stand_in"});
  top.name("model");
  top.name("recipe");
  manifest.dimensions = dimensions_of(top.object("dimensions"));
  top.object("graphs").each([&](const std::string& graph, const Json& json, const std::string& where) {
    std::vector<GraphFile> files;
    for (const Json& file : a_list(json, where)) files.push_back(graph_file_of(file, where));
    manifest.graphs.emplace_back(member<Graph>(GRAPHS, graph, where), std::move(files));
  });
  manifest.int8_cache = top.one_of("kv_cache", {"float32", "int8"}) == "int8";
  Object tokenizer = top.object("tokenizer");
  tokenizer.one_of("kind", {"bytes"});
  manifest.first_byte = tokenizer.count("first_byte");
  tokenizer.count("end");
  tokenizer.done();
  top.object("inputs").each([&](const std::string& input, const Json& json, const std::string& where) {
    manifest.inputs[a_name(input, where)] = relative_path(json, where);
  });
  for (const Json& json : top.list("files")) {
    Object file(json, "files");
    manifest.bytes[file.path("path")] = file.count("bytes");
    file.sha256("sha256");
    file.done();
  }
  check_about(top);
  top.done();
  return manifest;
}

Input read_input(const Json& found) {
  Object top(found, "");
  Input input;
  top.positive("protocol");
  input.name = top.name("name");
  if (!top["image"].is_null()) {
    Object image = top.object("image");
    input.image = Image{image.path("path"), image.positive("width"), image.positive("height")};
    image.sha256("sha256");
    image.done();
  }
  if (!top["placement"].is_null()) {
    Object placement = top.object("placement");
    placement.text("rule");
    input.placement = Placement{placement.positive("columns"),    placement.positive("rows"),
                                placement.positive("fit_width"),  placement.positive("fit_height"),
                                placement.count("left"),          placement.count("top"),
                                wholes(placement["order"], placement.at("order"))};
    placement.done();
  }
  for (const Json& json : top.list("segments")) {
    Object segment(json, "segments");
    const Json& ids = segment["ids"];
    input.segments.push_back(ids.is_null() ? std::nullopt : std::optional(wholes(ids, segment.at("ids"))));
    segment.done();
  }
  input.prompt_tokens = top.positive("prompt_tokens");
  top.text("instruction");
  check_golden(top.object("golden"));
  top.done();
  return input;
}

Fingerprint fingerprint(const float* values, const std::vector<int64_t>& shape) {
  Fingerprint found;
  found.shape = shape;
  uint64_t size = 1;
  for (int64_t length : shape) size *= static_cast<uint64_t>(length);
  double squares = 0;
  for (uint64_t i = 0; i < size; ++i) {
    uint64_t z = (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    const double value = values[i];
    for (int k = 0; k < PROJECTIONS; ++k) found.projections[k] += (z >> k) & 1 ? value : -value;
    squares += value * value;
  }
  found.norm = std::sqrt(squares);
  return found;
}

std::string quote(const std::string& text) { return "'" + text + "'"; }

std::string listed(const std::vector<std::string>& names) {
  std::string told;
  for (const std::string& each : names) told += (told.empty() ? "" : ", ") + quote(each);
  return "[" + told + "]";
}

std::string listed(const std::vector<int64_t>& numbers) {
  std::string told;
  for (int64_t number : numbers) told += (told.empty() ? "" : ", ") + std::to_string(number);
  return "[" + told + "]";
}

std::string listed(const std::map<std::string, int64_t>& shape) {
  std::string told;
  for (const auto& [symbol, size] : shape) {
    told += (told.empty() ? "" : ", ") + quote(symbol) + ": " + std::to_string(size);
  }
  return "{" + told + "}";
}

}  // namespace pocketlab
