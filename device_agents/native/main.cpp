// The native agent: `agent run --job job.json --events events.jsonl` does one job, from hello to end. ../PROTOCOL.md
// says what it does and writes; it must agree with the agent in ../reference/.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "failure.h"
#include "meter.h"
#include "ort.h"
#include "package.h"
#include "recorder.h"
#include "units.h"
#include "workloads.h"

namespace pocketlab {
namespace {

// Prints on stderr, in one line, why the agent gives up.
void report(ErrorClass error, const std::string& words) {
  std::istringstream stream(words);
  std::string line;
  for (std::string word; stream >> word;) line += " " + word;
  std::fprintf(stderr, "agent: %s:%s\n", name(error), line.c_str());
}

// Opens the build and iterates; returns the failure, if any. `Unwritable` goes to the caller: no event can report it.
std::optional<Failure> work(const Job& job, Recorder& recorder) {
  try {
    const Units units = open_units(job);
    const Package package = open_package(job);
    Meter meter(job.memory_pass);
    const auto show = [&recorder](const Piece& piece) { recorder.piece(piece); };
    const std::unique_ptr<Workload> workload = open_workload(job, package, units, meter, show);
    for (int64_t iteration = 0; iteration < job.warmup_iterations + job.iterations; ++iteration) {
      workload->reset();
      const int64_t start = monotonic_ns();
      workload->run(recorder.spans, iteration);
      const int64_t duration = monotonic_ns() - start;
      const std::vector<Memory> memory = meter.taken();
      const std::vector<Output> outputs = workload->outputs();
      recorder.iteration({iteration, start, duration, iteration < job.warmup_iterations}, outputs, memory);
    }
  } catch (const Unwritable&) {
    throw;
  } catch (...) {
    return current_failure();
  }
  return {};
}

int run_job(const char* argv0, const char* job_path, const char* events_path) {
  Recorder recorder(events_path);
  std::optional<Job> job;
  std::optional<Failure> failure;
  try {
    job = open_job(job_path);
    load_runtime(argv0);
  } catch (...) {
    failure = current_failure();
  }
  recorder.hello(job);
  if (!failure) failure = work(*job, recorder);
  if (failure) {
    report(failure->error, failure->what());
    recorder.error(*failure);
  }
  recorder.end(job ? job->inject : std::nullopt);
  return failure ? 1 : 0;
}

int wrong_command_line() {
  std::fputs("usage: agent run --job JOB.json --events EVENTS.jsonl\n", stderr);
  return 2;
}

}  // namespace
}  // namespace pocketlab

int main(int count, char** arguments) {
  const char *job = nullptr, *events = nullptr;
  if (count != 6 || std::strcmp(arguments[1], "run") != 0) return pocketlab::wrong_command_line();
  for (int i = 2; i < count; i += 2) {
    if (std::strcmp(arguments[i], "--job") == 0) job = arguments[i + 1];
    if (std::strcmp(arguments[i], "--events") == 0) events = arguments[i + 1];
  }
  if (job == nullptr || events == nullptr) return pocketlab::wrong_command_line();
  try {
    return pocketlab::run_job(arguments[0], job, events);
  } catch (const pocketlab::Unwritable& problem) {
    const bool full = problem.code == ENOSPC || problem.code == EDQUOT;
    pocketlab::report(full ? pocketlab::ErrorClass::disk_full : pocketlab::ErrorClass::crash,
                      std::string(events) + ": " + problem.what());
    return 1;
  }
}
