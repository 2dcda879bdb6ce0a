// The events file: spans are buffered while an iteration runs and written when it is over.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "contract.h"
#include "failure.h"
#include "language.h"
#include "stage.h"

namespace pocketlab {

// What an iteration produced: a fingerprint of features or logits, or token ids.
struct Output {
  const char* kind;
  std::optional<Fingerprint> fingerprint;
  std::optional<TokenTrail> tokens;
};

struct Iteration {
  int64_t iteration, start_ns, duration_ns;
  bool warmup;
};

struct Memory {
  int64_t resident_bytes, peak_bytes;
};

// The events file cannot be written; only stderr is left.
struct Unwritable : std::runtime_error {
  explicit Unwritable(int code);
  int code;
};

// Writes events, one JSON object a line, and counts them for `end`. Nothing is written between two calls of the
// methods below, so the file system is never touched inside an iteration. Each method writes its lines at once;
// `Unwritable` (a full disk, say) goes to the caller.
class Recorder {
 public:
  explicit Recorder(const char* path);  // creates or empties the file
  ~Recorder();
  Recorder(const Recorder&) = delete;

  Spans spans;  // what `run_stage` adds to

  void hello(const std::optional<Job>& job);
  void iteration(const Iteration& iteration, const std::vector<Output>& outputs, const std::optional<Memory>& memory);
  void error(const Failure& failure);
  void end(const std::optional<Inject>& inject);

 private:
  void write(const std::vector<Json>& events) const;
  int file_;
  int64_t spans_ = 0, iterations_ = 0, outputs_ = 0;
};

}  // namespace pocketlab
