// The report page: one file that needs nothing else and asks the network for nothing. It begins with the
// finding, then a small table, the charts, how it was measured, and every number. Tables and sentences are
// plain HTML; only the charts need JavaScript, which the page carries inside. It follows the reader's light
// or dark setting, narrow screens and paper.
#pragma once

#include <span>
#include <string>

#include "engine/base/error.h"
#include "reports/results/run_record.h"

namespace vhdlab::reports {

// All text from the records is escaped, and the page's Content-Security-Policy lets only the scripts of this
// program run and nothing be fetched. The same records give the same bytes. Fault: report-empty (no records).
[[nodiscard]] Result<std::string> render_html(std::span<const RunRecord> records);

}  // namespace vhdlab::reports
