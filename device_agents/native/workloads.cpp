#include "workloads.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <list>
#include <set>

#include "evaluate.h"
#include "failure.h"
#include "language.h"
#include "vision.h"

namespace pocketlab {
namespace {

// Computes a fingerprint again only when the bytes changed: the iterations of one process mostly repeat them.
class FingerprintCache {
 public:
  Fingerprint fingerprint(const Tensor& values, const std::vector<int64_t>& shape) {
    const char* data = values.as<char>();
    if (bytes_.size() != values.bytes() || std::memcmp(bytes_.data(), data, bytes_.size()) != 0) {
      bytes_.assign(data, data + values.bytes());
      found_ = pocketlab::fingerprint(values.as<float>(), shape);
    }
    return found_;
  }

  // Image tokens as the oracle shapes them: one row a token.
  Output features(const Tensor& tokens) {
    return {"features", fingerprint(tokens, {tokens.shape()[0] * tokens.shape()[1], tokens.shape()[2]}), {}};
  }

  Output logits(const Tensor& logits) { return {"logits", fingerprint(logits, {logits.shape()[1]}), {}}; }

 private:
  std::vector<char> bytes_;
  Fingerprint found_;
};

// Opens every graph of the build, each on its unit, then closes them all.
class Load : public Workload {
 public:
  Load(const Package& package, const Units& units, const std::optional<Inject>& inject)
      : package_(package), units_(units), inject_(inject) {}

  void run(Spans& spans, int64_t iteration) override {
    std::list<Session> opened;
    int64_t index = 0;
    each([&](Graph graph, const GraphFile& file, const ExecutionUnit& unit) {
      const auto open = [&] { opened.push_back(open_session(package_.folder, package_.manifest, graph, file, unit)); };
      run_stage(open, spans, {Stage::load, &unit}, inject_, iteration, index++);
    });
    index = 0;
    each([&](Graph, const GraphFile&, const ExecutionUnit& unit) {
      run_stage([&] { opened.pop_front(); }, spans, {Stage::unload, &unit}, inject_, iteration, index++);
    });
  }

 private:
  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& [graph, files] : package_.manifest.graphs) {
      for (const GraphFile& file : files) visit(graph, file, units_.at(graph));
    }
  }

  const Package& package_;
  const Units& units_;
  std::optional<Inject> inject_;
};

// Image to image tokens.
class Encode : public Workload {
 public:
  Encode(const Package& package, const Units& units, const Work& work, const std::optional<Inject>& inject)
      : vision_(package, units, open_input(package, work.input), work.batches, work.pipelined, inject) {}

  void reset() override { vision_.tokens().clear(); }  // so that an iteration that computes nothing shows
  void run(Spans& spans, int64_t iteration) override { vision_.encode(spans, iteration); }
  std::vector<Output> outputs() override { return {cache_.features(vision_.tokens())}; }

 private:
  Vision vision_;
  FingerprintCache cache_;
};

Language language_for(const Package& package, const Units& units, const Work& work, int64_t prompt_tokens,
                      const std::optional<Inject>& inject) {
  const Input source = open_input(package, work.input);
  return {package, units, source, encode_beforehand(package, units, source), prompt_tokens, work.parallel_tokens,
          work.new_tokens, inject};
}

// The first tokens of a prompt through the language model; the image is encoded before, untimed.
class Prefill : public Workload {
 public:
  Prefill(const Package& package, const Units& units, const Work& work, const std::optional<Inject>& inject)
      : language_(language_for(package, units, work, work.prompt_tokens, inject)) {}

  void reset() override { language_.reset(); }
  void run(Spans& spans, int64_t iteration) override { language_.prefill(spans, iteration); }
  std::vector<Output> outputs() override { return {cache_.logits(language_.last_logits())}; }

 private:
  Language language_;
  FingerprintCache cache_;
};

// New tokens after a prompt, with which the cache is filled, untimed, before every iteration.
class Decode : public Workload {
 public:
  Decode(const Package& package, const Units& units, const Work& work, const std::optional<Inject>& inject)
      : new_tokens_(work.new_tokens), language_(language_for(package, units, work, work.context_tokens, inject)) {}

  void reset() override {
    Spans untimed;
    language_.reset();
    language_.prefill(untimed, 0);
  }
  void run(Spans& spans, int64_t iteration) override { language_.decode(spans, iteration, 0, new_tokens_); }
  std::vector<Output> outputs() override { return {{"tokens", {}, language_.trail()}}; }

 private:
  int64_t new_tokens_;
  Language language_;
};

// Throws `bad_job` for what a `generate` may not ask for.
const Work& checked(const Work& work) {
  const auto& delay = work.instruction_delay_s;
  if (work.coupled && delay) {
    throw bad_job("instruction_delay_s needs coupled = false: when coupled, both are given at the start");
  }
  if (delay && !(*delay >= 0 && *delay < 3600)) {
    throw bad_job("instruction_delay_s: wanted 0 to 3600 seconds, found " + std::to_string(*delay));
  }
  if (work.prefill_early && !delay) {
    throw bad_job("prefill_early needs instruction_delay_s: without one nobody waits for the instruction");
  }
  return work;
}

// Image and instruction to streamed text; both are given at the start, or the instruction later.
class Generate : public Workload {
 public:
  Generate(const Package& package, const Units& units, const Work& work, const std::optional<Inject>& inject,
           Meter& meter)
      : work_(checked(work)),
        user_(units.at(Graph::llm)),
        first_(units.at(Graph::patch_embed)),
        source_(open_input(package, work.input)),
        vision_(package, units, source_, work.batches, work.pipelined, inject),
        language_(package, units, source_, vision_.tokens(), source_.prompt_tokens, work.parallel_tokens,
                  work.new_tokens, inject),
        meter_(meter) {
    if (work.prefill_early && !language_.instructed()) {
      throw bad_job("prefill_early needs text after the image, and input " + quote(work.input) + " has none");
    }
  }

  void reset() override {
    vision_.open();
    vision_.tokens().clear();
    language_.reset();
  }

  // Encodes, waits for the instruction, prefills, and streams.
  void run(Spans& spans, int64_t iteration) override {
    note_loaded();
    const int64_t image_given = monotonic_ns();
    vision_.encode(spans, iteration);
    const int64_t encoded = monotonic_ns();
    if (work_.release_vision) {
      run_stage([this] { vision_.release(); }, spans, {Stage::unload, &first_}, {}, iteration, 0);
      loaded_ = true;
    }
    meter_.end("encode");
    const int64_t both_given = prefill(spans, iteration, image_given, encoded);
    meter_.end("prefill");
    language_.decode(spans, iteration, 0, 1);
    const Span visible = spans.all().back();
    spans.add({{Stage::first_token, &user_}, iteration, 0, both_given, visible.end_ns, 0, visible.thread, 0, 0});
    language_.decode(spans, iteration, 1, work_.new_tokens);
    meter_.end("decode");
  }

  std::vector<Output> outputs() override {
    return {features_.features(vision_.tokens()), logits_.logits(language_.last_logits()),
            {"tokens", {}, language_.trail()}};
  }

 private:
  // Ends the meter's phase of loading where something was loaded since the last iteration.
  void note_loaded() {
    if (loaded_) meter_.end("load");
    else meter_.begin();
    loaded_ = false;
  }

  // Prefills, and waits for the user if necessary; returns when image and instruction were both given.
  int64_t prefill(Spans& spans, int64_t iteration, int64_t image_given, int64_t encoded) {
    const auto& delay = work_.instruction_delay_s;
    const int64_t typed = delay ? image_given + static_cast<int64_t>(*delay * 1e9) : encoded;
    const int64_t both_given = work_.coupled ? image_given : typed;
    if (!work_.prefill_early) {
      sleep_until(both_given);
      language_.prefill(spans, iteration);
      return both_given;
    }
    language_.prefill_known(spans, iteration);
    sleep_until(both_given);
    language_.prefill_rest(spans, iteration);
    return both_given;
  }

  static void sleep_until(int64_t moment_ns) {
    for (int64_t left; (left = moment_ns - monotonic_ns()) > 0;) {
      const timespec nap{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
      nanosleep(&nap, nullptr);
    }
  }

  Work work_;
  ExecutionUnit user_, first_;  // the first unit runs what the caller of `encode` runs
  Input source_;
  Vision vision_;
  Language language_;
  Meter& meter_;
  bool loaded_ = true;  // since the last iteration
  FingerprintCache features_, logits_;
};

// Returns the stages that a slow-down may be injected into: those that compute.
std::set<Stage> stages_of(const std::string& kind) {
  const std::set<Stage> vision{Stage::tile, Stage::patch_embed, Stage::vit, Stage::project};
  const std::set<Stage> decode{Stage::embed, Stage::decode, Stage::sample, Stage::detokenise};
  if (kind == "load") return {Stage::load, Stage::unload};
  if (kind == "encode_image") return vision;
  if (kind == "prefill") return {Stage::embed, Stage::prefill};
  if (kind == "decode") return decode;
  if (kind != "generate" && kind != "evaluate") return {};
  std::set<Stage> all{Stage::prefill};
  all.insert(vision.begin(), vision.end());
  all.insert(decode.begin(), decode.end());
  return all;
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

void check_inject(const Job& job) {
  const std::set<Stage> stages = stages_of(job.work.kind);
  if (!job.inject || stages.count(job.inject->stage)) return;
  std::vector<std::string> names;
  for (Stage stage : stages) names.push_back(name(stage));
  throw bad_job("inject: " + job.work.kind + " has no stage " + quote(name(job.inject->stage)) +
                " to slow down; it has " + listed(sorted(names)));
}

}  // namespace

std::unique_ptr<Workload> open_workload(const Job& job, const Package& package, const Units& units, Meter& meter,
                                        const Show& show) {
  check_inject(job);
  std::vector<std::string> missing;
  for (const auto& [graph, files] : package.manifest.graphs) {
    if (!units.count(graph)) missing.push_back(name(graph));
  }
  if (!missing.empty()) throw bad_job("the job's stages give no unit to " + listed(sorted(missing)));
  const std::string& kind = job.work.kind;  // one of the seven that `read_job` accepts
  if (kind == "null") return std::make_unique<Workload>();
  if (kind == "load") return std::make_unique<Load>(package, units, job.inject);
  if (kind == "encode_image") return std::make_unique<Encode>(package, units, job.work, job.inject);
  if (kind == "prefill") return std::make_unique<Prefill>(package, units, job.work, job.inject);
  if (kind == "decode") return std::make_unique<Decode>(package, units, job.work, job.inject);
  if (kind == "evaluate") return open_evaluation(job, package, units, show);
  return std::make_unique<Generate>(package, units, job.work, job.inject, meter);
}

}  // namespace pocketlab
