// The workloads: what one iteration of each does, and its outputs.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "contract.h"
#include "meter.h"
#include "package.h"
#include "recorder.h"
#include "stage.h"
#include "units.h"

namespace pocketlab {

// Opened once; then, for each iteration: `reset`, `run`, `outputs`.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual void reset() {}                       // makes the next run start from nothing; untimed
  virtual void run(Spans&, int64_t) {}          // does the work once; its wall time is the iteration's
  virtual std::vector<Output> outputs() { return {}; }  // of the last run; untimed
};

using Show = std::function<void(const Piece&)>;  // what to do with a token of a streamed answer

// Opens the job's workload; throws `bad_job` for what this agent cannot do. `package`, `units` and `meter` must outlive
// it.
std::unique_ptr<Workload> open_workload(const Job& job, const Package& package, const Units& units, Meter& meter,
                                        const Show& show);

}  // namespace pocketlab
