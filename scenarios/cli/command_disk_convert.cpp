// vhdlab disk convert: one new file with what a disk reads as, whatever it is made of.
//
//   chain or raw image ──► TO.<random>.partial ──► flushed ──► renamed to TO
//                               └── removed on failure and on Ctrl-C
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <limits>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/endian.h"
#include "engine/chain/chain_open.h"
#include "engine/chain/copy_disk.h"
#include "engine/format/vhdx/layout.h"
#include "engine/format/vhdx/metadata.h"
#include "engine/layer/raw_layer.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/disk_survey.h"
#include "scenarios/cli/output_format.h"
#include "scenarios/cli/progress_line.h"

namespace vhdlab::scenarios::disk_convert {
namespace {

namespace fs = std::filesystem;

struct Request {
  std::string from;
  std::string to;
  DiskFormat from_format = DiskFormat::automatic;
  DiskFormat to_format = DiskFormat::automatic;
  bool is_fixed = false;
  uint32_t block_size_bytes = vhdx::default_dynamic_block_size_bytes;
  std::optional<uint32_t> logical_sector_size_bytes;   // absent: the source's
  std::optional<uint32_t> physical_sector_size_bytes;  // absent: the source's
  bool may_replace = false;
  bool ignore_id_mismatch = false;
};

std::string suffix_of(const std::string& path) {
  std::string suffix = fs::path(path).extension().string();
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  return suffix;
}

bool is_among(const std::string& word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

Result<DiskFormat> format_option_value(const Arguments& arguments, const std::string& option) {
  constexpr std::array<std::string_view, 2> formats = {"raw", "vhdx"};
  const auto format = TRY(arguments.choice(option, formats));
  if (!format) return DiskFormat::automatic;
  return *format == 0 ? DiskFormat::raw : DiskFormat::vhdx;
}

Result<DiskFormat> format_of_target(const std::string& path) {
  const std::string suffix = suffix_of(path);
  if (is_among(suffix, {".vhdx", ".avhdx"})) return DiskFormat::vhdx;
  if (is_among(suffix, {".raw", ".img", ".bin", ".dd"})) return DiskFormat::raw;
  return usage_failure("convert-format",
                       fmt::format("{}: its suffix does not tell which format to write", path),
                       "add --to-format raw or --to-format vhdx");
}

// By the file's first bytes. A file that is no VHDX is raw, except where its name promises a format that must
// not be taken for raw bytes.
Result<DiskFormat> format_of_source(const CommandContext& context, const std::string& path) {
  const auto file = TRY(context.files.open(path, OpenMode::read_only));
  le64 signature = 0;
  if (TRY(file->size_bytes()) >= sizeof(signature)) {
    TRY(file->read(0, std::as_writable_bytes(std::span(&signature, 1))));
  }
  if (signature == vhdx::FileIdentifier::expected_signature) return DiskFormat::vhdx;
  if (is_among(suffix_of(path), {".vhdx", ".avhdx", ".vhd", ".avhd", ".vmdk", ".qcow2", ".vdi"})) {
    return failure(ErrorKind::unsupported, "convert-format",
                   fmt::format("{}: neither a VHDX file nor, by its name, a raw image", path),
                   "if its bytes are the disk's bytes, add --from-format raw");
  }
  return DiskFormat::raw;
}

Result<std::optional<uint32_t>> sector_size(const Arguments& arguments, const std::string& option) {
  const auto size = TRY(arguments.size_bytes(option));
  if (!size) return std::nullopt;
  if (*size != 512 && *size != 4096) {
    return usage_failure("usage-value", fmt::format("--{}: {} is neither 512 nor 4096", option, *size));
  }
  return static_cast<uint32_t>(*size);
}

Result<Request> read_request(const CommandContext& context, const Arguments& arguments) {
  Request request;
  request.from = arguments.positional(0);
  request.to = arguments.positional(1);
  request.from_format = TRY(format_option_value(arguments, "from-format"));
  request.to_format = TRY(format_option_value(arguments, "to-format"));
  if (request.to_format == DiskFormat::automatic) request.to_format = TRY(format_of_target(request.to));
  if (request.to_format == DiskFormat::raw) {
    for (const char* option : {"type", "block-size", "sector-size", "physical-sector-size"}) {
      if (arguments.has(option)) {
        return usage_failure("usage-option", fmt::format("--{} does not apply to a raw image", option),
                             "leave it out, or use --to-format vhdx");
      }
    }
  }
  constexpr std::array<std::string_view, 2> types = {"dynamic", "fixed"};
  request.is_fixed = TRY(arguments.choice("type", types)) == 1;
  if (const auto size = TRY(arguments.size_bytes("block-size"))) {
    if (*size > std::numeric_limits<uint32_t>::max()) {
      return usage_failure("usage-value", fmt::format("--block-size: {} is too large", format_size(*size)));
    }
    request.block_size_bytes = static_cast<uint32_t>(*size);
  }
  request.logical_sector_size_bytes = TRY(sector_size(arguments, "sector-size"));
  request.physical_sector_size_bytes = TRY(sector_size(arguments, "physical-sector-size"));
  request.may_replace = arguments.has("force");
  request.ignore_id_mismatch = arguments.has("ignore-id-mismatch");
  if (request.from_format == DiskFormat::automatic) {
    request.from_format = TRY(format_of_source(context, request.from));
  }
  return request;
}

// The target must not be there, or be a file that may be replaced: not one this conversion reads from, and
// not one somebody else writes to. The lock is held as long as the returned file.
Result<std::unique_ptr<File>> claim_target(const CommandContext& context, const Request& request,
                                           const Chain& source) {
  if (!context.files.exists(request.to)) {
    if (!context.files.status(request.to)) return nullptr;
    return failure(
        ErrorKind::invalid_argument, "file-not-regular",
        fmt::format("{}: is a link that leads nowhere, expected a regular file or none", request.to),
        "choose another name, or remove the link");
  }
  const FileIdentity target = TRY(context.files.identity(request.to));
  for (const auto& layer : source.layers()) {
    if (TRY(context.files.identity(layer->path())) == target) {
      return usage_failure("convert-onto-source",
                           fmt::format("{}: is part of the disk to convert", request.to),
                           "choose another name for the result");
    }
  }
  if (!request.may_replace) {
    return failure(ErrorKind::already_exists, "file-exists", fmt::format("{}: is there already", request.to),
                   "choose another name, or add --force to replace it");
  }
  return context.files.open(request.to, OpenMode::read_write);
}

vhdx::DiskMetadata metadata_of_target(const Request& request, const Chain& source, RandomSource& random) {
  vhdx::DiskMetadata metadata;
  metadata.block_size_bytes = request.block_size_bytes;
  metadata.leave_blocks_allocated = request.is_fixed;
  metadata.logical_sector_size_bytes = request.logical_sector_size_bytes.value_or(source.sector_size_bytes());
  if (auto* leaf = dynamic_cast<VhdxLayer*>(&source.leaf())) {
    metadata.physical_sector_size_bytes = leaf->image().metadata().physical_sector_size_bytes;
  }
  metadata.physical_sector_size_bytes =
      request.physical_sector_size_bytes.value_or(metadata.physical_sector_size_bytes);
  metadata.disk_size_bytes = round_up(source.disk_size_bytes(), metadata.logical_sector_size_bytes);
  metadata.virtual_disk_id = Guid::make_random(random);
  return metadata;
}

// Data in the source's files: what the target takes at most, its tables apart.
Result<uint64_t> data_bytes(const CommandContext& context, const Chain& source) {
  constexpr uint64_t window_bytes = 1 * gib;
  ReadPlan plan;
  uint64_t total = 0;
  for (uint64_t window = 0; window < source.disk_size_bytes(); window += window_bytes) {
    if (context.stop()) {
      return failure(ErrorKind::interrupted, "copy-interrupted",
                     source.leaf().path() + ": copy stopped on request");
    }
    TRY(source.resolve({window, std::min(window_bytes, source.disk_size_bytes() - window)}, plan));
    for (const ReadSegment& segment : plan.segments)
      total += segment.is_zero ? 0 : segment.length;
  }
  return total;
}

Result<void> require_space(const CommandContext& context, const Request& request, uint64_t needed_bytes) {
  const uint64_t free_bytes = TRY(context.free_space_bytes(fs::path(request.to).parent_path().string()));
  if (needed_bytes <= free_bytes) return {};
  return failure(ErrorKind::no_space, "convert-no-space",
                 fmt::format("{}: the disk holds {} of data, {} are free there", request.to,
                             format_size(needed_bytes), format_size(free_bytes)),
                 "free some space, or convert to another device");
}

// A file beside the target that becomes the target, or goes.
class PartialFile {
 public:
  PartialFile(const CommandContext& context, const std::string& target)
      : files_(context.files),
        target_(target),
        path_(fmt::format("{}.{:08x}.partial", target, static_cast<uint32_t>(context.random.next_u64()))) {}
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;
  ~PartialFile() {
    if (is_ours_) (void)files_.remove(path_);  // whatever ended the conversion is the failure to tell
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  // Opens the new, empty disk for writing.
  [[nodiscard]] Result<Chain> create(const Request& request, const vhdx::DiskMetadata& metadata,
                                     RandomSource& random) {
    std::vector<std::unique_ptr<Layer>> layers;
    if (request.to_format == DiskFormat::raw) {
      auto file = TRY(files_.create(path_));
      is_ours_ = true;
      TRY(file->resize(metadata.disk_size_bytes));
      layers.push_back(TRY(RawLayer::open(path_, std::move(file))));
    } else {
      TRY(create_disk(files_, path_, metadata, random));
      is_ours_ = true;
      layers.push_back(TRY(open_vhdx(files_, path_, OpenMode::read_write, CacheMode::buffered, random)));
    }
    return Chain(std::move(layers));
  }

  // The file, closed and durable, takes the target's place.
  [[nodiscard]] Result<void> become_target(bool may_replace) {
    if (!may_replace && files_.exists(target_)) {
      return failure(ErrorKind::already_exists, "file-exists",
                     fmt::format("{}: came into being in the meantime", target_), "choose another name");
    }
    TRY(files_.rename(path_, target_));
    is_ours_ = false;
    return files_.sync_folder(fs::path(target_).parent_path().string());
  }

 private:
  FileSystem& files_;
  std::string target_;
  std::string path_;
  bool is_ours_ = false;
};

Result<CopyOutcome> convert(const CommandContext& context, const Request& request, const Chain& source,
                            const vhdx::DiskMetadata& metadata, bool quiet) {
  PartialFile partial(context, request.to);
  CopyOutcome outcome;
  {
    Chain target = TRY(partial.create(request, metadata, context.random));
    const auto progress = make_progress(context, quiet);
    progress->stage("converting", ProgressUnit::bytes);
    outcome = TRY(copy_disk(
        source, target, [&](uint64_t done, uint64_t total) { progress->update(done, total); }, context.stop));
    TRY(target.close());
  }
  TRY(partial.become_target(request.may_replace));
  return outcome;
}

void print_outcome(const CommandContext& context, const Request& request, const vhdx::DiskMetadata& metadata,
                   const CopyOutcome& outcome, OutputFormat format) {
  const std::string_view to_format = request.to_format == DiskFormat::raw ? "raw" : "vhdx";
  if (format == OutputFormat::json) {
    const nlohmann::ordered_json document = {
        {"source_path", request.from},
        {"source_format", request.from_format == DiskFormat::raw ? "raw" : "vhdx"},
        {"target_path", request.to},
        {"target_format", to_format},
        {"disk_size_bytes", metadata.disk_size_bytes},
        {"read_bytes", outcome.bytes_read},
        {"written_bytes", outcome.bytes_written},
    };
    context.out << json_text(document);
    return;
  }
  context.out << fmt::format("converted {} to {} ({}): a disk of {}, {} of data\n", printable(request.from),
                             printable(request.to), to_format, format_size(metadata.disk_size_bytes),
                             format_size(outcome.bytes_written));
}

}  // namespace

CommandSyntax syntax() {
  return {
      .positionals = {{"FROM"}, {"TO"}},
      .options =
          {
              {"from-format", "FORMAT", "'raw' or 'vhdx'; by default what the file's first bytes say"},
              {"to-format", "FORMAT",
               "'raw' or 'vhdx'; by default what TO's suffix says: .vhdx or .avhdx; .raw, .img, .bin or .dd"},
              {"type", "TYPE", "of a VHDX: 'dynamic' (the default) or 'fixed'"},
              {"block-size", "SIZE", "of a VHDX: a power of two from 1MiB to 256MiB; 32MiB by default"},
              {"sector-size", "BYTES", "logical sectors of a VHDX: 512 or 4096; by default as in FROM"},
              {"physical-sector-size", "BYTES",
               "physical sectors of a VHDX: 512 or 4096; by default as in FROM"},
              {"force", "", "replace TO where it exists"},
              {"ignore-id-mismatch", "", "accept a parent whose identity does not fit"},
              quiet_option,
              format_option,
          },
      .description =
          "Writes what a disk reads as into one new file: between raw images and VHDX, and a whole chain "
          "into one file. Zeros take no space. TO appears only when it is complete; a conversion that fails "
          "or is stopped leaves nothing behind.",
      .example =
          "disk convert disk.img disk.vhdx\n"
          "disk convert now.avhdx flat.vhdx --type fixed",
  };
}

Result<ExitCode> run(const CommandContext& context, const Arguments& arguments) {
  const OutputFormat format = TRY(output_format(arguments));
  const Request request = TRY(read_request(context, arguments));
  const Chain source = TRY(open_chain(context.files, request.from,
                                      {.format = request.from_format,
                                       .ignore_id_mismatch = request.ignore_id_mismatch,
                                       .metadata_cache_bytes = tables_of_one_pass_bytes},
                                      context.random));
  if (TRY(context.files.is_being_written(request.from))) {
    return failure(
        ErrorKind::in_use, "disk-being-written",
        fmt::format("{}: another program is writing to it: a copy would hold no one moment of it",
                    request.from),
        "stop that program; or take a checkpoint and convert the disk that stands still from then on");
  }
  const auto replaced = TRY(claim_target(context, request, source));
  const vhdx::DiskMetadata metadata = metadata_of_target(request, source, context.random);
  if (request.to_format == DiskFormat::vhdx) TRY(check_numbers(request.to, metadata));
  TRY(require_space(context, request, TRY(data_bytes(context, source))));

  const CopyOutcome outcome = TRY(convert(context, request, source, metadata, arguments.has("quiet")));
  print_outcome(context, request, metadata, outcome, format);
  return ExitCode::done;
}

}  // namespace vhdlab::scenarios::disk_convert
