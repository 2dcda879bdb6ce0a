// The one exception of the agent: a job it gives up, with the contract's class for the reason.
#pragma once

#include <stdexcept>
#include <string>

namespace pocketlab {

// PROTOCOL.md, Errors; `no_work` and `timeout` are for runtimes that may do or wait for nothing: not this one.
enum class ErrorClass { load, oom, unit_unavailable, bad_job, version, disk_full, crash };

const char* name(ErrorClass error);

struct Failure : std::runtime_error {
  Failure(ErrorClass error, const std::string& words) : std::runtime_error(words), error(error) {}
  ErrorClass error;
};

inline Failure bad_job(const std::string& words) { return {ErrorClass::bad_job, words}; }

// Gives the exception being handled its class; what nobody foresaw is a `crash` that names it.
Failure current_failure();

// True when the text is a runtime's way of saying that memory could not be had.
bool allocation_failed(const std::string& words);

}  // namespace pocketlab
