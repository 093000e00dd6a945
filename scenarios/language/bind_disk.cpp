// The sections disk, io and sim; see bind_disk.h.
#include "scenarios/language/bind_disk.h"

#include <array>
#include <bit>

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t disk_bytes_min = 3 * mib;   // the smallest disk Hyper-V makes
constexpr uint64_t disk_bytes_max = 64 * tib;  // MS-VHDX 2.6.2.2: maximum virtual disk size

constexpr std::array<Word<DiskType>, 2> disk_type_words = {
    {{"dynamic", DiskType::dynamic}, {"fixed", DiskType::fixed}}};
constexpr std::array<Word<bool>, 1> disk_format_words = {{{"vhdx", true}}};
constexpr std::array<Word<IoKind>, 3> io_kind_words = {
    {{"psync", IoKind::psync}, {"io_uring", IoKind::io_uring}, {"mapped", IoKind::mapped}}};
constexpr std::array<Word<ResolveMode>, 2> resolve_words = {
    {{"walk", ResolveMode::walk}, {"index", ResolveMode::index}}};

uint32_t sector_size(Settings& settings, std::string_view key, uint32_t otherwise) {
  const auto size = settings.size(key, 512, 4096);
  if (!size) return otherwise;
  if (*size == 512 || *size == 4096) return static_cast<uint32_t>(*size);
  settings.judge().add(*settings.find(key),
                       fmt::format("{} is {}, expected 512 or 4096", settings.name_of(key), *size));
  return otherwise;
}

uint32_t disk_block_size(Settings& settings, uint32_t otherwise) {
  const auto size = settings.size("block_size", mib, 256 * mib);
  if (!size) return otherwise;
  if (std::has_single_bit(*size)) return static_cast<uint32_t>(*size);
  settings.judge().add(
      *settings.find("block_size"),
      fmt::format("'block_size' of 'disk' is {}, expected a power of two", format_size(*size)),
      fmt::format("the nearest are {} and {}", format_size(std::bit_floor(*size)),
                  format_size(std::bit_ceil(*size))));
  return otherwise;
}

// A size, or the word that says there is no limit.
std::optional<uint64_t> metadata_cache(Settings& settings) {
  const Node* node = settings.find("metadata_cache");
  if (node == nullptr) return std::nullopt;
  const auto value = settings.judge().resolve(*node);
  const bool is_scalar = value && value->resolved->kind == Node::Kind::scalar;
  if (is_scalar && value->resolved->text == "unlimited") return std::nullopt;
  return settings.size("metadata_cache", table_page_length, 64 * gib);
}

}  // namespace

BoundDisk bind_disk(const Node& root, Judge& judge) {
  BoundDisk bound;
  DiskSettings& disk = bound.settings;
  disk = {.type = DiskType::dynamic,
          .size_bytes = 1 * gib,
          .block_size_bytes = 32 * mib,  // what Hyper-V gives a new disk
          .logical_sector_size_bytes = 512,
          .physical_sector_size_bytes = 4096};
  const Node* node = root.find("disk");
  if (node == nullptr) {
    judge.add(root, "the scenario has no 'disk'", "say at least disk: { size: 1GiB }");
    return bound;
  }
  static constexpr std::array<std::string_view, 6> keys = {
      "format", "type", "size", "block_size", "logical_sector_size", "physical_sector_size"};
  Settings settings(judge, *node, "disk", keys);
  (void)settings.word<bool>("format", disk_format_words);
  disk.type = settings.word<DiskType>("type", disk_type_words).value_or(disk.type);
  disk.logical_sector_size_bytes =
      sector_size(settings, "logical_sector_size", disk.logical_sector_size_bytes);
  disk.physical_sector_size_bytes =
      sector_size(settings, "physical_sector_size", disk.physical_sector_size_bytes);
  disk.block_size_bytes = disk_block_size(settings, disk.block_size_bytes);
  (void)settings.required("size", "say how large the disk is, as in size: 1GiB");
  if (const auto size = settings.size("size", disk_bytes_min, disk_bytes_max)) {
    bound.is_size_known = true;
    disk.size_bytes = round_down(*size, disk.logical_sector_size_bytes);
    if (disk.size_bytes != *size) {
      judge.add(*settings.find("size"), fmt::format("'size' of 'disk' is {} bytes, not whole sectors of {}",
                                                    *size, disk.logical_sector_size_bytes));
    }
  }
  return bound;
}

BoundIo bind_io(const Node& root, Judge& judge) {
  BoundIo bound;
  const Node* node = root.find("io");
  if (node == nullptr) return bound;
  if (node->kind == Node::Kind::scalar) {  // io: io_uring
    bound.kind = judge.word<IoKind>(*node, "'io'", io_kind_words).value_or(IoKind::psync);
    return bound;
  }
  static constexpr std::array<std::string_view, 5> keys = {"kind", "engine", "direct", "resolve",
                                                           "metadata_cache"};
  Settings settings(judge, *node, "io", keys);
  const bool by_older_name = settings.find("kind") == nullptr;
  bound.kind =
      settings.word<IoKind>(by_older_name ? "engine" : "kind", io_kind_words).value_or(IoKind::psync);
  if (const Node* engine = settings.find("engine"); engine != nullptr && !by_older_name)
    judge.add(*engine, "'engine' of 'io' is the older name of 'kind', and both are given", "remove it");
  bound.direct = settings.boolean("direct").value_or(false);
  bound.lookup.resolve = settings.word<ResolveMode>("resolve", resolve_words).value_or(ResolveMode::walk);
  bound.lookup.metadata_cache_bytes = metadata_cache(settings);
  return bound;
}

SimSettings bind_sim(const Node& root, Judge& judge, const std::string& folder) {
  const Node* node = root.find("sim");
  if (node == nullptr) return {};
  static constexpr std::array<std::string_view, 1> keys = {"device"};
  Settings settings(judge, *node, "sim", keys);
  const Node* device = settings.find("device");
  const auto name = settings.text("device");
  const bool is_path = name && (name->find('/') != std::string::npos || name->ends_with(".yaml"));
  return {.device = is_path ? judge.path(*device, settings.name_of("device"), folder) : name};
}

}  // namespace vhdlab::scenarios
