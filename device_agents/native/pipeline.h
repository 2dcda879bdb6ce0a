// The pipeline of two units: while one works on a batch, the other prepares the next.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "units.h"

namespace pocketlab {

// Runs CPU stages on the calling thread and NPU stages on a thread of its own. If both units are the same, all stages
// run on the calling thread, in order. NPU stage i starts when CPU stage i is done and the NPU is free (BlueLM-V-3B,
// arXiv 2411.10640, Fig. 5).
class Pipeline {
 public:
  using StagePair = std::pair<std::function<void()>, std::function<void()>>;  // of one batch: CPU, NPU

  Pipeline(const ExecutionUnit& cpu, const ExecutionUnit& npu);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;

  // Runs every batch in order and returns when the last NPU stage is done. Not pipelined: the same threads on the same
  // cores, but CPU stage i + 1 waits for NPU stage i. Throws the first exception of either side after both have
  // stopped.
  void run(const std::vector<StagePair>& batches, bool pipelined);

 private:
  template <class Item>
  class Queue {
   public:
    void put(Item item) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        items_.push_back(std::move(item));
      }
      ready_.notify_one();
    }
    Item get() {
      std::unique_lock<std::mutex> lock(mutex_);
      ready_.wait(lock, [this] { return !items_.empty(); });
      Item item = std::move(items_.front());
      items_.pop_front();
      return item;
    }

   private:
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Item> items_;
  };

  void serve();

  ExecutionUnit cpu_, npu_;
  Queue<std::function<void()>> jobs_;  // an empty one ends the thread
  Queue<std::exception_ptr> done_;
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

}  // namespace pocketlab
