// vhdlab disk compact: gives back the space a VHDX file holds and its disk does not need.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/compact_disk.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/progress_line.h"

namespace vhdlab::scenarios::disk_compact {

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options = {format_option, quiet_option},
      .description =
          "Takes blocks of zeros out of the file, makes holes of zeros inside blocks, moves the last blocks "
          "into the gaps and cuts the file short. What the disk reads as does not change, and disks that "
          "stand on it still fit. It can be stopped at any moment; what was done stays.",
      .example = "disk compact disk.vhdx",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& path = arguments.positional(0);
  const auto progress = make_progress(context, arguments.has("quiet"));
  progress->stage("compacting", ProgressUnit::bytes);
  const CompactOutcome outcome = TRY(compact_disk(
      context.files, path, context.random,
      [&](uint64_t done, uint64_t total) { progress->update(done, total); }, context.stop));
  progress->finished();

  if (format == OutputFormat::json) {
    context.out << json_text({{"path", path},
                              {"file_size_before_bytes", outcome.file_size_before_bytes},
                              {"file_size_after_bytes", outcome.file_size_after_bytes},
                              {"allocated_before_bytes", outcome.allocated_before_bytes},
                              {"allocated_after_bytes", outcome.allocated_after_bytes},
                              {"blocks_zeroed_count", outcome.blocks_zeroed},
                              {"blocks_moved_count", outcome.blocks_moved}});
    return ExitCode::done;
  }
  const uint64_t given_back = outcome.allocated_before_bytes > outcome.allocated_after_bytes
                                  ? outcome.allocated_before_bytes - outcome.allocated_after_bytes
                                  : 0;
  context.out << fmt::format(
      "compacted {}: {} given back; it takes {} (was {}), file length {} (was {})\n", printable(path),
      format_size(given_back), format_size(outcome.allocated_after_bytes),
      format_size(outcome.allocated_before_bytes), format_size(outcome.file_size_after_bytes),
      format_size(outcome.file_size_before_bytes));
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_compact
