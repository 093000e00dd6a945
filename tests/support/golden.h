// Golden files: texts that a person has looked at and found right, kept in the checkout.
#pragma once

#include <string>
#include <string_view>

namespace vhdlab::tests {

// Expects `text` to be what the golden file at `relative` in the checkout holds. With VHDLAB_UPDATE_GOLDEN
// set in the environment the file is written anew instead, and the test skipped.
void expect_golden(std::string_view relative, const std::string& text);

}  // namespace vhdlab::tests
