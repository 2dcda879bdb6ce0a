#include "failure.h"

#include <new>
#include <system_error>

namespace pocketlab {

const char* name(ErrorClass error) {
  constexpr const char* NAMES[] = {"load", "oom", "unit_unavailable", "bad_job", "version", "disk_full", "crash"};
  return NAMES[static_cast<size_t>(error)];
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
    const auto error_class = error.code() == std::errc::not_enough_memory ? ErrorClass::oom : ErrorClass::crash;
    return {error_class, std::string("std::system_error: ") + error.what()};
  } catch (const std::exception& error) {
    const auto error_class = allocation_failed(error.what()) ? ErrorClass::oom : ErrorClass::crash;
    return {error_class, std::string("std::exception: ") + error.what()};
  } catch (...) {
    return {ErrorClass::crash, "an exception of no known type"};
  }
}

}  // namespace pocketlab
