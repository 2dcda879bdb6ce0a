// Opens what the job names: the build's manifest, its inputs and their pixels.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "contract.h"
#include "ort.h"

namespace pocketlab {

// A build opened for reading; `inputs` are the folders that the job brings: they hide the build's of the same name.
struct Package {
  std::filesystem::path folder;
  Manifest manifest;
  std::map<std::string, std::string> inputs;

  // Returns an input's folder; `bad_job` when neither job nor build has one of that name.
  std::filesystem::path input_folder(const std::string& name) const;
};

// Throws `bad_job` for a file that is not a job, `version` for a newer protocol.
Job open_job(const std::filesystem::path& path);

// Throws `load` for a folder that is not a build for this agent, `version` for a newer protocol.
Package open_package(const Job& job);

// Throws `bad_job` when the job brings no such folder, or the set is for another kind of model.
QuestionSet open_questions(const Package& package, const Work& work);

Input open_input(const Package& package, const std::string& name);

// Returns an input's image as u8 [height, width, 3]; throws `bad_job` without one, `load` when it is damaged.
Tensor read_pixels(const Input& source);

}  // namespace pocketlab
