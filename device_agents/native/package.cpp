#include "package.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

#include "failure.h"

namespace pocketlab {
namespace {

// Reads and checks a document; its protocol is looked at first, for a newer one may have other keys.
template <class Read>
auto document(const std::filesystem::path& path, ErrorClass error, Read&& read) {
  Json found;
  try {
    found = Json::parse(read_bytes(path));
  } catch (const std::system_error& problem) {
    throw Failure(error, path.string() + ": " + problem.code().message());
  } catch (const Json::parse_error& problem) {
    std::string words = problem.what();  // which quotes what it read, UTF-8 or not
    for (char& letter : words) letter = static_cast<unsigned char>(letter) < 0x80 ? letter : '?';
    throw Failure(error, path.string() + ": wanted JSON: " + words);
  }
  if (found.is_object() && found.contains("protocol")) {
    const Json& protocol = found["protocol"];
    if (protocol.is_number_integer() && protocol > PROTOCOL) {
      throw Failure(ErrorClass::version, path.string() + ": protocol " + protocol.dump() + "; this agent speaks " +
                                             std::to_string(PROTOCOL) + ": use a newer agent");
    }
  }
  try {
    return read(found);
  } catch (const Malformed& problem) {
    throw Failure(error, path.string() + ": " + problem.what());
  }
}

template <class Value>
std::vector<std::string> names_of(const std::map<std::string, Value>& found) {
  std::vector<std::string> names;
  for (const auto& [name, value] : found) names.push_back(name);
  return names;
}

}  // namespace

std::filesystem::path Package::input_folder(const std::string& name) const {
  if (const auto own = inputs.find(name); own != inputs.end()) return own->second;
  const auto found = manifest.inputs.find(name);
  if (found == manifest.inputs.end()) {
    throw bad_job("no input " + quote(name) + " in the build; it has " + listed(names_of(manifest.inputs)) +
                  ", and the job brings " + listed(names_of(inputs)));
  }
  return folder / found->second;
}

Job open_job(const std::filesystem::path& path) { return document(path, ErrorClass::bad_job, read_job); }

Package open_package(const Job& job) {
  const std::filesystem::path folder = job.build;
  Manifest manifest = document(folder / "manifest.json", ErrorClass::load, read_manifest);
  if (manifest.runtime != "onnxruntime") {
    throw Failure(ErrorClass::load, folder.string() + ": a build for " + quote(manifest.runtime) +
                                        "; this agent runs 'onnxruntime' builds");
  }
  return {folder, std::move(manifest), job.inputs};
}

Input open_input(const Package& package, const std::string& name) {
  return document(package.input_folder(name) / "input.json", ErrorClass::load, read_input);
}

Tensor read_pixels(const Package& package, const Input& source) {
  if (!source.image || !source.placement) throw bad_job("input " + quote(source.name) + " has no image to encode");
  const std::filesystem::path path = package.input_folder(source.name) / source.image->path;
  Tensor pixels = Tensor::zeros({source.image->height, source.image->width, 3}, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8);
  std::string found;
  try {
    found = read_bytes(path);
  } catch (const std::system_error& problem) {
    throw Failure(ErrorClass::load, path.string() + ": " + problem.code().message() + ": push the build again");
  }
  if (found.size() != pixels.bytes()) {
    throw Failure(ErrorClass::load, path.string() + ": wanted " + std::to_string(pixels.bytes()) + " bytes, found " +
                                        std::to_string(found.size()) + ": push the build again");
  }
  std::memcpy(pixels.as<char>(), found.data(), found.size());
  return pixels;
}

std::string read_bytes(const std::filesystem::path& path) {
  std::error_code problem;
  if (std::filesystem::is_directory(path, problem)) {
    throw std::system_error(EISDIR, std::generic_category(), path.string());
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string found{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.is_open() || stream.bad()) {
    throw std::system_error(errno ? errno : EIO, std::generic_category(), path.string());
  }
  return found;
}

}  // namespace pocketlab
