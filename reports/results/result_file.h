// results.json: a RunRecord on disk. What is written conforms to results/result.schema.json; what is read may
// come from anyone and is checked field by field, so that a record in memory is always whole.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "reports/results/run_record.h"

namespace vhdlab::reports {

// The record as JSON text, indented, ending in a line feed. Equal records give equal bytes. Numbers that are
// not finite are written as null, which reads back as absent or as a fault where the field is required.
[[nodiscard]] std::string result_text(const RunRecord& record);

// Faults: result-syntax (not JSON; line and column), result-version (made by another version of the format),
// result-field (a field missing, of the wrong type or out of range; names its path, as in
// "points[2].measurements[0].kind"), result-too-large (over 256 MiB). Summaries are
// computed again from the repeats: what the file says about them is not believed.
[[nodiscard]] Result<RunRecord> parse_result(std::string_view text);

// Replaces `path` as one step: a reader sees the old file or the whole new one, and after return the new one
// is durable. Faults: result-write with the system's reason; the kind is no_space, permission_denied,
// not_found or io_failed.
[[nodiscard]] Result<void> write_result_file(const std::string& path, const RunRecord& record);

// `path` is results.json or a folder that holds one. Faults: result-not-found, result-not-regular,
// result-read, and those of parse_result with the path before the message.
[[nodiscard]] Result<RunRecord> read_result_file(const std::string& path);

}  // namespace vhdlab::reports
