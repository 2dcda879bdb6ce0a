#include "language.h"

#include <algorithm>
#include <cmath>

#include "failure.h"

namespace pocketlab {
namespace {

int64_t padded_to(int64_t tokens, int64_t chunk) { return (tokens + chunk - 1) / chunk * chunk; }

// Throws `bad_job` unless the input has the prompt and the cache holds it with its padding and its new tokens.
void check_lengths(const Manifest& manifest, const Input& source, int64_t prompt, int64_t parallel,
                   int64_t new_tokens) {
  const int64_t cache = manifest.dimensions.cache_tokens;
  const int64_t padded = padded_to(prompt, parallel), continued = prompt + new_tokens - 1;
  const std::string asked = "a prompt of " + std::to_string(prompt) + " tokens";
  const std::string held = " positions; the cache holds " + std::to_string(cache);
  if (prompt > source.prompt_tokens) {
    throw bad_job(std::to_string(prompt) + " prompt tokens asked for; input " + quote(source.name) + " has " +
                  std::to_string(source.prompt_tokens));
  }
  if (padded > cache) {
    throw bad_job(asked + " in chunks of " + std::to_string(parallel) + " fills " + std::to_string(padded) + held +
                  ": take a shorter prompt, another chunk or a build with a longer cache");
  }
  if (continued > cache) {
    throw bad_job(asked + " and " + std::to_string(new_tokens) + " new ones need " + std::to_string(continued) + held +
                  ": ask for fewer");
  }
}

// Orders logits. NaN is the largest, as in NumPy, so that a broken network shows.
bool less(float a, float b) { return a < b || (std::isnan(b) && !std::isnan(a)); }

// A UTF-8 character by its first byte: its length (0: not a first byte) and the range of its second byte (Unicode 16,
// table 3-7).
struct Lead {
  size_t length;
  uint8_t low, high;
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

constexpr const char* REPLACEMENT = "\xEF\xBF\xBD";

}  // namespace

Decoder::Decoder(const Package& package, const ExecutionUnit& unit, const std::set<int64_t>& shapes) {
  const Manifest& manifest = package.manifest;
  const Dimensions& sizes = manifest.dimensions;
  const auto type = manifest.kv_cache == "int8"      ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8
                    : manifest.kv_cache == "float16" ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16
                                                     : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    for (const char* kind : {"key_", "value_"}) {
      const std::vector<int64_t> shape{1, sizes.key_value_heads, sizes.cache_tokens, sizes.head_dim};
      cache_.emplace_back(kind + std::to_string(layer), Tensor::zeros(shape, type));
    }
  }
  logits_ = Tensor::zeros({1, sizes.vocabulary});
  last_position_ = Tensor::zeros({1}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
  total_ = Tensor::zeros({}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
  position_ = Tensor::zeros({1}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
  std::map<std::string, Session> sessions;
  for (int64_t tokens : shapes) {
    const GraphFile& file = graph_file(manifest, Graph::llm, {{"tokens", tokens}});
    Session& session = sessions[file.path];
    if (!session.get()) session = open_session(package.folder, manifest, Graph::llm, file, unit);
    Bound inputs{{"embeddings", Tensor::zeros({1, tokens, sizes.hidden})},
                 {"last_position", last_position_},
                 {"total_tokens", total_},
                 {"positions", position_}};
    Bound outputs{{"logits", logits_}};
    for (const auto& [name, tensor] : cache_) {
      inputs.emplace_back("past_" + name, tensor);
      outputs.emplace_back("present_" + name, tensor);
    }
    bound_.emplace(tokens, BoundGraph(session, inputs, outputs));
  }
}

void Decoder::reset() {
  for (const auto& [name, tensor] : cache_) tensor.clear();
  past_ = 0;
}

void Decoder::step(const Tensor& embeddings, int64_t real) {
  const int64_t tokens = embeddings.shape()[1];
  BoundGraph& graph = bound_.at(tokens);
  if (given_[tokens] != embeddings.as<void>()) {
    graph.bind_input("embeddings", embeddings);
    given_[tokens] = embeddings.as<void>();
  }
  *last_position_.as<int32_t>() = static_cast<int32_t>(past_ + tokens - 1);
  *total_.as<int32_t>() = static_cast<int32_t>(past_ + tokens);
  *position_.as<int64_t>() = real - 1;
  graph.run();
  past_ += real;
}

std::pair<int64_t, double> likeliest(const Tensor& logits) {
  const float* begin = logits.as<float>();
  const float* end = begin + logits.shape()[1];
  const float* top = std::max_element(begin, end, less);
  float second = -INFINITY;
  for (const float* each = begin; each != end; ++each) {
    if (each != top && less(second, *each)) second = *each;
  }
  return {top - begin, static_cast<double>(*top) - static_cast<double>(second)};
}

std::string Detokeniser::feed(int64_t token) {
  const int64_t byte = token - first_byte_;
  if (byte < 0 || byte > 255) return "";
  const auto next = static_cast<uint8_t>(byte);
  std::string visible;
  if (!pending_.empty()) {
    const Lead lead = lead_of(static_cast<uint8_t>(pending_[0]));
    const bool second = pending_.size() == 1;
    if (next >= (second ? lead.low : 0x80) && next <= (second ? lead.high : 0xBF)) {
      pending_ += static_cast<char>(next);
      return pending_.size() == lead.length ? std::exchange(pending_, "") : "";
    }
    visible = REPLACEMENT;  // for the unfinished character
    pending_.clear();
  }
  const size_t length = lead_of(next).length;
  if (length == 0) return visible + REPLACEMENT;
  if (length == 1) return visible + static_cast<char>(next);
  pending_ = static_cast<char>(next);
  return visible;
}

Language::Language(const Package& package, const Units& units, const Input& source,
                   const std::optional<Tensor>& image_tokens, int64_t prompt_tokens, int64_t parallel_tokens,
                   int64_t new_tokens, const std::optional<Inject>& inject)
    : embed_unit_(units.at(Graph::embed)),
      llm_unit_(units.at(Graph::llm)),
      inject_(inject),
      true_(prompt_tokens),
      chunk_(parallel_tokens),
      vocabulary_(package.manifest.dimensions.vocabulary),
      decoder_((check_lengths(package.manifest, source, prompt_tokens, parallel_tokens, new_tokens), package),
               llm_unit_, new_tokens > 1 ? std::set<int64_t>{parallel_tokens, 1} : std::set<int64_t>{parallel_tokens}),
      detokeniser_(package.manifest.first_byte) {
  const int64_t hidden = package.manifest.dimensions.hidden, padded = padded_to(prompt_tokens, parallel_tokens);
  const GraphFile& file = graph_file(package.manifest, Graph::embed, {});
  const Session embed = open_session(package.folder, package.manifest, Graph::embed, file, embed_unit_);
  prompt_ = Tensor::zeros({padded, hidden});
  for (int64_t start = 0; start < padded; start += chunk_) {
    chunks_.push_back(prompt_.rows(start, chunk_).reshaped({1, chunk_, hidden}));
  }
  lay_out(embed, source, image_tokens);
  token_ = Tensor::zeros({1}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
  const Tensor one = Tensor::zeros({1, hidden});
  embed_ = BoundGraph(embed, {{"ids", token_}}, {{"embeddings", one}});
  next_ = one.reshaped({1, 1, hidden});
  last_logits_ = Tensor::zeros({1, vocabulary_});
  history_ = Tensor::zeros({std::max<int64_t>(new_tokens, 1), vocabulary_});
  ids_.reserve(static_cast<size_t>(new_tokens));
}

// Binds each segment to the rows of the prompt that it fills, and notes where the last image ends.
void Language::lay_out(const Session& embed, const Input& source, const std::optional<Tensor>& image_tokens) {
  const int64_t hidden = prompt_.shape()[1];
  int64_t row = 0;
  for (const auto& ids : source.segments) {
    const int64_t room = std::max<int64_t>(0, true_ - row);
    if (ids) {
      const auto count = std::min(room, static_cast<int64_t>(ids->size()));
      if (count > 0) {
        const Tensor given = Tensor::whole_numbers({ids->begin(), ids->begin() + count});
        texts_.emplace_back(row, BoundGraph(embed, {{"ids", given}}, {{"embeddings", prompt_.rows(row, count)}}));
      }
      row += static_cast<int64_t>(ids->size());
    } else {
      if (!image_tokens) throw bad_job("input " + quote(source.name) + " has an image segment and no image");
      const int64_t all = image_tokens->shape()[0] * image_tokens->shape()[1], count = std::min(room, all);
      const Tensor flat = image_tokens->reshaped({all, hidden});
      if (count > 0) images_.emplace_back(flat.rows(0, count), prompt_.rows(row, count));
      row += all;
      known_ = std::min(row, true_);
    }
  }
  if (row != source.prompt_tokens) {
    throw bad_job("input " + quote(source.name) + ": its segments make " + std::to_string(row) + " tokens, it says " +
                  std::to_string(source.prompt_tokens));
  }
}

void Language::reset() {
  decoder_.reset();
  detokeniser_.reset();
  ids_.clear();
  text_.clear();
}

void Language::prefill(Spans& spans, int64_t iteration) {
  prefill_part(spans, iteration, {0, true_}, {0, static_cast<int64_t>(chunks_.size())});
}

void Language::prefill_known(Spans& spans, int64_t iteration) {
  prefill_part(spans, iteration, {0, known_}, {0, known_chunks()});
}

void Language::prefill_rest(Spans& spans, int64_t iteration) {
  prefill_part(spans, iteration, {known_, true_}, {known_chunks(), static_cast<int64_t>(chunks_.size())});
}

// Embeds those rows of the prompt, and runs those chunks.
void Language::prefill_part(Spans& spans, int64_t iteration, std::pair<int64_t, int64_t> rows,
                            std::pair<int64_t, int64_t> chunks) {
  int64_t text_tokens = rows.second - rows.first;
  for (const auto& image : images_) text_tokens -= rows.first == 0 ? image.second.shape()[0] : 0;
  embed_unit_.pin();
  run_stage([&] { embed_rows(rows.first, rows.second); }, spans, {Stage::embed, &embed_unit_}, inject_, iteration, 0,
            text_tokens, text_tokens);
  llm_unit_.pin();
  for (int64_t index = chunks.first; index < chunks.second; ++index) {
    const int64_t real = std::min(chunk_, true_ - index * chunk_);
    run_stage([&] { decoder_.step(chunks_[static_cast<size_t>(index)], real); }, spans,
              {Stage::prefill, &llm_unit_}, inject_, iteration, index, real, chunk_);
  }
  last_logits_.copy_from(decoder_.logits());
}

void Language::decode(Spans& spans, int64_t iteration, int64_t first, int64_t last) {
  const bool hop = embed_unit_ != llm_unit_;
  const auto run = [&](auto&& work, Stage stage, const ExecutionUnit& unit, int64_t index) {
    run_stage(work, spans, {stage, &unit}, inject_, iteration, index, 1, 1);
  };
  for (int64_t index = first; index < last; ++index) {
    if (index > 0) {
      if (hop) embed_unit_.pin();
      run([this] { embed_.run(); }, Stage::embed, embed_unit_, index);
      if (hop) llm_unit_.pin();
      run([this] { decoder_.step(next_, 1); }, Stage::decode, llm_unit_, index);
    }
    run([this, index] { sample(index); }, Stage::sample, llm_unit_, index);
    run([this] { text_ += detokeniser_.feed(ids_.back()); }, Stage::detokenise, llm_unit_, index);
  }
}

TokenTrail Language::trail() const {
  TokenTrail trail{ids_, {}};
  for (size_t index = 0; index < ids_.size(); ++index) {
    const float* logits = history_.as<float>() + index * static_cast<size_t>(vocabulary_);
    std::vector<float> top(logits, logits + vocabulary_);
    std::partial_sort(top.begin(), top.begin() + 2, top.end(), [](float a, float b) { return less(b, a); });
    trail.margins.push_back(static_cast<double>(top[0]) - static_cast<double>(top[1]));
  }
  return trail;
}

// Fills rows of the prompt; the images' belong to any part that begins at the first row.
void Language::embed_rows(int64_t first, int64_t last) const {
  for (const auto& [row, text] : texts_) {
    if (first <= row && row < last) text.run();
  }
  if (first > 0) return;
  for (const auto& [tokens, rows] : images_) rows.copy_from(tokens);
}

// Takes the likeliest token, be it the end of sequence, and keeps the logits for `trail`.
void Language::sample(int64_t index) {
  const float* logits = decoder_.logits().as<float>();
  const int64_t token = std::max_element(logits, logits + vocabulary_, less) - logits;
  history_.rows(index, 1).copy_from(decoder_.logits());
  *token_.as<int64_t>() = token;
  ids_.push_back(token);
}

}  // namespace pocketlab
