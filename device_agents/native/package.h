// Reading what the job names: the build's manifest, its inputs and their pixels, each refused in plain words.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "contract.h"
#include "ort.h"

namespace pocketlab {

// A build opened for reading; `inputs` are the folders of a job's own, which go before the build's.
struct Package {
  std::filesystem::path folder;
  Manifest manifest;
  std::map<std::string, std::string> inputs;

  // Where an input lies; `bad_job` when neither job nor build has one of that name.
  std::filesystem::path input_folder(const std::string& name) const;
};

// `bad_job` for what is no job, `version` for one of a newer protocol.
Job open_job(const std::filesystem::path& path);

// `load` for what is no build this agent runs, `version` for one of a newer protocol.
Package open_package(const Job& job);

Input open_input(const Package& package, const std::string& name);

// An input's image as u8 [height, width, 3]; `bad_job` without one, `load` when it is damaged.
Tensor read_pixels(const Package& package, const Input& source);

// A small file's bytes; throws std::system_error.
std::string read_bytes(const std::filesystem::path& path);

}  // namespace pocketlab
