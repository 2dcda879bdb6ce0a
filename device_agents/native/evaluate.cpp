#include "evaluate.h"

#include <algorithm>
#include <set>

#include "failure.h"
#include "language.h"
#include "vision.h"

namespace pocketlab {
namespace {

constexpr int64_t IMAGE = -1;  // stands for every token of the image where two prompts are compared

// Cuts an image into full batches; the rest runs at the smallest shape of the build that holds it.
std::vector<Batch> batches_of(const Manifest& manifest, int64_t tiles, int64_t per_batch) {
  std::vector<Batch> cut(static_cast<size_t>(tiles / per_batch), {per_batch, per_batch});
  const int64_t rest = tiles % per_batch;
  if (rest == 0) return cut;
  std::set<int64_t> offered;
  if (const auto* files = manifest.files_of(Graph::vit)) {
    for (const GraphFile& file : *files) {
      for (const auto& shape : file.shapes) offered.insert(shape.at("batch"));
    }
  }
  const auto holds = offered.lower_bound(rest);
  cut.push_back({rest, holds == offered.end() ? rest : *holds});
  return cut;
}

// The image of the question at hand, encoded once for all that share it.
class Images {
 public:
  Images(const Package& package, const Units& units, const Job& job, const std::vector<Input>& questions)
      : package_(package), units_(units), job_(job) {
    std::set<int64_t> sizes;
    for (const Input& question : questions) {
      for (const Batch& batch : cut(question)) sizes.insert(batch.padded);
    }
    if (!sizes.empty()) graphs_.emplace(package, units, sizes);
  }

  // Reads and binds a question's image unless it is at hand; returns whether it is another one.
  bool prepare(const Input& question) {
    if (bound_ && question.image == image_ && question.placement == placement_) return false;
    vision_.reset();
    bound_ = false;
    if (question.placement) {
      vision_ = std::make_unique<Vision>(package_, units_, question, cut(question), job_.work.pipelined, job_.inject,
                                         &*graphs_);
    }
    image_ = question.image;
    placement_ = question.placement;
    bound_ = true;
    encoded_ = false;
    return true;
  }

  void encode(Spans& spans, int64_t iteration) {
    if (vision_ && !encoded_) vision_->encode(spans, iteration);
    encoded_ = true;
  }

  const Tensor* tokens() const { return vision_ ? &vision_->tokens() : nullptr; }

 private:
  std::vector<Batch> cut(const Input& question) const {
    if (!question.placement) return {};
    return batches_of(package_.manifest, static_cast<int64_t>(question.placement->order.size()),
                      job_.work.patches_per_batch);
  }

  const Package& package_;
  const Units& units_;
  const Job& job_;
  std::optional<VisionGraphs> graphs_;
  std::unique_ptr<Vision> vision_;
  std::optional<Image> image_;
  std::optional<Placement> placement_;
  bool bound_ = false, encoded_ = false;
};

// Returns a prompt as one list of ids, with IMAGE for every token of the image; throws `bad_job` if it cannot be asked.
std::vector<int64_t> flat(const Input& question, int64_t image_tokens, const Manifest& manifest, const Work& work) {
  const Dimensions& sizes = manifest.dimensions;
  const std::string name = "question " + quote(question.name);
  std::vector<int64_t> prompt;
  for (const auto& ids : question.segments) {
    if (!ids && image_tokens == 0) throw bad_job(name + " has an image segment and no image");
    if (ids) prompt.insert(prompt.end(), ids->begin(), ids->end());
    if (!ids) prompt.insert(prompt.end(), static_cast<size_t>(image_tokens), IMAGE);
  }
  const auto count = static_cast<int64_t>(prompt.size());
  if (count != question.prompt_tokens) {
    throw bad_job(name + ": its segments make " + std::to_string(count) + " tokens, it says " +
                  std::to_string(question.prompt_tokens));
  }
  for (int64_t token : prompt) {
    if (token < sizes.vocabulary) continue;
    throw bad_job(name + ": token " + std::to_string(token) + ", the build has " + std::to_string(sizes.vocabulary));
  }
  const int64_t chunk = work.parallel_tokens;
  const int64_t needed = std::max((count + chunk - 1) / chunk * chunk, count + work.most_tokens - 1);
  if (needed > sizes.cache_tokens) {
    throw bad_job(name + ": a prompt of " + std::to_string(count) + " tokens in chunks of " + std::to_string(chunk) +
                  " and an answer of at most " + std::to_string(work.most_tokens) + " need " + std::to_string(needed) +
                  " positions; the cache holds " + std::to_string(sizes.cache_tokens) +
                  ": shorten the question, or use a build with a longer cache");
  }
  return prompt;
}

// The language model, its cache, and the prompt of the question at hand.
class Prompts {
 public:
  Prompts(const Package& package, const Units& units, const Job& job)
      : manifest_(package.manifest),
        work_(job.work),
        inject_(job.inject),
        embed_unit_(units.at(Graph::embed)),
        llm_unit_(units.at(Graph::llm)),
        chunk_(job.work.parallel_tokens),
        decoder_(package, llm_unit_, {chunk_, 1}),
        detokeniser_(package.manifest.first_byte) {
    const int64_t hidden = manifest_.dimensions.hidden, chunks = manifest_.dimensions.cache_tokens / chunk_;
    const GraphFile& file = graph_file(manifest_, Graph::embed, {});
    session_ = open_session(package.folder, manifest_, Graph::embed, file, embed_unit_);
    rows_ = Tensor::zeros({chunks * chunk_, hidden});
    token_ = Tensor::zeros({1}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
    const Tensor one = Tensor::zeros({1, hidden});
    embed_ = BoundGraph(session_, {{"ids", token_}}, {{"embeddings", one}});
    next_ = one.reshaped({1, 1, hidden});
  }

  // Lays out a question's prompt, and finds how much of it the cache holds.
  void prepare(const Input& question, const Tensor* image, bool new_image) {
    const std::vector<int64_t> held = new_image ? std::vector<int64_t>() : std::move(held_);
    held_.clear();
    trail_ = {};
    detokeniser_.reset();
    const int64_t image_tokens = image == nullptr ? 0 : image->shape()[0] * image->shape()[1];
    prompt_ = flat(question, image_tokens, manifest_, work_);
    const size_t most = std::min(held.size(), prompt_.size() - 1);
    size_t same = 0;
    while (same < most && held[same] == prompt_[same]) ++same;
    start_ = static_cast<int64_t>(same) / chunk_ * chunk_;
    lay_out(question, image);
  }

  // Embeds and runs the chunks that the cache does not hold.
  void prefill(Spans& spans, int64_t iteration) {
    const auto count = static_cast<int64_t>(prompt_.size());
    const int64_t text = count - start_ - std::count(prompt_.begin() + start_, prompt_.end(), IMAGE);
    const auto embed_prompt = [this] {
      for (const BoundGraph& each : texts_) each.run();
      for (const auto& [tokens, rows] : images_) rows.copy_from(tokens);
    };
    embed_unit_.pin();
    run_stage(embed_prompt, spans, {Stage::embed, &embed_unit_}, inject_, iteration, 0, text, text);
    llm_unit_.pin();
    decoder_.rewind(start_);
    int64_t index = 0;
    for (int64_t start = start_; start < count; start += chunk_) {
      const int64_t real = std::min(chunk_, count - start);
      const Tensor chunk = rows_.rows(start, chunk_).reshaped({1, chunk_, manifest_.dimensions.hidden});
      run_stage([&] { decoder_.step(chunk, real); }, spans, {Stage::prefill, &llm_unit_}, inject_, iteration, index++,
                real, chunk_);
    }
    held_ = prompt_;
  }

  // Makes the next token visible and returns it.
  int64_t next(Spans& spans, int64_t iteration, int64_t index) {
    const auto run = [&](auto&& work, Stage stage, const ExecutionUnit& unit) {
      run_stage(work, spans, {stage, &unit}, inject_, iteration, index, 1, 1);
    };
    if (index > 0) {
      embed_unit_.pin();
      run([this] { embed_.run(); }, Stage::embed, embed_unit_);
      llm_unit_.pin();
      run([this] { decoder_.step(next_, 1); }, Stage::decode, llm_unit_);
    }
    run([this] { sample(); }, Stage::sample, llm_unit_);
    run([this] { detokeniser_.feed(trail_.ids.back()); }, Stage::detokenise, llm_unit_);
    return trail_.ids.back();
  }

  const TokenTrail& trail() const { return trail_; }

 private:
  void sample() {
    const auto [token, margin] = likeliest(decoder_.logits());
    *token_.as<int64_t>() = token;
    trail_.ids.push_back(token);
    trail_.margins.push_back(margin);
  }

  // Binds what fills the prompt's rows from `start_` on; rows behind the prompt become zero.
  void lay_out(const Input& question, const Tensor* image) {
    texts_.clear();
    images_.clear();
    int64_t row = 0;
    for (const auto& ids : question.segments) {
      const int64_t all = ids ? static_cast<int64_t>(ids->size()) : image->shape()[0] * image->shape()[1];
      const int64_t skip = std::min(all, std::max<int64_t>(0, start_ - row)), count = all - skip;
      if (count > 0) {
        const Tensor rows = rows_.rows(row + skip, count);
        if (ids) {
          const Tensor given = Tensor::whole_numbers({ids->begin() + skip, ids->end()});
          texts_.push_back(BoundGraph(session_, {{"ids", given}}, {{"embeddings", rows}}));
        } else {
          images_.emplace_back(image->reshaped({all, manifest_.dimensions.hidden}).rows(skip, count), rows);
        }
      }
      row += all;
    }
    const int64_t padded = (row + chunk_ - 1) / chunk_ * chunk_;
    if (padded > row) rows_.rows(row, padded - row).clear();
  }

  const Manifest& manifest_;
  Work work_;
  std::optional<Inject> inject_;
  ExecutionUnit embed_unit_, llm_unit_;
  int64_t chunk_, start_ = 0;
  Decoder decoder_;
  Session session_;
  Tensor rows_, token_, next_;
  BoundGraph embed_;
  std::vector<int64_t> held_, prompt_;  // held: the prompt whose keys and values the cache holds
  std::vector<BoundGraph> texts_;
  std::vector<std::pair<Tensor, Tensor>> images_;  // image tokens -> rows of the prompt
  Detokeniser detokeniser_;
  TokenTrail trail_;
};

class Evaluate : public Workload {
 public:
  Evaluate(const Job& job, const Package& package, const Units& units, const Show& show)
      : work_(job.work),
        questions_(open_questions(package, job.work).questions),
        user_(units.at(Graph::llm)),
        images_((check_iterations(job), package), units, job, questions_),
        prompts_(package, units, job),
        show_(show),
        end_(package.manifest.end) {}

  // Gets the next question ready: checks it, and reads its image unless it is the last one's.
  void reset() override {
    const Input& question = questions_.at(static_cast<size_t>(++at_));
    problem_.clear();
    try {
      const bool new_image = images_.prepare(question);
      prompts_.prepare(question, images_.tokens(), new_image);
    } catch (const Failure& failure) {
      if (failure.error != ErrorClass::bad_job) throw;
      problem_ = failure.what();
    }
  }

  void run(Spans& spans, int64_t iteration) override {
    if (!problem_.empty()) return;
    const int64_t asked = monotonic_ns();
    images_.encode(spans, iteration);
    prompts_.prefill(spans, iteration);
    for (int64_t index = 0; index < work_.most_tokens; ++index) {
      const int64_t token = prompts_.next(spans, iteration, index);
      if (index == 0) {
        const Span visible = spans.all().back();
        spans.add({{Stage::first_token, &user_}, iteration, 0, asked, visible.end_ns, 0, visible.thread, 0, 0});
      }
      if (work_.stream) show_({iteration, index, token});
      if (token == end_) break;
    }
  }

  std::vector<Output> outputs() override {
    const std::string& name = questions_.at(static_cast<size_t>(at_)).name;
    if (!problem_.empty()) return {{"answer", {}, {}, name, problem_}};
    return {{"answer", {}, prompts_.trail(), name, {}}};
  }

 private:
  void check_iterations(const Job& job) const {
    if (job.warmup_iterations == 0 && job.iterations == static_cast<int64_t>(questions_.size())) return;
    throw bad_job("wanted an iteration for each of " + std::to_string(questions_.size()) +
                  " questions and no warm-up, found " + std::to_string(job.iterations) + " and " +
                  std::to_string(job.warmup_iterations));
  }

  Work work_;
  std::vector<Input> questions_;
  ExecutionUnit user_;
  Images images_;
  Prompts prompts_;
  Show show_;
  int64_t end_, at_ = -1;
  std::string problem_;
};

}  // namespace

std::unique_ptr<Workload> open_evaluation(const Job& job, const Package& package, const Units& units,
                                          const Show& show) {
  return std::make_unique<Evaluate>(job, package, units, show);
}

}  // namespace pocketlab
