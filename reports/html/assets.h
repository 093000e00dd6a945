// The files that are part of every page, put into the program at build time (assets.cpp.in).
#pragma once

#include <string_view>

namespace vhdlab::reports::assets {

[[nodiscard]] std::string_view vega();
[[nodiscard]] std::string_view vega_lite();
[[nodiscard]] std::string_view vega_embed();
[[nodiscard]] std::string_view vega_license();
[[nodiscard]] std::string_view page_script();
[[nodiscard]] std::string_view page_style();

}  // namespace vhdlab::reports::assets
