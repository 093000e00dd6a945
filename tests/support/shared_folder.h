// Sample images and traces that are too large for the repository lie in a folder "shared" beside the
// checkout, or where VHDLAB_SHARED says. A test that needs them and cannot find them skips, and says so:
//
//   auto image = shared_path("samples/vhdx");
//   if (!image) GTEST_SKIP() << image.error().text();
#pragma once

#include <filesystem>
#include <string_view>

#include "engine/base/error.h"

namespace vhdlab::tests {

// Faults: shared-not-found.
[[nodiscard]] Result<std::filesystem::path> shared_path(std::string_view relative = "");

}  // namespace vhdlab::tests
