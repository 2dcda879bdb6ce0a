#include "contract.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

namespace pocketlab {
namespace {

constexpr const char* STAGES[] = {"load",  "tile",   "patch_embed", "vit",    "project",    "embed", "prefill",
                                  "first_token", "swap", "decode",   "sample", "detokenise", "unload"};
constexpr const char* ROLES[] = {"cpu",  "cpu", "cpu", "npu", "npu", "cpu", "npu",
                                 "user", "npu", "npu", "cpu", "cpu", "cpu"};
constexpr const char* GRAPHS[] = {"tile", "patch_embed", "vit", "project", "embed", "llm"};

// Returns where `text` stands among `names`.
size_t position(const std::vector<std::string>& names, const std::string& text, const std::string& where) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    throw Malformed(where + ": wanted one of " + listed(names) + ", found " + quote(text));
  }
  return static_cast<size_t>(found - names.begin());
}

template <class Enum, size_t N>
Enum member(const char* const (&names)[N], const std::string& text, const std::string& where) {
  return static_cast<Enum>(position({names, names + N}, text, where));
}

// A value of a document and its place there, which every error names.
class Value {
 public:
  Value(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  bool is_null() const { return json_.is_null(); }

  // A field of an object that must have it.
  Value operator[](const std::string& key) {
    const Json* found = find(key);
    if (found == nullptr) throw Malformed(at(key) + ": required, and missing");
    return {*found, at(key)};
  }

  // A field of an object; nothing when it is missing or null.
  std::optional<Value> optional(const std::string& key) {
    const Json* found = find(key);
    return found == nullptr || found->is_null() ? std::nullopt : std::optional(Value(*found, at(key)));
  }

  // Refuses an object that has a field nobody read.
  void refuse_unread() const {
    for (const auto& [key, value] : json_.items()) {
      if (read_.count(key) == 0) throw Malformed(at(key) + ": this protocol has no such key, found " + shown(value));
    }
  }

  // Every field of an object, in the document's order.
  std::vector<std::pair<std::string, Value>> fields() const {
    if (!json_.is_object()) throw wrong("an object");
    std::vector<std::pair<std::string, Value>> found;
    for (const auto& [key, value] : json_.items()) found.emplace_back(key, Value(value, at(key)));
    return found;
  }

  std::vector<Value> list(size_t least = 0) const {
    if (!json_.is_array() || json_.size() < least) throw wrong("a list of at least " + std::to_string(least));
    std::vector<Value> found;
    for (const Json& item : json_) found.emplace_back(item, at(std::to_string(found.size())));
    return found;
  }

  int64_t whole(int64_t least) const {
    const bool fits = json_.is_number_integer() && !(json_.is_number_unsigned() && json_.get<uint64_t>() > INT64_MAX);
    if (!fits || json_.get<int64_t>() < least) throw wrong("a whole number of at least " + std::to_string(least));
    return json_.get<int64_t>();
  }

  std::vector<int64_t> wholes(size_t least = 0) const {
    std::vector<int64_t> found;
    for (const Value& item : list(least)) found.push_back(item.whole(0));
    return found;
  }

  std::string text() const {
    if (!json_.is_string()) throw wrong("text");
    return json_.get<std::string>();
  }

  std::string one_of(const std::vector<std::string>& words) const { return words[position(words, text(), where_)]; }

  // A path that stays in the folder it is relative to.
  std::string path() const {
    const std::string found = text();
    if (found.empty() || found[0] == '/' || found.find('\\') != std::string::npos ||
        found.find('\0') != std::string::npos || ("/" + found + "/").find("/../") != std::string::npos) {
      throw wrong("a relative path that stays in its folder");
    }
    return found;
  }

  double real() const {
    if (!json_.is_number()) throw wrong("a number");
    return json_.get<double>();
  }

  bool flag() const {
    if (!json_.is_boolean()) throw wrong("true or false");
    return json_.get<bool>();
  }

  Malformed wrong(const std::string& wanted) const {
    return Malformed((where_.empty() ? "(whole file)" : where_) + ": wanted " + wanted + ", found " + shown(json_));
  }

 private:
  static std::string shown(const Json& json) {
    const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() <= 80 ? text : text.substr(0, 80) + "...";
  }

  std::string at(const std::string& key) const { return where_.empty() ? key : where_ + "." + key; }

  const Json* find(const std::string& key) {
    if (!json_.is_object()) throw wrong("an object");
    read_.insert(key);
    const auto found = json_.find(key);
    return found == json_.end() ? nullptr : &*found;
  }

  const Json& json_;
  std::string where_;
  std::set<std::string> read_;
};

// The contract's Name: `hello` repeats the names of the units, and its reader accepts no others.
bool is_name(const std::string& text) {
  const auto letter = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const auto inner = [&](char c) { return letter(c) || c == '.' || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= 64 && letter(text[0]) && std::all_of(text.begin(), text.end(), inner);
}

Work work_of(Value from) {
  Work work;
  work.kind = from["kind"].one_of({"load", "encode_image", "prefill", "decode", "generate", "evaluate", "null"});
  const bool encodes = work.kind == "encode_image" || work.kind == "generate";
  const bool prefills = work.kind == "prefill" || work.kind == "decode" || work.kind == "generate";
  if (encodes || prefills) work.input = from["input"].text();
  if (encodes) {
    for (Value& batch : from["batches"].list(1)) {
      work.batches.push_back({batch["true"].whole(1), batch["padded"].whole(1)});
      batch.refuse_unread();
    }
    work.pipelined = from["pipelined"].flag();
  }
  if (prefills) work.parallel_tokens = from["parallel_tokens"].whole(1);
  if (work.kind == "prefill") work.prompt_tokens = from["prompt_tokens"].whole(1);
  if (work.kind == "decode") {
    work.context_tokens = from["context_tokens"].whole(1);
    work.new_tokens = from["new_tokens"].whole(1);
  }
  if (work.kind == "generate") {
    work.new_tokens = from["new_tokens"].whole(2);
    work.coupled = from["coupled"].flag();
    if (const auto delay = from.optional("instruction_delay_s")) work.instruction_delay_s = delay->real();
    if (const auto release = from.optional("release_vision")) work.release_vision = release->flag();
    if (const auto early = from.optional("prefill_early")) work.prefill_early = early->flag();
  }
  if (work.kind == "evaluate") {
    work.questions = from["questions"].text();
    if (const auto document = from.optional("document")) work.document = document->path();
    work.patches_per_batch = from["patches_per_batch"].whole(1);
    work.pipelined = from["pipelined"].flag();
    work.parallel_tokens = from["parallel_tokens"].whole(1);
    work.most_tokens = from["most_tokens"].whole(1);
    if (const auto stream = from.optional("stream")) work.stream = stream->flag();
  }
  from.refuse_unread();
  return work;
}

GraphFile graph_file_of(Value from) {
  GraphFile file;
  file.path = from["path"].path();
  for (const Value& path : from["weights"].list()) file.weights.push_back(path.path());
  for (const Value& listed : from["shapes"].list()) {
    std::map<std::string, int64_t>& shape = file.shapes.emplace_back();
    for (const auto& [symbol, size] : listed.fields()) shape[symbol] = size.whole(1);
  }
  return file;
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

int64_t read_protocol(const Json& found) { return Value(found, "")["protocol"].whole(1); }

Job read_job(const Json& found) {
  Value top(found, "");
  top["protocol"];  // `read_protocol` has checked it
  top["trial"];     // for the lab
  Job job;
  job.build = top["build"].text();
  job.work = work_of(top["work"]);
  job.warmup_iterations = top["warmup_iterations"].whole(0);
  job.iterations = top["iterations"].whole(1);
  for (auto& [unit, value] : top["units"].fields()) {
    if (!is_name(unit)) throw Malformed(value.where() + ": wanted a name (up to 64 of A-Z a-z 0-9 . _ -)");
    job.units.emplace_back(unit, value["cores"].wholes(1));
    value.refuse_unread();
  }
  for (const auto& [graph, unit] : top["stages"].fields()) {
    job.stages.emplace_back(member<Graph>(GRAPHS, graph, unit.where()), unit.text());
  }
  if (const auto inputs = top.optional("inputs")) {
    for (const auto& [input, folder] : inputs->fields()) job.inputs[input] = folder.text();
  }
  if (const auto memory_pass = top.optional("memory_pass")) job.memory_pass = memory_pass->flag();
  if (auto inject = top.optional("inject")) {
    const Value stage = (*inject)["stage"], slow_down = (*inject)["slow_down"];
    job.inject = Inject{member<Stage>(STAGES, stage.text(), stage.where()), slow_down.real()};
    if (!(job.inject->slow_down > 1)) throw slow_down.wrong("more than 1");
    inject->refuse_unread();
  }
  top.refuse_unread();
  return job;
}

Manifest read_manifest(const Json& found) {
  Value top(found, "");
  Manifest manifest;
  top["runtime"].one_of({"onnxruntime"});
  Value sizes = top["dimensions"];
  const auto size = [&](const char* key) { return sizes[key].whole(1); };
  manifest.dimensions = {size("tile_pixels"), size("vision_tokens_per_tile"), size("vision_hidden"),
                         size("tokens_per_tile"), size("hidden"), size("layers"), size("key_value_heads"),
                         size("head_dim"), size("vocabulary"), size("cache_tokens")};
  for (const auto& [graph, listed] : top["graphs"].fields()) {
    std::vector<GraphFile> files;
    for (const Value& file : listed.list()) files.push_back(graph_file_of(file));
    manifest.graphs.emplace_back(member<Graph>(GRAPHS, graph, listed.where()), std::move(files));
  }
  manifest.kv_cache = top["kv_cache"].one_of({"float32", "float16", "int8"});
  Value tokenizer = top["tokenizer"];
  tokenizer["kind"].one_of({"bytes"});
  manifest.first_byte = tokenizer["first_byte"].whole(0);
  manifest.end = tokenizer["end"].whole(0);
  for (const auto& [input, folder] : top["inputs"].fields()) manifest.inputs[input] = folder.path();
  for (Value& file : top["files"].list()) manifest.bytes[file["path"].path()] = file["bytes"].whole(0);
  return manifest;
}

bool Placement::operator==(const Placement& other) const {
  const auto all = [](const Placement& each) {
    return std::tie(each.columns, each.rows, each.fit_width, each.fit_height, each.left, each.top, each.order);
  };
  return all(*this) == all(other);
}

bool Image::operator==(const Image& other) const {
  return path == other.path && width == other.width && height == other.height;
}

namespace {

// What an input and a question have in common.
Input input_of(Value top) {
  Input input;
  if (Value image = top["image"]; !image.is_null()) {
    input.image = Image{image["path"].path(), image["width"].whole(1), image["height"].whole(1)};
  }
  if (Value placement = top["placement"]; !placement.is_null()) {
    input.placement = Placement{placement["columns"].whole(1),   placement["rows"].whole(1),
                                placement["fit_width"].whole(1), placement["fit_height"].whole(1),
                                placement["left"].whole(0),      placement["top"].whole(0),
                                placement["order"].wholes()};
  }
  for (Value& segment : top["segments"].list()) {
    const Value ids = segment["ids"];
    input.segments.push_back(ids.is_null() ? std::nullopt : std::optional(ids.wholes()));
  }
  input.prompt_tokens = top["prompt_tokens"].whole(1);
  return input;
}

}  // namespace

Input read_input(const Json& found) { return input_of(Value(found, "")); }

QuestionSet read_questions(const Json& found) {
  Value top(found, "");
  QuestionSet set;
  set.tile_pixels = top["tile_pixels"].whole(1);
  set.tokens_per_tile = top["tokens_per_tile"].whole(1);
  Value tokenizer = top["tokenizer"];
  tokenizer["kind"].one_of({"bytes"});
  set.first_byte = tokenizer["first_byte"].whole(0);
  set.end = tokenizer["end"].whole(0);
  for (Value& question : top["questions"].list(1)) {
    set.questions.push_back(input_of(question));
    set.questions.back().name = question["name"].text();
  }
  return set;
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
  std::string words;
  for (const std::string& each : names) words += (words.empty() ? "" : ", ") + quote(each);
  return "[" + words + "]";
}

std::string listed(const std::vector<int64_t>& numbers) {
  std::string words;
  for (int64_t number : numbers) words += (words.empty() ? "" : ", ") + std::to_string(number);
  return "[" + words + "]";
}

std::string listed(const std::map<std::string, int64_t>& shape) {
  std::string words;
  for (const auto& [symbol, size] : shape) {
    words += (words.empty() ? "" : ", ") + quote(symbol) + ": " + std::to_string(size);
  }
  return "{" + words + "}";
}

}  // namespace pocketlab
