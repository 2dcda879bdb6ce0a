#include "package.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "failure.h"

namespace pocketlab {
namespace {

// Returns a small file's bytes; throws `error`.
std::string read_bytes(const std::filesystem::path& path, ErrorClass error, const char* remedy = "") {
  std::error_code problem;
  std::string found;
  const auto size = std::filesystem::file_size(path, problem);
  if (!problem) {
    found.resize(size);
    errno = 0;
    if (!std::ifstream(path, std::ios::binary).read(found.data(), static_cast<std::streamsize>(size))) {
      problem = {errno ? errno : EIO, std::generic_category()};
    }
  }
  if (problem) throw Failure(error, path.string() + ": " + problem.message() + remedy);
  return found;
}

// Reads and checks a document. The protocol is checked first: a newer one may have other fields.
template <class Read>
auto document(const std::filesystem::path& path, ErrorClass error, Read&& read) {
  Json found;
  try {
    found = Json::parse(read_bytes(path, error));
  } catch (const Json::exception& problem) {
    std::string words = problem.what();  // quotes what it read, UTF-8 or not
    for (char& letter : words) letter = static_cast<unsigned char>(letter) < 0x80 ? letter : '?';
    throw Failure(error, path.string() + ": wanted JSON: " + words);
  }
  try {
    if (const int64_t protocol = read_protocol(found); protocol > PROTOCOL) {
      throw Failure(ErrorClass::version, path.string() + ": protocol " + std::to_string(protocol) +
                                             "; this agent speaks " + std::to_string(PROTOCOL) + ": use a newer agent");
    }
    return read(found);
  } catch (const Malformed& problem) {
    throw Failure(error, path.string() + ": " + problem.what());
  }
}

std::vector<std::string> names_of(const std::map<std::string, std::string>& folders) {
  std::vector<std::string> names;
  for (const auto& [name, folder] : folders) names.push_back(name);
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
  return {folder, document(folder / "manifest.json", ErrorClass::load, read_manifest), job.inputs};
}

Input open_input(const Package& package, const std::string& name) {
  Input input = document(package.input_folder(name) / "input.json", ErrorClass::load, read_input);
  input.name = name;
  input.folder = package.input_folder(name);
  return input;
}

QuestionSet open_questions(const Package& package, const Work& work) {
  const auto own = package.inputs.find(work.questions);
  if (own == package.inputs.end()) {
    throw bad_job("no questions " + quote(work.questions) + ": the job brings " + listed(names_of(package.inputs)));
  }
  const std::filesystem::path path = std::filesystem::path(own->second) / work.document;
  QuestionSet set = document(path, ErrorClass::load, read_questions);
  const Dimensions& sizes = package.manifest.dimensions;
  if (set.tile_pixels != sizes.tile_pixels || set.tokens_per_tile != sizes.tokens_per_tile ||
      set.first_byte != package.manifest.first_byte || set.end != package.manifest.end) {
    throw bad_job(path.string() + ": for tiles of " + std::to_string(set.tile_pixels) + " pixels and " +
                  std::to_string(set.tokens_per_tile) + " tokens, the build has " + std::to_string(sizes.tile_pixels) +
                  " and " + std::to_string(sizes.tokens_per_tile) +
                  " and its own tokenizer: prepare the questions for this build's model");
  }
  for (Input& question : set.questions) question.folder = own->second;
  return set;
}

Tensor read_pixels(const Input& source) {
  if (!source.image || !source.placement) throw bad_job("input " + quote(source.name) + " has no image to encode");
  const std::filesystem::path path = std::filesystem::path(source.folder) / source.image->path;
  Tensor pixels = Tensor::zeros({source.image->height, source.image->width, 3}, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8);
  const std::string found = read_bytes(path, ErrorClass::load, ": push the build again");
  if (found.size() != pixels.bytes()) {
    throw Failure(ErrorClass::load, path.string() + ": wanted " + std::to_string(pixels.bytes()) + " bytes, found " +
                                        std::to_string(found.size()) + ": push the build again");
  }
  std::memcpy(pixels.as<char>(), found.data(), found.size());
  return pixels;
}

}  // namespace pocketlab
