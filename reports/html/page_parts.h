// What every page of this program is put together from: a head whose policy lets nothing be fetched, tables,
// charts, and a foot that carries the scripts. All text is escaped here; what comes back is HTML.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "reports/charts/charts.h"
#include "reports/export/table.h"

namespace vhdlab::reports {

// Text as HTML shows it, in elements and in quoted attributes.
[[nodiscard]] std::string escaped(std::string_view text);

// From the doctype to the beginning of the body. Only the scripts of page_foot_html may run.
[[nodiscard]] std::string page_head_html(std::string_view tool_version, std::string_view title);

// Empty for a table without rows.
[[nodiscard]] std::string table_html(const Table& table);

// `content`, HTML, behind a line that opens it; empty where the content is.
[[nodiscard]] std::string details_html(std::string_view summary, const std::string& content);

// The section of charts; empty where there are none.
[[nodiscard]] std::string charts_html(std::span<const Chart> charts);

// The end of the page: how the numbers came about, and what draws the charts where there are some.
[[nodiscard]] std::string page_foot_html(std::string_view tool_version, std::string_view method,
                                         bool has_charts);

}  // namespace vhdlab::reports
