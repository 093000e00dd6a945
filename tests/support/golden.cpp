// Comparing with golden files and writing them; see golden.h.
#include "tests/support/golden.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/checkout.h"

namespace vhdlab::tests {

void expect_golden(std::string_view relative, const std::string& text) {
  const std::string path = checkout_path(relative);
  if (std::getenv("VHDLAB_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    GTEST_SKIP() << path << " is written anew";
  }
  std::ostringstream expected;
  expected << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, expected.str()) << "against " << path << "; VHDLAB_UPDATE_GOLDEN=1 writes it anew";
}

}  // namespace vhdlab::tests
