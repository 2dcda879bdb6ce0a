#include "stage.h"

namespace pocketlab {

void burn(int64_t start_ns, double factor) {
  const int64_t until = start_ns + static_cast<int64_t>(static_cast<double>(monotonic_ns() - start_ns) * factor);
  volatile uint64_t seen = 1;
  while (monotonic_ns() < until) {
    for (int i = 0; i < 1024; ++i) seen = (seen ^ (seen >> 31)) * 0x94D049BB133111EBu + 1;
  }
}

}  // namespace pocketlab
