// The stage function: the one place where the agent times anything.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>
#include <vector>

#include "contract.h"
#include "units.h"

namespace pocketlab {

// What a stage is and where it runs.
struct Place {
  Stage stage;
  const ExecutionUnit* unit;  // outlives every span: it belongs to the session
};

struct Span {
  Place place;
  int64_t iteration, index, start_ns, end_ns, cpu_ns, thread, true_count, padded;  // 0, 0: no count
};

// The spans of the iteration in flight. Two units may add at once.
class Spans {
 public:
  Spans() { spans_.reserve(4096); }  // so that hardly any iteration waits for memory

  void add(const Span& span) {
    const std::lock_guard<std::mutex> lock(mutex_);
    spans_.push_back(span);
  }

  const std::vector<Span>& all() const { return spans_; }
  void clear() { spans_.clear(); }

 private:
  std::mutex mutex_;
  std::vector<Span> spans_;
};

// Makes what began at `start_ns` take `factor` times as long, by really computing on the calling thread.
void burn(int64_t start_ns, double factor);

// Runs `work` once and adds its span; a slow-down injected into this stage is part of it. Nothing is added when
// `work` throws. The CPU clock is read outside the two wall-clock readings, so that its system call is not timed.
template <class Work>
void run_stage(Work&& work, Spans& spans, const Place& place, const std::optional<Inject>& inject, int64_t iteration,
               int64_t index, int64_t true_count = 0, int64_t padded = 0) {
  const int64_t cpu = place.unit->cpu_ns();
  const int64_t start = monotonic_ns();
  work();
  if (inject && inject->stage == place.stage) burn(start, inject->slow_down);
  const int64_t end = monotonic_ns();
  const int64_t spent = place.unit->cpu_ns() - cpu;
  spans.add({place, iteration, index, start, end, spent, syscall(SYS_gettid), true_count, padded});
}

}  // namespace pocketlab
