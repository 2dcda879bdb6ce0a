// Resident memory: of the process so far, and of each phase of the work, in the memory pass alone.
#pragma once

#include <cstdint>
#include <vector>

namespace pocketlab {

// `during` is a phase, or null: the process so far. `sampled`: the kernel did not reset its peak, so that `peak_bytes`
// is the resident set at the phase's end.
struct Memory {
  const char* during;
  int64_t resident_bytes, peak_bytes;
  bool sampled;
};

// Reads the process's memory at the end of each phase; one that is not `on` does nothing. A phase begins where the one
// before it ended, the first with the meter. The kernel keeps the peak and resets it when asked (`5` written to
// /proc/self/clear_refs, proc(5)), so that the peak of a phase is exact.
class Meter {
 public:
  explicit Meter(bool on) : on_(on) { begin(); }
  void begin();                 // begins a phase: forgets the peak until now
  void end(const char* phase);  // ends a phase, and begins the next
  std::vector<Memory> taken();  // the phases since the last call, then the process so far; empty unless on

 private:
  bool on_, resets_ = false;
  int64_t peak_ = 0;
  std::vector<Memory> phases_;
};

// Returns freed memory to the kernel, which the C library otherwise keeps for later (malloc_trim(3)).
void give_back();

}  // namespace pocketlab
