// A source is written and flushed, then copied against the clock; see copy_rate.h.
#include "scenarios/cli/copy_rate.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t piece_bytes = 4 * mib;  // as a merge moves them
constexpr uint64_t source_bytes_max = 256 * mib;
constexpr uint64_t source_bytes_min = 32 * mib;
constexpr Nanoseconds time_max = std::chrono::seconds(5);  // of copying: slow devices need no more to show it

// A file without a name: open for writing, and once more for reading past the page cache where that works.
struct NamelessFile {
  std::unique_ptr<File> writer;
  std::unique_ptr<File> reader;
  bool is_direct = false;
};

Result<NamelessFile> make_nameless(const CommandContext& context, const std::string& folder) {
  const std::string path =
      (std::filesystem::path(folder) / fmt::format("vhdlab-rate-{:016x}.partial", context.random.next_u64()))
          .string();
  NamelessFile file{.writer = TRY(context.files.create(path)), .reader = {}};
  auto direct = context.files.open(path, OpenMode::read_only, CacheMode::direct);
  file.is_direct = direct.has_value();
  auto reader = direct ? std::move(direct) : context.files.open(path, OpenMode::read_only);
  TRY(context.files.remove(path));
  file.reader = TRY(std::move(reader));
  return file;
}

Result<void> stop_or_go_on(const CommandContext& context) {
  if (!context.stop || !context.stop()) return {};
  return failure(ErrorKind::interrupted, "rate-interrupted", "the copy test was stopped");
}

}  // namespace

Result<void> refuse_two_rates(const Arguments& arguments) {
  if (!arguments.has("rate") || !arguments.has("measure-rate")) return {};
  return usage_failure("usage-option", "--rate and --measure-rate exclude each other",
                       "give the rate, or have it measured");
}

Result<CopyRate> measure_copy_rate(const CommandContext& context, const std::string& folder) {
  const uint64_t free = TRY(context.free_space_bytes(folder));
  // Source and copy, and as much again left to others.
  const uint64_t wanted = std::min(source_bytes_max, round_down(free / 4, piece_bytes));
  if (wanted < source_bytes_min) {
    return failure(
        ErrorKind::no_space, "rate-no-space",
        fmt::format("{}: too little space to measure a rate: {} are free", folder, format_size(free)),
        "say the rate with --rate");
  }
  NamelessFile source = TRY(make_nameless(context, folder));
  const NamelessFile copy = TRY(make_nameless(context, folder));
  AlignedBuffer buffer(piece_bytes);
  for (uint64_t at = 0; at < wanted; at += piece_bytes) {
    TRY(stop_or_go_on(context));
    for (size_t word = 0; word < piece_bytes; word += sizeof(uint64_t)) {
      const uint64_t value = context.random.next_u64();  // nothing that a device could make small
      std::memcpy(buffer.bytes().data() + word, &value, sizeof(value));
    }
    TRY(source.writer->write(at, buffer.bytes()));
  }
  TRY(source.writer->flush());

  const Nanoseconds begin = context.now();
  CopyRate rate{.bytes_per_s = 0, .bytes = 0, .is_direct = source.is_direct};
  while (rate.bytes < wanted && context.now() - begin < time_max) {
    TRY(stop_or_go_on(context));
    TRY(source.reader->read(rate.bytes, buffer.bytes()));
    TRY(copy.writer->write(rate.bytes, buffer.bytes()));
    rate.bytes += piece_bytes;
  }
  TRY(copy.writer->flush());
  const auto taken = std::max<int64_t>((context.now() - begin).count(), 1);
  rate.bytes_per_s =
      static_cast<uint64_t>(static_cast<double>(rate.bytes) * 1e9 / static_cast<double>(taken));
  return rate;
}

}  // namespace vhdlab::scenarios
