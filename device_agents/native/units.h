// Execution units: sets of cores, and how to pin a thread to one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "contract.h"

namespace pocketlab {

// A set of cores that does one thing at a time; `label` is its name in spans, e.g. cpu0-1.
class ExecutionUnit {
 public:
  explicit ExecutionUnit(std::vector<int64_t> cores);

  const std::vector<int64_t>& cores() const { return cores_; }
  const std::string& label() const { return label_; }
  bool operator==(const ExecutionUnit& other) const { return cores_ == other.cores_; }
  bool operator!=(const ExecutionUnit& other) const { return !(*this == other); }

  // Pins the calling thread to the unit's first core; the runtime's own threads take the others.
  void pin() const;

  // Returns the CPU time used so far: the calling thread's on a one-core unit, the process's otherwise.
  int64_t cpu_ns() const;

 private:
  std::vector<int64_t> cores_;
  std::string label_;
};

using Units = std::map<Graph, ExecutionUnit>;  // the unit that runs each graph

// Throws `unit_unavailable` for a core that this process may not use, and `bad_job` for a core that one unit names
// twice or a graph whose unit the job does not define.
Units open_units(const Job& job);

int64_t monotonic_ns();
int64_t clock_ns(int clock);

}  // namespace pocketlab
