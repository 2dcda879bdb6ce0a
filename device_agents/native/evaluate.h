// The workload `evaluate`: a question set is answered in order, an iteration a question.
#pragma once

#include <memory>

#include "workloads.h"

namespace pocketlab {

// Throws `bad_job` unless the job has an iteration for each question, and no warm-up. `package` and `units` must
// outlive the workload.
std::unique_ptr<Workload> open_evaluation(const Job& job, const Package& package, const Units& units,
                                          const Show& show);

}  // namespace pocketlab
