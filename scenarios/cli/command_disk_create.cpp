// vhdlab disk create: a new virtual disk, empty or standing on a parent.
#include <array>
#include <limits>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/chain/chain_open.h"
#include "engine/format/vhdx/layout.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/parent_name.h"

namespace vhdlab::scenarios::disk_create {
namespace {

enum class DiskKind { dynamic, fixed, differencing };

struct Request {
  std::string path;
  DiskKind kind = DiskKind::dynamic;
  std::optional<std::string> parent;
  std::optional<uint64_t> disk_size_bytes;   // absent: the parent's
  std::optional<uint32_t> block_size_bytes;  // absent: the usual one
  std::optional<uint32_t> logical_sector_size_bytes;
  std::optional<uint32_t> physical_sector_size_bytes;
};

Result<uint32_t> as_32_bits(const std::string& option, uint64_t value) {
  if (value <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(value);
  return usage_failure("usage-value", fmt::format("--{}: {} is too large", option, format_size(value)));
}

Result<std::optional<uint32_t>> sector_size(const Arguments& arguments, const std::string& option) {
  const auto size = TRY(arguments.size_bytes(option));
  if (!size) return std::nullopt;
  if (*size != 512 && *size != 4096) {
    return usage_failure("usage-value", fmt::format("--{}: {} is neither 512 nor 4096", option, *size),
                         "leave it out for the usual one");
  }
  return static_cast<uint32_t>(*size);
}

Result<DiskKind> kind_asked_for(const Arguments& arguments) {
  constexpr std::array<std::string_view, 3> kinds = {"dynamic", "fixed", "differencing"};
  const auto kind = TRY(arguments.choice("type", kinds));
  if (!kind) return arguments.has("parent") ? DiskKind::differencing : DiskKind::dynamic;
  const bool is_differencing = static_cast<DiskKind>(*kind) == DiskKind::differencing;
  if (is_differencing && !arguments.has("parent")) {
    return usage_failure("usage-option", "a differencing disk needs a parent", "add --parent PATH");
  }
  if (!is_differencing && arguments.has("parent")) {
    return usage_failure("usage-option", fmt::format("a {} disk has no parent", kinds[*kind]),
                         "leave out --parent, or use --type differencing");
  }
  return static_cast<DiskKind>(*kind);
}

Result<Request> read_request(const Arguments& arguments) {
  Request request;
  request.path = arguments.positional(0);
  request.kind = TRY(kind_asked_for(arguments));
  request.parent = arguments.text("parent");
  const auto size = TRY(arguments.size_bytes("size"));
  if (!size && !request.parent) {
    return usage_failure("usage-option", "the size of the disk is missing", "add --size, as in --size 64GiB");
  }
  request.disk_size_bytes = size;
  if (const auto block_size = TRY(arguments.size_bytes("block-size")))
    request.block_size_bytes = TRY(as_32_bits("block-size", *block_size));
  request.logical_sector_size_bytes = TRY(sector_size(arguments, "sector-size"));
  request.physical_sector_size_bytes = TRY(sector_size(arguments, "physical-sector-size"));
  return request;
}

Result<void> create_base(const CommandContext& context, const Request& request) {
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = *request.disk_size_bytes;
  metadata.block_size_bytes = request.block_size_bytes.value_or(vhdx::default_dynamic_block_size_bytes);
  metadata.logical_sector_size_bytes =
      request.logical_sector_size_bytes.value_or(metadata.logical_sector_size_bytes);
  metadata.physical_sector_size_bytes =
      request.physical_sector_size_bytes.value_or(metadata.physical_sector_size_bytes);
  metadata.leave_blocks_allocated = request.kind == DiskKind::fixed;
  metadata.virtual_disk_id = Guid::make_random(context.random);
  TRY(check_numbers(request.path, metadata));
  return create_disk(context.files, request.path, metadata, context.random);
}

Result<void> create_differencing(const CommandContext& context, const Request& request) {
  const std::string& parent = *request.parent;
  if (request.physical_sector_size_bytes) {
    return usage_failure("usage-option", "a differencing disk has the physical sectors of its parent",
                         "leave out --physical-sector-size");
  }
  TRY(check_parent_name(request.path, parent));
  // The whole chain below must be sound: a child of a broken chain would be broken, too.
  const Chain below = TRY(open_chain(context.files, parent, {}, context.random));
  if (request.logical_sector_size_bytes.value_or(below.sector_size_bytes()) != below.sector_size_bytes()) {
    return usage_failure("usage-option",
                         fmt::format("a differencing disk has the sectors of its parent: {} has {} bytes",
                                     parent, below.sector_size_bytes()),
                         "leave out --sector-size");
  }
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = request.disk_size_bytes.value_or(below.disk_size_bytes());
  metadata.block_size_bytes = request.block_size_bytes.value_or(vhdx::default_differencing_block_size_bytes);
  metadata.logical_sector_size_bytes = below.sector_size_bytes();
  // A parent of less than a VHDX should have was made elsewhere, and may have children all the same.
  TRY(request.disk_size_bytes ? check_numbers(request.path, metadata)
                              : as_usage(vhdx::check_disk_numbers(request.path, metadata)));
  const ChildOptions options{.block_size_bytes = request.block_size_bytes.value_or(0),
                             .disk_size_bytes = request.disk_size_bytes.value_or(0)};
  return create_child(context.files, parent, request.path, options, context.random);
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"PATH"}},
      .options =
          {
              {"size", "SIZE", "size of the disk, such as 64GiB; a differencing disk takes its parent's"},
              {"type", "TYPE",
               "'dynamic' (the default) grows with what is written, 'fixed' has its full length from the "
               "start, 'differencing' holds what changes against its parent (the default with --parent)"},
              {"parent", "PATH", "the disk a differencing disk stands on"},
              {"block-size", "SIZE",
               "unit of allocation, a power of two from 1MiB to 256MiB; 32MiB by default, 2MiB for a "
               "differencing disk"},
              {"sector-size", "BYTES", "logical sectors: 512 (the default) or 4096"},
              {"physical-sector-size", "BYTES", "physical sectors: 512 or 4096 (the default)"},
              format_option,
          },
      .description =
          "Makes a new VHDX file. An existing file is never overwritten, and nothing is left behind where "
          "the disk cannot be made. A parent must not be written to once it has a child.",
      .example =
          "disk create base.vhdx --size 64GiB\n"
          "disk create now.avhdx --parent base.vhdx",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const Request request = TRY(read_request(arguments));
  TRY(request.parent ? create_differencing(context, request) : create_base(context, request));

  const DiskSurvey made = TRY(survey_disk(context.files, request.path, context.random));
  if (format == OutputFormat::json) {
    context.out << json_text(as_json(made));
  } else {
    context.out << fmt::format("created {}: {} VHDX of {}, blocks of {}\n", printable(made.path), made.type(),
                               format_size(made.disk_size_bytes), exact_size(made.block_size_bytes));
  }
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_create
