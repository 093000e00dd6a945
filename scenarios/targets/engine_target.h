// The engine on real files and the wall clock: VHDX chains in a work folder, read and written by
// threads with one pread or pwrite at a time, through io_uring, or by copying out of mapped files
// (perform.h).
#pragma once

#include <memory>
#include <string>

#include "engine/io/file_system.h"
#include "scenarios/targets/target.h"

namespace vhdlab::scenarios {

// Keeps its files in `work_folder`, which exists, is empty and belongs to it until it is destroyed; discard()
// and the destructor remove the files, not the folder. `files` must outlive it.
[[nodiscard]] std::unique_ptr<Target> make_engine_target(FileSystem& files, const std::string& work_folder);

}  // namespace vhdlab::scenarios
