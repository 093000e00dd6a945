// SHA-256 (FIPS 180-4), by which the page's security policy names the scripts that may run.
#pragma once

#include <string>
#include <string_view>

namespace vhdlab::reports {

// The digest in base64, as Content-Security-Policy writes it after "sha256-".
[[nodiscard]] std::string sha256_base64(std::string_view text);

}  // namespace vhdlab::reports
