#include "recorder.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "ort.h"

namespace pocketlab {
namespace {

constexpr const char* AGENT_VERSION = "0.1.0";

#if defined(__ANDROID__)
#define SYSTEM "linux-android"
#else
#define SYSTEM "linux-gnu"
#endif
#if defined(__aarch64__)
constexpr const char* ABI = "aarch64-" SYSTEM;
#elif defined(__x86_64__)
constexpr const char* ABI = "x86_64-" SYSTEM;
#else
#error "this agent is built for x86_64 and aarch64"
#endif

// The /proc/cpuinfo flags that choose kernels in ONNX Runtime's CPU provider (x86 `flags`, Arm `Features`).
const std::set<std::string> CPU_FEATURES = {
    "avx", "avx2", "f16c", "fma", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16",
    "avx_vnni", "amx_tile", "amx_int8",
    "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "svei8mm", "sme", "sme2"};

// Returns those of `CPU_FEATURES` that every core has, sorted.
std::vector<std::string> cpu_features() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::optional<std::set<std::string>> common;
  for (std::string line; std::getline(cpuinfo, line);) {
    std::istringstream words(line);  // flags : fpu vme ...
    std::string key, colon;
    words >> key >> colon;
    if ((key != "flags" && key != "Features") || colon != ":") continue;
    std::set<std::string> here;
    for (std::string word; words >> word;) {
      if (CPU_FEATURES.count(word) && (!common || common->count(word))) here.insert(word);
    }
    common = std::move(here);
  }
  return common ? std::vector<std::string>(common->begin(), common->end()) : std::vector<std::string>{};
}

Json real(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

template <class Values>
Json reals(const Values& values) {
  Json list = Json::array();
  for (double value : values) list.push_back(real(value));
  return list;
}

Json json_of(const Span& span) {
  Json json{{"event", "span"}, {"stage", name(span.place.stage)}, {"iteration", span.iteration}, {"index", span.index},
            {"parent", nullptr}, {"start_ns", span.start_ns}, {"duration_ns", span.end_ns - span.start_ns},
            {"role", role(span.place.stage)},
            {"unit", span.place.stage == Stage::first_token ? "user" : span.place.unit->label()},
            {"thread", span.thread}, {"cpu_ns", span.cpu_ns}};
  json["count"] = span.padded ? Json{{"true", span.true_count}, {"padded", span.padded}} : Json(nullptr);
  json["source"] = "measured";
  return json;
}

Json json_of(const TokenTrail& trail) { return {{"ids", trail.ids}, {"margins", reals(trail.margins)}}; }

bool is_answer(const Output& output) { return std::strcmp(output.kind, "answer") == 0; }

Json json_of(const Output& output, int64_t iteration) {
  if (is_answer(output)) {
    Json json{{"event", "answer"}, {"iteration", iteration}, {"question", output.question}};
    json["tokens"] = nullptr;
    json["problem"] = nullptr;
    if (output.tokens) json["tokens"] = json_of(*output.tokens);
    if (!output.tokens) json["problem"] = output.problem;
    return json;
  }
  Json json{{"event", "output"}, {"kind", output.kind}, {"iteration", iteration}};
  json["fingerprint"] = nullptr;
  json["tokens"] = nullptr;
  if (output.fingerprint) {
    json["fingerprint"] = {{"shape", output.fingerprint->shape}, {"norm", real(output.fingerprint->norm)},
                           {"projections", reals(output.fingerprint->projections)}};
  }
  if (output.tokens) json["tokens"] = json_of(*output.tokens);
  return json;
}

}  // namespace

Unwritable::Unwritable(int code) : std::runtime_error(std::strerror(code)), code(code) {}

Recorder::Recorder(const char* path) : file_(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (file_ < 0) throw Unwritable(errno);
}

Recorder::~Recorder() { close(file_); }

void Recorder::hello(const std::optional<Job>& job) {
  Json units = Json::object();
  if (job) {
    for (const auto& [unit, cores] : job->units) units[unit] = cores;
  }
  const std::vector<std::string> features = cpu_features();
  const int64_t monotonic = monotonic_ns(), boot = clock_ns(CLOCK_BOOTTIME), now = clock_ns(CLOCK_REALTIME);
  write({Json{{"event", "hello"}, {"protocol", PROTOCOL}, {"agent", "native"}, {"agent_version", AGENT_VERSION},
              {"runtime", "onnxruntime"}, {"runtime_version", runtime_version()}, {"abi", ABI},
              {"cpu_features", features}, {"units", units}, {"pid", getpid()}, {"monotonic_ns", monotonic},
              {"boot_ns", boot}, {"real_ns", now}}});
}

void Recorder::iteration(const Iteration& iteration, const std::vector<Output>& outputs,
                         const std::vector<Memory>& memory) {
  std::vector<Json> events;
  for (const Span& span : spans.all()) events.push_back(json_of(span));
  spans_ += static_cast<int64_t>(events.size());
  spans.clear();
  events.push_back({{"event", "iteration"}, {"iteration", iteration.iteration},
                    {"phase", iteration.warmup ? "warmup" : "measure"}, {"start_ns", iteration.start_ns},
                    {"duration_ns", iteration.duration_ns}});
  for (const Output& output : outputs) events.push_back(json_of(output, iteration.iteration));
  for (const Memory& each : memory) {
    events.push_back({{"event", "memory"}, {"iteration", iteration.iteration},
                      {"resident_bytes", each.resident_bytes}, {"peak_bytes", each.peak_bytes},
                      {"during", each.during == nullptr ? Json(nullptr) : Json(each.during)},
                      {"sampled", each.sampled}});
  }
  write(events);
  iterations_ += 1;
  for (const Output& output : outputs) outputs_ += is_answer(output) ? 0 : 1;
}

void Recorder::piece(const Piece& piece) {
  write({Json{{"event", "piece"}, {"iteration", piece.iteration}, {"index", piece.index}, {"id", piece.id}}});
}

void Recorder::error(const Failure& failure) {
  spans.clear();  // of the unfinished iteration
  write({Json{{"event", "error"}, {"error", name(failure.error)}, {"message", failure.what()}}});
}

void Recorder::end(const std::optional<Inject>& inject) {
  Json json{{"event", "end"}, {"spans", spans_}, {"iterations", iterations_}, {"outputs", outputs_}};
  json["inject"] = nullptr;
  if (inject) json["inject"] = {{"stage", name(inject->stage)}, {"slow_down", inject->slow_down}};
  write({json});
}

void Recorder::write(const std::vector<Json>& events) const {
  std::string lines;
  for (const Json& event : events) lines += event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  for (size_t written = 0; written < lines.size();) {
    const ssize_t now = ::write(file_, lines.data() + written, lines.size() - written);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) throw Unwritable(now < 0 ? errno : EIO);
    written += static_cast<size_t>(now);
  }
}

}  // namespace pocketlab
