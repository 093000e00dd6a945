// Where the checkout lies that the tests were built from: golden files, schemas and shipped scenarios are
// read from there. A function and not a macro on every compiler's command line, so that only one object file
// depends on the place.
#pragma once

#include <string>
#include <string_view>

namespace vhdlab::tests {

// The absolute path of `relative` in the checkout; of the checkout itself where it is empty.
[[nodiscard]] std::string checkout_path(std::string_view relative = "");

}  // namespace vhdlab::tests
