// The one place that was told when compiled where the checkout lies.
#include "tests/support/checkout.h"

namespace vhdlab::tests {

std::string checkout_path(std::string_view relative) {
  std::string path = VHDLAB_SOURCE_DIR;
  if (!relative.empty()) path.append("/").append(relative);
  return path;
}

}  // namespace vhdlab::tests
