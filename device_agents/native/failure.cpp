#include "failure.h"

#include <cerrno>
#include <new>
#include <system_error>

namespace pocketlab {

const char* name(ErrorClass error) {
  switch (error) {
    case ErrorClass::load: return "load";
    case ErrorClass::oom: return "oom";
    case ErrorClass::unit_unavailable: return "unit_unavailable";
    case ErrorClass::bad_job: return "bad_job";
    case ErrorClass::version: return "version";
    case ErrorClass::disk_full: return "disk_full";
    case ErrorClass::crash: return "crash";
  }
  return "crash";
}

bool allocation_failed(const std::string& words) {
  for (const char* sign : {"bad_alloc", "bad allocation", "Failed to allocate memory"}) {
    if (words.find(sign) != std::string::npos) return true;
  }
  return false;
}

Failure current_failure() {
  try {
    throw;
  } catch (const Failure& failure) {
    return failure;
  } catch (const std::bad_alloc&) {
    return {ErrorClass::oom, "std::bad_alloc"};
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    if (code == ENOSPC || code == EDQUOT) return {ErrorClass::disk_full, error.what()};
    if (code == ENOMEM) return {ErrorClass::oom, error.what()};
    return {ErrorClass::crash, std::string("std::system_error: ") + error.what()};
  } catch (const std::exception& error) {
    const auto error_class = allocation_failed(error.what()) ? ErrorClass::oom : ErrorClass::crash;
    return {error_class, std::string("std::exception: ") + error.what()};
  } catch (...) {
    return {ErrorClass::crash, "an exception that says nothing about itself"};
  }
}

}  // namespace pocketlab
