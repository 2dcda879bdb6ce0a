// `run_stage`: the one place where the agent times anything.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>
#include <vector>

#include "contract.h"
#include "units.h"

namespace pocketlab {

// A stage and the unit that runs it.
struct Place {
  Stage stage;
  const ExecutionUnit* unit;  // outlives every span
};

struct Span {
  Place place;
  int64_t iteration, index, start_ns, end_ns, cpu_ns, thread;
  int64_t true_count, padded;  // 0, 0: no count
};

// The spans of the iteration in progress. Two units may add at the same time.
class Spans {
 public:
  Spans() { spans_.reserve(4096); }  // few iterations need more, so that few wait for memory

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

// Computes on the calling thread until the work that began at `start_ns` has taken `factor` times as long.
void burn(int64_t start_ns, double factor);

// Runs `work` once and adds its span, which includes a slow-down injected into this stage. Adds nothing if `work`
// throws. The CPU clock is read outside the two wall-clock readings, so that its system call is not timed.
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
