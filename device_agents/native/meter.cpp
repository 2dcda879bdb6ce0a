#include "meter.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

namespace pocketlab {
namespace {

// Returns the bytes resident now and at the kernel's peak (a kB in that file is 1024 bytes).
std::pair<int64_t, int64_t> resident() {
  std::ifstream status("/proc/self/status");
  int64_t now = 0, peak = 0;
  for (std::string key; status >> key;) {
    int64_t* const value = key == "VmRSS:" ? &now : key == "VmHWM:" ? &peak : nullptr;
    if (value != nullptr && status >> *value) *value *= 1024;
    std::string rest;
    std::getline(status, rest);
  }
  return {now, peak};
}

// Has the kernel begin a new peak; returns false where it does not permit that.
bool reset_peak() {
  const int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool done = write(file, "5", 1) == 1;
  close(file);
  return done;
}

}  // namespace

void Meter::begin() {
  if (!on_) return;
  peak_ = std::max(peak_, resident().second);
  resets_ = reset_peak();
}

void Meter::end(const char* phase) {
  if (!on_) return;
  const auto [now, peak] = resident();
  phases_.push_back({phase, now, resets_ ? peak : now, !resets_});
  begin();
}

std::vector<Memory> Meter::taken() {
  if (!on_) return {};
  std::vector<Memory> found = std::exchange(phases_, {});
  const auto [now, peak] = resident();
  peak_ = std::max(peak_, peak);
  found.push_back({nullptr, now, peak_, false});
  return found;
}

void give_back() {
#if defined(__ANDROID__)
  mallopt(M_PURGE, 0);
#else
  malloc_trim(0);
#endif
}

}  // namespace pocketlab
