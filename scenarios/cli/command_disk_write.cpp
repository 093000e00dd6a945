// vhdlab disk write: puts the bytes of a file into a disk, as a guest would.
#include <algorithm>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "engine/io/paths.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/text_table.h"

namespace vhdlab::scenarios::disk_write {
namespace {

constexpr uint64_t piece_bytes = 4 * mib;

Result<void> refuse_children(const CommandContext& context, const std::string& path) {
  const std::string folder = absolute_folder_of(path);
  const auto children = TRY(find_children(context.files, folder, {path}, context.random));
  if (children.empty()) return {};
  return failure(ErrorKind::in_use, "disk-has-children",
                 fmt::format("{}: {} stands on it and would be lost", path, children.front()),
                 "write to the leaf of the chain");
}

// Whole sectors around what is to be written, so that any offset and length will do.
Result<void> copy_into(File& from, uint64_t length, Chain& chain, uint64_t offset) {
  const uint64_t sector = chain.sector_size_bytes();
  AlignedBuffer buffer(piece_bytes + 2 * sector);
  ReadPlan read_plan;
  WritePlan write_plan;
  for (uint64_t done = 0; done < length;) {
    const uint64_t bytes = std::min(piece_bytes, length - done);
    const uint64_t begin = round_down(offset + done, sector);
    const uint64_t end = round_up(offset + done + bytes, sector);
    const MutableBytes piece = buffer.bytes().first(end - begin);
    TRY(chain.read(begin, piece, read_plan));
    TRY(from.read(done, piece.subspan(offset + done - begin, bytes)));
    TRY(chain.write(begin, piece, write_plan));
    done += bytes;
  }
  return {};
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}, {"FROM"}},
      .options =
          {
              {"offset", "SIZE", "where in the disk the bytes go; 0 by default"},
              format_option,
          },
      .description =
          "Writes the bytes of the file FROM into the disk, as a guest would. The disk must not be in use, "
          "and no disk in its folder may stand on it.",
      .example = "disk write now.avhdx letter.txt --offset 1MiB",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const std::string& path = arguments.positional(0);
  const uint64_t offset = TRY(arguments.size_bytes("offset")).value_or(0);
  const auto from = TRY(context.files.open(arguments.positional(1), OpenMode::read_only));
  const uint64_t length = TRY(from->size_bytes());
  // The bytes would change while they are read.
  if (TRY(context.files.identity(arguments.positional(1))) == TRY(context.files.identity(path))) {
    return usage_failure(
        "write-onto-source",
        fmt::format("{}: is the disk to write to, not a file to take bytes from", arguments.positional(1)),
        "copy it first, or name another file");
  }
  TRY(refuse_children(context, path));
  Chain chain = TRY(open_chain(context.files, path, {.mode = OpenMode::read_write}, context.random));
  const uint64_t disk_size = chain.disk_size_bytes();
  if (offset > disk_size || length > disk_size - offset) {
    return failure(ErrorKind::invalid_argument, "disk-range",
                   fmt::format("{}: {} at {} do not fit into its {}", path, exact_size(length),
                               exact_size(offset), exact_size(disk_size)));
  }
  TRY(copy_into(*from, length, chain, offset));
  TRY(chain.close());
  if (format == OutputFormat::json) {
    nlohmann::ordered_json document;
    document["path"] = path;
    document["offset"] = offset;
    document["written_bytes"] = length;
    context.out << json_text(document);
  } else {
    context.out << fmt::format("wrote {} to {}\n", format_size(length), printable(path));
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_write
