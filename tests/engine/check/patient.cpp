// Building, changing and reading back the patients that the tests of checks and repairs share; see patient.h.
#include "tests/engine/check/patient.h"

#include <cstring>
#include <stdexcept>

#include "engine/format/vhdx/checksum.h"
#include "engine/layer/vhdx_layer.h"

namespace vhdlab::tests {
namespace {

template <typename T>
T good(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace

Patient::Patient(Kind kind, uint64_t seed) : random_(seed) {
  vhdx::DiskMetadata metadata{.disk_size_bytes = disk_size_bytes,
                              .block_size_bytes = block_size_bytes,
                              .leave_blocks_allocated = kind == Kind::fixed,
                              .virtual_disk_id = Guid::make_random(random_)};
  if (kind == Kind::differencing)
    metadata.parent = vhdx::make_parent_locator(Guid::make_random(random_), "/", "/base.vhdx");
  good(create_disk(files_, path_, metadata, random_));
  write({1 * mib, 1 * mib});
  write({2 * mib + 4096, 64 * kib});
  write({last_block * mib, 256 * kib});
}

std::unique_ptr<File> Patient::file() {
  return good(files_.open(path_, OpenMode::read_write));
}

std::vector<std::byte> Patient::bytes() {
  std::vector<std::byte> all(size_bytes());
  good(file()->read(0, all));
  return all;
}

vhdx::CheckReport Patient::check() {
  return good(vhdx::check_image(*good(files_.open(path_, OpenMode::read_only))));
}

void Patient::write(ByteRange range, bool close) {
  const auto layer = good(open_vhdx(files_, path_, OpenMode::read_write, CacheMode::buffered, random_));
  std::vector<std::byte> data(range.length);
  for (std::byte& byte : data)
    byte = static_cast<std::byte>(random_.next_u64() | 1);
  WritePlan plan;
  good(layer->plan_write(range, plan));
  good(carry_out(*layer, plan, range.offset, data));
  good(layer->flush());
  if (close) good(layer->close());
}

void Patient::zero(ByteRange range) {
  const auto layer = good(open_vhdx(files_, path_, OpenMode::read_write, CacheMode::buffered, random_));
  WritePlan plan;
  good(layer->plan_zero(range, plan));
  good(carry_out(*layer, plan, range.offset, {}));
  good(layer->close());
}

DiskContent Patient::content() {
  const auto layer = good(open_vhdx(files_, path_, OpenMode::read_only, CacheMode::buffered, random_));
  DiskContent content{std::vector<std::byte>(disk_size_bytes), std::vector<bool>(disk_size_bytes / 512)};
  std::vector<Extent> extents;
  good(layer->resolve({0, disk_size_bytes}, extents));
  for (const Extent& extent : extents) {
    const auto place = MutableBytes(content.bytes).subspan(extent.virtual_offset, extent.length);
    if (extent.kind == ExtentKind::data) good(layer->file().read(extent.file_offset, place));
    for (uint64_t at = extent.virtual_offset; at < extent.virtual_end(); at += 512)
      content.is_absent[at / 512] = extent.kind == ExtentKind::absent;
  }
  return content;
}

void Patient::poke(uint64_t offset, Bytes bytes) {
  good(file()->write(offset, bytes));
}

void Patient::resize(uint64_t size_bytes) {
  good(file()->resize(size_bytes));
}

uint64_t Patient::size_bytes() {
  return good(file()->size_bytes());
}

void Patient::edit_header(size_t slot, const std::function<void(vhdx::Header&)>& edit) {
  auto header = peek<vhdx::Header>(vhdx::header_offsets.at(slot));
  edit(header);
  header.checksum = vhdx::checksum_of(header);
  poke_value(vhdx::header_offsets.at(slot), header);
}

void Patient::edit_headers(const std::function<void(vhdx::Header&)>& edit) {
  edit_header(0, edit);
  edit_header(1, edit);
}

void Patient::edit_region_table(size_t slot, const std::function<void(std::vector<std::byte>&)>& edit) {
  std::vector<std::byte> table(vhdx::region_table_length);
  good(file()->read(vhdx::region_table_offsets.at(slot), table));
  edit(table);
  const le32 checksum = vhdx::checksum_of(Bytes(table));
  std::memcpy(table.data() + offsetof(vhdx::RegionTableHeader, checksum), &checksum, sizeof(checksum));
  poke(vhdx::region_table_offsets.at(slot), table);
}

void Patient::edit_region_tables(const std::function<void(std::vector<std::byte>&)>& edit) {
  edit_region_table(0, edit);
  edit_region_table(1, edit);
}

void Patient::edit_region_entry(size_t index, const std::function<void(vhdx::RegionTableEntry&)>& edit) {
  edit_region_tables([&](std::vector<std::byte>& table) {
    std::byte* at = table.data() + sizeof(vhdx::RegionTableHeader) + index * sizeof(vhdx::RegionTableEntry);
    vhdx::RegionTableEntry entry;
    std::memcpy(&entry, at, sizeof(entry));
    edit(entry);
    std::memcpy(at, &entry, sizeof(entry));
  });
}

void Patient::edit_metadata_entry(size_t index, const std::function<void(vhdx::MetadataTableEntry&)>& edit) {
  const uint64_t at =
      metadata_offset + sizeof(vhdx::MetadataTableHeader) + index * sizeof(vhdx::MetadataTableEntry);
  auto entry = peek<vhdx::MetadataTableEntry>(at);
  edit(entry);
  poke_value(at, entry);
}

vhdx::BatEntry Patient::entry(uint64_t index) {
  return {peek<le64>(bat_offset + index * sizeof(le64))};
}

void Patient::set_entry(uint64_t index, vhdx::BatEntry entry) {
  poke_value(bat_offset + index * sizeof(le64), le64(entry.bits));
}

}  // namespace vhdlab::tests
