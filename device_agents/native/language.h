// The language model: it runs a prompt in chunks, then decodes greedily, token by token, on one key-value cache.
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

// The `llm` graph and its cache, bound once for each number of tokens at a time (`shapes`). Each layer's keys and
// values [1, heads, cache, head] are bound both as past and as present: the graph updates them in place.
class Decoder {
 public:
  Decoder(const Package& package, const ExecutionUnit& unit, const std::set<int64_t>& shapes);

  // Empties the cache, so that the next run reads nothing of an earlier one.
  void reset();

  // Runs embeddings [1, tokens, hidden], of which the first `real` count. The cache advances by `real`, so that the
  // next run overwrites what the padding wrote.
  void step(const Tensor& embeddings, int64_t real);

  // Keeps the first `past` positions of the cache: the next run continues there.
  void rewind(int64_t past) { past_ = past; }

  // [1, vocabulary], after the last true token of the last run.
  const Tensor& logits() const { return logits_; }

 private:
  Bound cache_;  // key_0, value_0, ...
  int64_t past_ = 0;
  Tensor logits_, last_position_, total_, position_;
  std::map<int64_t, BoundGraph> bound_;   // by tokens at a time
  std::map<int64_t, const void*> given_;  // the memory bound as its embeddings now
};

// The likeliest token of logits [1, vocabulary], be it the end of sequence, and its lead over the second.
std::pair<int64_t, double> likeliest(const Tensor& logits);

// Turns tokens of the `bytes` tokenizer into text as they come: a character appears with its last byte, and bytes that
// are not UTF-8 become U+FFFD.
class Detokeniser {
 public:
  explicit Detokeniser(int64_t first_byte) : first_byte_(first_byte) {}
  std::string feed(int64_t token);
  void reset() { pending_.clear(); }

 private:
  int64_t first_byte_;
  std::string pending_;  // the bytes of an unfinished character
};

// The language half of a build, loaded and bound for one prompt length, chunk size and number of new tokens.
// `image_tokens` [tiles, tokens per tile, hidden] is read at every prefill, so it may be filled later.
class Language {
 public:
  Language(const Package& package, const Units& units, const Input& source, const std::optional<Tensor>& image_tokens,
           int64_t prompt_tokens, int64_t parallel_tokens, int64_t new_tokens, const std::optional<Inject>& inject);

  // Empties cache, text and tokens; untimed.
  void reset();

  // Embeds the prompt and runs it in chunks: one `embed` span, then one `prefill` span a chunk. Zeros fill the last
  // chunk up.
  void prefill(Spans& spans, int64_t iteration);

  // The two parts of `prefill`: the `known_chunks` whole chunks that need no instruction, and the rest.
  void prefill_known(Spans& spans, int64_t iteration);
  void prefill_rest(Spans& spans, int64_t iteration);
  int64_t known_chunks() const { return known_ / chunk_; }
  bool instructed() const { return 0 < known_ && known_ < true_; }  // does text follow the prompt's last image?

  // Makes tokens `first` to `last` - 1 visible. Token 0 is sampled from the prefill's logits (`sample`, `detokenise`);
  // each later one adds the spans `embed`, `decode`, `sample` and `detokenise`, whose index is the token's number.
  void decode(Spans& spans, int64_t iteration, int64_t first, int64_t last);

  TokenTrail trail() const;
  const Tensor& last_logits() const { return last_logits_; }  // [1, vocabulary], after the last prompt token

 private:
  void lay_out(const Session& embed, const Input& source, const std::optional<Tensor>& image_tokens);
  void prefill_part(Spans& spans, int64_t iteration, std::pair<int64_t, int64_t> rows,
                    std::pair<int64_t, int64_t> chunks);
  void embed_rows(int64_t first, int64_t last) const;
  void sample(int64_t index);

  ExecutionUnit embed_unit_, llm_unit_;
  std::optional<Inject> inject_;
  int64_t true_, chunk_, vocabulary_, known_ = 0;  // known: where the prompt's last image ends
  Decoder decoder_;
  Tensor prompt_;
  std::vector<Tensor> chunks_;
  std::vector<std::pair<int64_t, BoundGraph>> texts_;  // by their first row of the prompt
  std::vector<std::pair<Tensor, Tensor>> images_;      // image tokens -> rows of the prompt
  Tensor token_, next_;
  BoundGraph embed_;
  Tensor last_logits_, history_;
  Detokeniser detokeniser_;
  std::vector<int64_t> ids_;
  std::string text_;
};

}  // namespace pocketlab
