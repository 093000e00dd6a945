// A chain of VHDX files as libvhdi reads it: a judge of differencing disks. See libvhdi_test.cpp for what its
// word is worth.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "engine/base/error.h"
#include "tests/judges/judge_support.h"

namespace vhdlab::tests {

// False where the tests were built without libvhdi: then a test skips.
[[nodiscard]] bool has_libvhdi();

#define VHDLAB_NEEDS_LIBVHDI() \
  if (!has_libvhdi()) GTEST_SKIP() << "not installed: libvhdi-dev"

// Opens the files, base first, each as the parent of the next. Faults: libvhdi, libvhdi-absent.
[[nodiscard]] Result<std::unique_ptr<DiskReader>> open_with_libvhdi(std::span<const std::string> paths);

}  // namespace vhdlab::tests
