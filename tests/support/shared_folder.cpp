// Looks for the shared folder in its two places.
#include "tests/support/shared_folder.h"

#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "tests/support/checkout.h"

namespace vhdlab::tests {

Result<std::filesystem::path> shared_path(std::string_view relative) {
  const char* wanted = std::getenv("VHDLAB_SHARED");
  std::filesystem::path folder = wanted != nullptr && *wanted != '\0' ? wanted : checkout_path("../shared");
  std::filesystem::path path = relative.empty() ? folder : folder / relative;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path.lexically_normal();
  return failure(
      ErrorKind::not_found, "shared-not-found",
      fmt::format("shared test data '{}' is not in {}", relative, folder.lexically_normal().string()),
      "set VHDLAB_SHARED to the folder that holds it");
}

}  // namespace vhdlab::tests
