// The language model: a prompt through the shared key-value cache in chunks, then greedy token by token.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ort.h"
#include "package.h"
#include "stage.h"

namespace pocketlab {

// Greedy token ids, and how decided each was: top-1 minus top-2 logit.
struct TokenTrail {
  std::vector<int64_t> ids;
  std::vector<double> margins;
};

// The `llm` graph with its cache, bound once for chunks and once for single tokens. Each layer's keys and values
// [1, heads, cache, head] are bound both as past and as present, so that the graph writes into them in place.
class Decoder {
 public:
  Decoder(const Package& package, const ExecutionUnit& unit, const std::set<int64_t>& shapes);

  // Empties the cache: nothing of an earlier run can be read by the next.
  void reset();

  // Runs embeddings [1, tokens, hidden], of which the first `real` count. The cache advances by `real`: what the
  // padding wrote is overwritten by the next run.
  void step(const Tensor& embeddings, int64_t real);

  // [1, vocabulary]: of the last true token of the last run.
  const Tensor& logits() const { return logits_; }

 private:
  Bound cache_;  // key_0, value_0, ...
  int64_t past_ = 0;
  Tensor logits_, last_position_, total_, position_;
  std::map<int64_t, BoundGraph> bound_;   // by tokens at a time
  std::map<int64_t, const void*> given_;  // whose embeddings are bound now
};

// The `bytes` tokenizer backwards, as it streams: a character appears when its last byte has come, and what is not
// UTF-8 becomes U+FFFD.
class Detokeniser {
 public:
  explicit Detokeniser(int64_t first_byte) : first_byte_(first_byte) {}
  std::string feed(int64_t token);
  void reset() { pending_.clear(); }

 private:
  int64_t first_byte_;
  std::string pending_;  // the bytes of an unfinished character
};

// The language half of a build, loaded for a number of prompt tokens, a chunk and new tokens. `image_tokens`
// [tiles, tokens per tile, hidden] is read at every prefill, so it may be filled later. Throws `bad_job`, `load`.
class Language {
 public:
  Language(const Package& package, const Units& units, const Input& source, const std::optional<Tensor>& image_tokens,
           int64_t prompt_tokens, int64_t parallel_tokens, int64_t new_tokens, const std::optional<Inject>& inject);

  // Forgets cache, text and tokens; not part of any timed stage.
  void reset();

  // Embeds the prompt and runs it in chunks: one `embed` span and a `prefill` span a chunk. The last chunk is padded
  // with zeros at its end.
  void prefill(Spans& spans, int64_t iteration);

  // Makes tokens `first` to `last` - 1 visible; token 0 is sampled from the prefill's logits. Each later token costs an
  // `embed`, a `decode`, a `sample` and a `detokenise` span; the index of each is the number of the token they lead to.
  void decode(Spans& spans, int64_t iteration, int64_t first, int64_t last);

  TokenTrail trail() const;
  const Tensor& last_logits() const { return last_logits_; }  // [1, vocabulary], after the last prompt token

 private:
  void lay_out(const Session& embed, const Input& source, const std::optional<Tensor>& image_tokens);
  void embed_prompt() const;
  void sample(int64_t index);

  ExecutionUnit embed_unit_, llm_unit_;
  std::optional<Inject> inject_;
  int64_t true_, chunk_, vocabulary_, text_tokens_ = 0;
  Decoder decoder_;
  Tensor prompt_;
  std::vector<Tensor> chunks_;
  std::vector<BoundGraph> texts_;
  std::vector<std::pair<Tensor, Tensor>> images_;  // image tokens -> rows of the prompt
  Tensor token_, next_;
  BoundGraph embed_;
  Tensor last_logits_, history_;
  Detokeniser detokeniser_;
  std::vector<int64_t> ids_;
  std::string text_;
};

}  // namespace pocketlab
