#include "pipeline.h"

namespace pocketlab {

Pipeline::Pipeline(const ExecutionUnit& cpu, const ExecutionUnit& npu) : cpu_(cpu), npu_(npu) {
  if (npu != cpu) thread_ = std::thread([this] { serve(); });
}

Pipeline::~Pipeline() {
  if (thread_.joinable()) {
    jobs_.put({});
    thread_.join();
  }
}

void Pipeline::run(const std::vector<StagePair>& batches, bool pipelined) {
  cpu_.pin();
  if (!thread_.joinable()) {
    for (const auto& [cpu_stage, npu_stage] : batches) {
      cpu_stage();
      npu_stage();
    }
    return;
  }
  failed_ = false;
  std::exception_ptr first;
  size_t handed = 0, back = 0;
  const auto wait_for_one = [&] {
    const std::exception_ptr failure = done_.get();
    if (failure && !first) first = failure;
    ++back;
  };
  try {
    for (const auto& [cpu_stage, npu_stage] : batches) {
      cpu_stage();
      jobs_.put(npu_stage);
      ++handed;
      if (!pipelined) wait_for_one();
      if (failed_) break;
    }
  } catch (...) {
    while (back < handed) wait_for_one();
    throw;
  }
  while (back < handed) wait_for_one();
  if (first) std::rethrow_exception(first);
}

void Pipeline::serve() {
  std::exception_ptr unpinned;
  try {
    npu_.pin();
  } catch (...) {
    unpinned = std::current_exception();
  }
  while (std::function<void()> work = jobs_.get()) {
    std::exception_ptr failure = unpinned;
    try {
      if (!failure && !failed_) work();
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) failed_ = true;
    work = {};  // it holds its graphs open, and whoever waits may close them next
    done_.put(failure);
  }
}

}  // namespace pocketlab
