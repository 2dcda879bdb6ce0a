#include "units.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>

#include "failure.h"

namespace pocketlab {
namespace {

// Returns e.g. cpu0,2-3.
std::string label_of(const std::vector<int64_t>& sorted) {
  std::string ranges;
  for (size_t i = 0; i < sorted.size();) {
    size_t end = i;
    while (end + 1 < sorted.size() && sorted[end + 1] == sorted[end] + 1) ++end;
    ranges += (ranges.empty() ? "" : ",") + std::to_string(sorted[i]);
    if (end > i) ranges += "-" + std::to_string(sorted[end]);
    i = end + 1;
  }
  return "cpu" + ranges;
}

std::vector<int64_t> allowed_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) throw std::system_error(errno, std::generic_category(), "cores");
  std::vector<int64_t> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

}  // namespace

ExecutionUnit::ExecutionUnit(std::vector<int64_t> cores) : cores_(std::move(cores)) {
  std::sort(cores_.begin(), cores_.end());
  label_ = label_of(cores_);
}

void ExecutionUnit::pin() const {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<int>(cores_[0]), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::system_error(errno, std::generic_category(), "core " + std::to_string(cores_[0]));
  }
}

int64_t ExecutionUnit::cpu_ns() const {
  return clock_ns(cores_.size() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID);
}

Units open_units(const Job& job) {
  const std::vector<int64_t> allowed = allowed_cores();
  std::map<std::string, ExecutionUnit> opened;
  std::vector<std::string> names;
  for (const auto& [name, cores] : job.units) {
    const std::set<int64_t> distinct(cores.begin(), cores.end());
    std::vector<int64_t> missing;
    std::set_difference(distinct.begin(), distinct.end(), allowed.begin(), allowed.end(), std::back_inserter(missing));
    if (!missing.empty()) {
      throw Failure(ErrorClass::unit_unavailable, "unit " + quote(name) + " wants cores " + listed(missing) +
                                                      "; this process may use " + listed(allowed) +
                                                      ": name cores that exist in the job's units");
    }
    if (distinct.size() != cores.size()) throw bad_job("unit " + quote(name) + " names a core twice: " + listed(cores));
    opened.emplace(name, ExecutionUnit(cores));
    names.push_back(name);
  }
  Units units;
  std::vector<std::string> unknown;
  for (const auto& [graph, name] : job.stages) {
    const auto found = opened.find(name);
    if (found == opened.end()) {
      unknown.push_back(std::string(pocketlab::name(graph)) + ": " + name);
    } else {
      units.emplace(graph, found->second);
    }
  }
  if (!unknown.empty()) {
    std::sort(names.begin(), names.end());
    throw bad_job("stages name units that the job does not have: " + listed(unknown) + "; it has " + listed(names));
  }
  return units;
}

int64_t clock_ns(int clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int64_t monotonic_ns() { return clock_ns(CLOCK_MONOTONIC); }

}  // namespace pocketlab
