// The two-unit pipeline: while one unit works on a batch, the other prepares the next.
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

// CPU stages run on the calling thread, NPU stages on a thread kept for the pipeline's life. Where both units are the
// same one, everything runs on the calling thread, one stage after the other. NPU stage i starts when CPU stage i is
// done and the NPU is free (BlueLM-V-3B, arXiv 2411.10640, Fig. 5).
class Pipeline {
 public:
  using StagePair = std::pair<std::function<void()>, std::function<void()>>;  // of one batch: CPU, NPU

  Pipeline(const ExecutionUnit& cpu, const ExecutionUnit& npu);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;

  // Runs every batch in order and returns when the last NPU stage is done. Serial: the same threads on the same cores,
  // but CPU stage i + 1 waits for NPU stage i. The first exception of either side is thrown here, after the other side
  // has come to rest.
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
