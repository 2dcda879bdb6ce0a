// The agent's one exception: why it gives up a job, as one of the contract's error classes.
#pragma once

#include <stdexcept>
#include <string>

namespace pocketlab {

// PROTOCOL.md, Errors. Not here: `no_work` and `timeout`, which this runtime never causes.
enum class ErrorClass { load, oom, unit_unavailable, bad_job, version, disk_full, crash };

const char* name(ErrorClass error);

struct Failure : std::runtime_error {
  Failure(ErrorClass error, const std::string& words) : std::runtime_error(words), error(error) {}
  ErrorClass error;
};

inline Failure bad_job(const std::string& words) { return {ErrorClass::bad_job, words}; }

// Turns the exception being handled into a `Failure`; an unforeseen one becomes a `crash` that names it.
Failure current_failure();

// Returns whether a runtime's message says that memory ran out.
bool allocation_failed(const std::string& words);

}  // namespace pocketlab
