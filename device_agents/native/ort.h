// ONNX Runtime: the library, opened by dlopen and used through its C API, so that one agent runs with any release from
// 1.21 on; sessions on the cores of their unit; graphs bound to memory once.
#pragma once

#include <onnxruntime_c_api.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "contract.h"
#include "units.h"

namespace pocketlab {

// Loads the library: `$POCKETLAB_ORT`, otherwise libonnxruntime.so beside the agent. Turns telemetry off first: the
// library reads that setting once, when it is loaded. Throws `load`.
void load_runtime(const char* argv0);

// Returns the release that is loaded, e.g. 1.32.0; "none" before `load_runtime` succeeded.
const char* runtime_version();

// Memory to bind: float, i8, i32, i64 or u8. Every page is touched when the memory is allocated, so that none is first
// touched while something is timed. Copies share their memory; `rows` and `reshaped` are views.
class Tensor {
 public:
  Tensor() = default;
  static Tensor zeros(std::vector<int64_t> shape, ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
  static Tensor whole_numbers(const std::vector<int64_t>& values);  // i64 [n]

  const std::vector<int64_t>& shape() const { return shape_; }
  ONNXTensorElementDataType type() const { return type_; }
  size_t bytes() const;
  template <class T>
  T* as() const { return reinterpret_cast<T*>(data_); }

  Tensor rows(int64_t first, int64_t count) const;
  Tensor reshaped(std::vector<int64_t> shape) const;
  void clear() const;                     // to zeros
  void copy_from(const Tensor& other) const;  // of as many bytes

 private:
  std::shared_ptr<char> memory_;
  char* data_ = nullptr;
  std::vector<int64_t> shape_;
  ONNXTensorElementDataType type_ = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
};

// One opened graph file.
class Session {
 public:
  Session() = default;
  // Opens `path` with one thread for each core of the unit; throws the library's error.
  Session(const std::filesystem::path& path, const ExecutionUnit& unit);
  OrtSession* get() const { return session_.get(); }
  std::vector<std::string> inputs() const;

 private:
  std::shared_ptr<OrtSession> session_;
};

// Returns the file of a graph that may be run with `shape`. Throws `load` when the build has no such graph, `bad_job`
// when the manifest lists no such shape.
const GraphFile& graph_file(const Manifest& manifest, Graph graph, const std::map<std::string, int64_t>& shape);

// Opens one graph of a build on its unit. Throws `load` when a file is missing, is not as long as the manifest says,
// cannot be opened by the library, or lacks one of the contract's inputs. Hashes are not checked here but by the lab,
// when it pushes a build: reading every byte would warm the file cache, which the workload `load` measures.
Session open_session(const std::filesystem::path& folder, const Manifest& manifest, Graph graph, const GraphFile& file,
                     const ExecutionUnit& unit);

using Bound = std::vector<std::pair<std::string, Tensor>>;  // name -> memory

// A session bound to memory that the caller writes inputs to and reads outputs from. Nothing is copied: memory bound
// both as `past_key_0` and as `present_key_0` is updated in place.
class BoundGraph {
 public:
  BoundGraph() = default;
  BoundGraph(Session session, const Bound& inputs, const Bound& outputs);
  void bind_input(const std::string& name, const Tensor& tensor);  // from the next run on
  void run() const;

 private:
  Session session_;
  std::shared_ptr<OrtIoBinding> binding_;
  std::map<std::string, std::pair<Tensor, std::shared_ptr<OrtValue>>> kept_;

  OrtValue* keep(const std::string& name, const Tensor& tensor);
};

}  // namespace pocketlab
