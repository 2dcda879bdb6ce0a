// Execution units: named sets of cores, and how a thread is put on one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "contract.h"

namespace pocketlab {

// A set of cores that does one thing at a time; `label` is what spans call it, e.g. cpu0-1.
class ExecutionUnit {
 public:
  explicit ExecutionUnit(std::vector<int64_t> cores);

  const std::vector<int64_t>& cores() const { return cores_; }
  const std::string& label() const { return label_; }
  bool operator==(const ExecutionUnit& other) const { return cores_ == other.cores_; }
  bool operator!=(const ExecutionUnit& other) const { return !(*this == other); }

  // Puts the calling thread on the unit's first core; the runtime's own threads take the others.
  void pin() const;

  // CPU time so far in ns: the calling thread's on a one-core unit, the process's otherwise.
  int64_t cpu_ns() const;

 private:
  std::vector<int64_t> cores_;
  std::string label_;
};

using Units = std::map<Graph, ExecutionUnit>;  // which unit runs which graph

// Throws `unit_unavailable` for a core that this process may not use, and `bad_job` for a core named twice in one
// unit or a graph whose unit the job does not have.
Units open_units(const Job& job);

int64_t monotonic_ns();
int64_t clock_ns(int clock);

}  // namespace pocketlab
