#include "ort.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "failure.h"

namespace pocketlab {
namespace {

constexpr uint32_t API = 21;  // the header's version; every later release still offers it

const OrtApi* api = nullptr;
OrtEnv* environment = nullptr;  // lives as long as the process
const char* version = "none";

const std::map<Graph, std::vector<std::string>> INPUTS = {
    {Graph::tile, {"image", "fit", "pads", "grid", "order"}},
    {Graph::patch_embed, {"tiles"}},
    {Graph::vit, {"embeddings"}},
    {Graph::project, {"features"}},
    {Graph::embed, {"ids"}},
    {Graph::llm, {"embeddings", "last_position", "total_tokens", "positions"}},
};

void check(OrtStatus* status) {
  if (status == nullptr) return;
  const std::string words = api->GetErrorMessage(status);
  api->ReleaseStatus(status);
  throw Failure(allocation_failed(words) ? ErrorClass::oom : ErrorClass::crash, "onnxruntime: " + words);
}

// Returns the agent's folder. /proc/self/exe comes second: in a bundle with its own loader it is that loader, and in a
// bundle of links it is where the link leads.
std::filesystem::path own_folder(const char* argv0) {
  const std::filesystem::path named(argv0 == nullptr ? "" : argv0);
  if (named.has_parent_path()) return named.parent_path();
  std::error_code none;
  return std::filesystem::read_symlink("/proc/self/exe", none).parent_path();
}

using Options = std::unique_ptr<OrtSessionOptions, void (*)(OrtSessionOptions*)>;

// One thread on each core, one operator at a time. The calling thread is the first, pinned by ExecutionUnit::pin; the
// library's own threads are the others (it counts cores from 1). Waiting threads spin inside a run and sleep between
// runs; ../reference/sessions.py says why.
Options options_for(const ExecutionUnit& unit) {
  OrtSessionOptions* made = nullptr;
  check(api->CreateSessionOptions(&made));
  Options options(made, api->ReleaseSessionOptions);
  check(api->SetIntraOpNumThreads(made, static_cast<int>(unit.cores().size())));
  check(api->SetInterOpNumThreads(made, 1));
  check(api->SetSessionExecutionMode(made, ORT_SEQUENTIAL));
  check(api->SetSessionLogSeverityLevel(made, ORT_LOGGING_LEVEL_ERROR));
  std::string others;
  for (size_t i = 1; i < unit.cores().size(); ++i) {
    others += (others.empty() ? "" : ";") + std::to_string(unit.cores()[i] + 1);
  }
  if (!others.empty()) {
    check(api->AddSessionConfigEntry(made, "session.intra_op_thread_affinities", others.c_str()));
    check(api->AddSessionConfigEntry(made, "session.force_spinning_stop", "1"));
  }
  return options;
}

size_t element_bytes(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return 8;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return 4;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: return 2;
    default: return 1;
  }
}

}  // namespace

void load_runtime(const char* argv0) {
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);
  const char* named = std::getenv("POCKETLAB_ORT");
  const std::string path = named != nullptr ? named : (own_folder(argv0) / "libonnxruntime.so").string();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Failure(ErrorClass::load,
                  std::string(dlerror()) + ": push the agent again, or name a library in POCKETLAB_ORT");
  }
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
  const OrtApi* found = base == nullptr ? nullptr : base()->GetApi(API);
  if (found == nullptr) {
    throw Failure(ErrorClass::load, path + ": wanted ONNX Runtime 1." + std::to_string(API) + " or newer, found " +
                                        (base == nullptr ? "another library" : base()->GetVersionString()));
  }
  api = found;
  version = base()->GetVersionString();
  check(api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "pocketlab", &environment));
}

const char* runtime_version() { return version; }

Tensor Tensor::zeros(std::vector<int64_t> shape, ONNXTensorElementDataType type) {
  constexpr std::align_val_t line{64};
  Tensor tensor;
  tensor.shape_ = std::move(shape);
  tensor.type_ = type;
  const size_t room = std::max<size_t>(tensor.bytes(), 1);
  tensor.memory_ = {static_cast<char*>(operator new(room, line)), [](char* data) { operator delete(data, line); }};
  tensor.data_ = tensor.memory_.get();
  std::memset(tensor.data_, 0, room);
  return tensor;
}

Tensor Tensor::whole_numbers(const std::vector<int64_t>& values) {
  Tensor tensor = zeros({static_cast<int64_t>(values.size())}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64);
  std::copy(values.begin(), values.end(), tensor.as<int64_t>());
  return tensor;
}

size_t Tensor::bytes() const {
  size_t count = element_bytes(type_);
  for (int64_t length : shape_) count *= static_cast<size_t>(length);
  return count;
}

Tensor Tensor::rows(int64_t first, int64_t count) const {
  Tensor view = *this;
  view.data_ += bytes() / static_cast<size_t>(shape_[0]) * static_cast<size_t>(first);
  view.shape_[0] = count;
  return view;
}

Tensor Tensor::reshaped(std::vector<int64_t> shape) const {
  Tensor view = *this;
  view.shape_ = std::move(shape);
  return view;
}

void Tensor::clear() const { std::memset(data_, 0, bytes()); }
void Tensor::copy_from(const Tensor& other) const { std::memcpy(data_, other.data_, other.bytes()); }

Session::Session(const std::filesystem::path& path, const ExecutionUnit& unit) {
  const Options options = options_for(unit);
  OrtSession* made = nullptr;
  check(api->CreateSession(environment, path.c_str(), options.get(), &made));
  session_ = {made, api->ReleaseSession};
}

std::vector<std::string> Session::inputs() const {
  size_t count = 0;
  OrtAllocator* allocator = nullptr;
  check(api->SessionGetInputCount(session_.get(), &count));
  check(api->GetAllocatorWithDefaultOptions(&allocator));
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    check(api->SessionGetInputName(session_.get(), i, allocator, &name));
    names.emplace_back(name);
    check(api->AllocatorFree(allocator, name));
  }
  return names;
}

const GraphFile& graph_file(const Manifest& manifest, Graph graph, const std::map<std::string, int64_t>& shape) {
  const std::vector<GraphFile>* files = manifest.files_of(graph);
  if (files == nullptr || files->empty()) {
    throw Failure(ErrorClass::load,
                  "the build's manifest has no graph " + quote(name(graph)) + ": export it again");
  }
  std::string offered;
  for (const GraphFile& file : *files) {
    const bool listed_shape = std::find(file.shapes.begin(), file.shapes.end(), shape) != file.shapes.end();
    if (shape.empty() || file.shapes.empty() || listed_shape) return file;
    for (const auto& each : file.shapes) offered += (offered.empty() ? "" : ", ") + listed(each);
  }
  throw bad_job("graph " + quote(name(graph)) + " may be run with [" + offered + "]; the job asks for " +
                listed(shape));
}

Session open_session(const std::filesystem::path& folder, const Manifest& manifest, Graph graph, const GraphFile& file,
                     const ExecutionUnit& unit) {
  std::vector<std::string> paths = file.weights;
  paths.insert(paths.begin(), file.path);
  for (const std::string& path : paths) {
    std::error_code none;
    const bool there = std::filesystem::is_regular_file(folder / path, none);
    const int64_t found = there ? static_cast<int64_t>(std::filesystem::file_size(folder / path, none)) : -1;
    const auto wanted = manifest.bytes.find(path);
    if (!there || (wanted != manifest.bytes.end() && found != wanted->second)) {
      throw Failure(ErrorClass::load,
                    path + ": wanted " +
                        (wanted != manifest.bytes.end() ? std::to_string(wanted->second) + " bytes" : "a file") +
                        ", found " + (there ? std::to_string(found) + " bytes" : "nothing") + " in " +
                        folder.string() + ": push the build again");
    }
  }
  unit.pin();
  try {
    Session session(folder / file.path, unit);
    const std::vector<std::string> given = session.inputs();
    std::vector<std::string> missing;
    for (const std::string& input : INPUTS.at(graph)) {
      if (std::find(given.begin(), given.end(), input) == given.end()) missing.push_back(input);
    }
    if (!missing.empty()) {
      throw Failure(ErrorClass::load,
                    file.path + ": graph " + quote(name(graph)) + " lacks inputs " + listed(missing));
    }
    return session;
  } catch (const Failure& failure) {
    if (failure.error != ErrorClass::crash) throw;
    throw Failure(ErrorClass::load, file.path + ": the runtime cannot open it: " + failure.what() +
                                        ": export or push the build again");
  }
}

BoundGraph::BoundGraph(Session session, const Bound& inputs, const Bound& outputs)
    : session_(std::move(session)) {
  OrtIoBinding* made = nullptr;
  check(api->CreateIoBinding(session_.get(), &made));
  binding_ = {made, api->ReleaseIoBinding};
  for (const auto& [name, tensor] : inputs) bind_input(name, tensor);
  for (const auto& [name, tensor] : outputs) {
    check(api->BindOutput(binding_.get(), name.c_str(), keep("output " + name, tensor)));
  }
}

void BoundGraph::bind_input(const std::string& name, const Tensor& tensor) {
  check(api->BindInput(binding_.get(), name.c_str(), keep("input " + name, tensor)));
}

void BoundGraph::run() const { check(api->RunWithBinding(session_.get(), nullptr, binding_.get())); }

OrtValue* BoundGraph::keep(const std::string& name, const Tensor& tensor) {
  static OrtMemoryInfo* const memory = [] {
    OrtMemoryInfo* made = nullptr;
    check(api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &made));
    return made;
  }();
  OrtValue* made = nullptr;
  check(api->CreateTensorWithDataAsOrtValue(memory, tensor.as<void>(), tensor.bytes(), tensor.shape().data(),
                                            tensor.shape().size(), tensor.type(), &made));
  kept_[name] = {tensor, {made, api->ReleaseValue}};
  return made;
}

}  // namespace pocketlab
