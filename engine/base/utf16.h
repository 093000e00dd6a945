// UTF-16LE as VHDX stores text (creator string, parent locator), to and from UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"

namespace vhdlab {

// Faults: utf16-odd-length, utf16-lone-surrogate.
[[nodiscard]] Result<std::string> utf8_from_utf16le(Bytes text);

// Faults: utf8-malformed.
[[nodiscard]] Result<std::vector<std::byte>> utf16le_from_utf8(std::string_view text);

}  // namespace vhdlab
