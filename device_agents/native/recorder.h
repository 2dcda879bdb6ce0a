// The events file. Spans are buffered while an iteration runs, and written after it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "contract.h"
#include "failure.h"
#include "language.h"
#include "meter.h"
#include "stage.h"

namespace pocketlab {

// An iteration's result: a fingerprint of features or logits, token ids, or (kind `answer`) the answer to a question,
// which has tokens or a problem.
struct Output {
  const char* kind;
  std::optional<Fingerprint> fingerprint;
  std::optional<TokenTrail> tokens;
  std::string question = {}, problem = {};
};

// A token of a streamed answer.
struct Piece {
  int64_t iteration, index, id;
};

struct Iteration {
  int64_t iteration, start_ns, duration_ns;
  bool warmup;
};

// Thrown when the events file cannot be written; only stderr is left for the reason.
struct Unwritable : std::runtime_error {
  explicit Unwritable(int code);
  int code;
};

// Writes events, one JSON object a line, and counts them for `end`. Each method writes its lines at once and throws
// `Unwritable` if it cannot (a full disk, say). Nothing is written between calls.
class Recorder {
 public:
  explicit Recorder(const char* path);  // creates or empties the file
  ~Recorder();
  Recorder(const Recorder&) = delete;

  Spans spans;  // of the iteration in progress; `run_stage` adds to them

  void hello(const std::optional<Job>& job);
  void iteration(const Iteration& iteration, const std::vector<Output>& outputs, const std::vector<Memory>& memory);
  void piece(const Piece& piece);  // the one line that an iteration writes
  void error(const Failure& failure);
  void end(const std::optional<Inject>& inject);

 private:
  void write(const std::vector<Json>& events) const;
  int file_;
  int64_t spans_ = 0, iterations_ = 0, outputs_ = 0;
};

}  // namespace pocketlab
