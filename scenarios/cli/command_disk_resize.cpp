// vhdlab disk resize: makes a disk larger or smaller in place.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/resize_disk.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"

namespace vhdlab::scenarios::disk_resize {

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options =
          {
              {"size", "SIZE", "the disk's new size, such as 128GiB"},
              {"force", "", "cut off data past the new end, and leave children that no longer fit"},
              format_option,
          },
      .description =
          "New space reads as zeros. A disk is made smaller only where its tail holds nothing but zeros, and "
          "neither way while other disks stand on it.",
      .example = "disk resize disk.vhdx --size 128GiB",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& path = arguments.positional(0);
  const auto size = TRY(arguments.size_bytes("size"));
  if (!size)
    return usage_failure("usage-option", "the new size is missing", "add --size, as in --size 128GiB");
  const DiskSurvey before = TRY(survey_disk(context.files, path, context.random));
  TRY(check_numbers(path, {.disk_size_bytes = *size,
                           .block_size_bytes = before.block_size_bytes,
                           .logical_sector_size_bytes = before.logical_sector_size_bytes,
                           .physical_sector_size_bytes = before.physical_sector_size_bytes}));
  TRY(resize_disk(context.files, path, *size, {.force = arguments.has("force"), .stop = context.stop},
                  context.random));

  const DiskSurvey after = TRY(survey_disk(context.files, path, context.random));
  if (format == OutputFormat::json) {
    context.out << json_text(as_json(after));
  } else {
    context.out << fmt::format("resized {}: {} (was {})\n", printable(path),
                               format_size(after.disk_size_bytes), format_size(before.disk_size_bytes));
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_resize
