// Makes the base images once and writes them again for every input; see fuzz_image.h.
#include "tests/fuzz/fuzz_image.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/chain/chain_open.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/layout.h"
#include "tests/fuzz/fuzz_target.h"

namespace vhdlab::fuzz {
namespace {

using namespace vhdx;

constexpr uint64_t piece_length = 4 * kib;  // what of a base is not zeros is kept in pieces of this

struct Piece {
  uint64_t offset;
  std::vector<std::byte> bytes;
};

struct SparseFile {
  uint64_t size_bytes = 0;
  std::vector<Piece> pieces;
};

SparseFile read_sparse(MemoryFileSystem& files, const std::string& path) {
  const auto file = promised(files.open(path, OpenMode::read_only), "open a base");
  SparseFile sparse{.size_bytes = promised(file->size_bytes(), "size of a base")};
  for (uint64_t at = 0; at < sparse.size_bytes;) {
    const auto data = promised(file->next_data(at), "next data of a base");
    if (!data) break;
    at = std::max(at, round_down(data->offset, piece_length));
    const uint64_t length = std::min(piece_length, sparse.size_bytes - at);
    Piece piece{at, std::vector<std::byte>(length)};
    promised(file->read(at, piece.bytes), "read a base");
    if (!all_zero(piece.bytes)) sparse.pieces.push_back(std::move(piece));
    at += length;
  }
  return sparse;
}

void write_sparse(File& file, const SparseFile& sparse) {
  promised(file.resize(sparse.size_bytes), "size a copy");
  for (const Piece& piece : sparse.pieces)
    promised(file.write(piece.offset, piece.bytes), "write a copy");
}

// Writes sectors through a layer; left dirty unless it is closed.
void write_some(MemoryFileSystem& files, const std::string& path, uint8_t value, bool close,
                RandomSource& random) {
  const auto layer =
      promised(open_vhdx(files, path, OpenMode::read_write, CacheMode::buffered, random), "open to fill");
  WritePlan plan;
  const std::vector<std::byte> data(8 * kib, std::byte{value});
  for (uint64_t offset : {uint64_t{0}, 1 * mib - 4 * kib, 2 * mib + 64 * kib}) {
    promised(layer->plan_write({offset, data.size()}, plan), "plan");
    promised(carry_out(*layer, plan, offset, data), "carry out");
    promised(layer->flush(), "flush");
  }
  if (close) promised(layer->close(), "close");
}

void create(MemoryFileSystem& files, const std::string& path, DiskMetadata metadata, RandomSource& random) {
  if (metadata.disk_size_bytes == 0) metadata.disk_size_bytes = 4 * mib;
  metadata.block_size_bytes = 1 * mib;
  promised(create_disk(files, path, metadata, random), "create a base");
}

void create_over(MemoryFileSystem& files, const std::string& parent, const std::string& path,
                 RandomSource& random) {
  promised(create_child(files, parent, path, {.block_size_bytes = 1 * mib}, random), "create a child");
}

std::array<SparseFile, base_image_count> make_bases() {
  MemoryFileSystem files;
  SeededRandom random(20261123);
  std::array<SparseFile, base_image_count> bases;
  const auto keep = [&](BaseImage base, const std::string& path) {
    bases[static_cast<size_t>(base)] = read_sparse(files, path);
  };
  create(files, base_path, {}, random);
  write_some(files, base_path, 0xb1, true, random);
  keep(BaseImage::base, base_path);
  create_over(files, base_path, child_path, random);
  write_some(files, child_path, 0xc1, true, random);
  keep(BaseImage::child, child_path);
  create_over(files, child_path, leaf_path, random);
  write_some(files, leaf_path, 0xd1, true, random);
  keep(BaseImage::leaf, leaf_path);

  create(files, "/dirty.vhdx", {}, random);
  write_some(files, "/dirty.vhdx", 0xb2, false, random);
  keep(BaseImage::dirty_base, "/dirty.vhdx");
  create_over(files, base_path, "/dirty-child.vhdx", random);
  write_some(files, "/dirty-child.vhdx", 0xc2, false, random);
  keep(BaseImage::dirty_child, "/dirty-child.vhdx");

  create(files, "/fixed.vhdx", {.leave_blocks_allocated = true}, random);
  write_some(files, "/fixed.vhdx", 0xb3, true, random);
  keep(BaseImage::fixed, "/fixed.vhdx");
  create(files, "/large-sectors.vhdx", {.logical_sector_size_bytes = 4096}, random);
  write_some(files, "/large-sectors.vhdx", 0xb4, true, random);
  keep(BaseImage::large_sectors, "/large-sectors.vhdx");
  DiskMetadata own_parent;
  own_parent.parent =
      make_parent_locator(Guid::literal("11111111-2222-3333-4444-555555555555"), "/", leaf_path);
  create(files, "/own-parent.vhdx", own_parent, random);
  keep(BaseImage::own_parent, "/own-parent.vhdx");
  create(files, "/large.vhdx", {.disk_size_bytes = 64 * gib}, random);
  write_some(files, "/large.vhdx", 0xb5, true, random);
  keep(BaseImage::large, "/large.vhdx");
  return bases;
}

struct Place {
  uint64_t offset;
  uint64_t step = 1;  // what the patch's offset counts
};

constexpr std::array<Place, 13> places = {{
    {0},                                // the file identifier
    {header_offsets[0]},                // header 1
    {header_offsets[1]},                // header 2
    {region_table_offsets[0]},          // region table 1
    {region_table_offsets[1]},          // region table 2
    {log_offset},                       // the log's first entries
    {log_offset + 1 * mib - 64 * kib},  // and its end
    {metadata_offset},                  // the table of metadata items
    {metadata_offset + 64 * kib},       // the items
    {bat_offset},                       // the block allocation table
    {bat_offset + 4096 * 8},            // its entry for the first bitmap block (chunk ratio 4096)
    {4 * mib, 4 * kib},                 // payload and bitmap blocks
    {0, 512},                           // any sector of the first 32 MiB
}};

uint32_t read_u32(File& file, uint64_t offset) {
  le32 value;
  promised(file.read(offset, std::as_writable_bytes(std::span(&value, 1))), "read a patched file");
  return value;
}

void mend(File& file, ByteRange structure) {
  if (promised(file.size_bytes(), "size") < structure.end()) return;
  std::vector<std::byte> bytes(structure.length);
  promised(file.read(structure.offset, bytes), "read to mend");
  const le32 checksum = checksum_of(Bytes(bytes));
  promised(file.write(structure.offset + 4, std::as_bytes(std::span(&checksum, 1))), "mend");
}

}  // namespace

void mend_headers(File& file) {
  for (uint64_t offset : header_offsets)
    mend(file, {offset, sizeof(Header)});
}

void mend_region_tables(File& file) {
  for (uint64_t offset : region_table_offsets)
    mend(file, {offset, region_table_length});
}

// Entries that wrap round the ring's end stay as they are: they are made whole by the log_replay target.
void mend_log_entries(File& file) {
  const uint64_t size = promised(file.size_bytes(), "size");
  const uint64_t log_end = std::min(size, log_offset + 1 * mib);
  for (uint64_t at = log_offset; at + log_sector_length <= log_end;) {
    const auto data = promised(file.next_data(at), "next data");
    if (!data) break;
    at = std::max(at, round_down(data->offset, log_sector_length));
    if (at + log_sector_length > log_end) break;
    uint64_t length = log_sector_length;
    if (read_u32(file, at) == LogEntryHeader::expected_signature) {
      const uint64_t claimed = read_u32(file, at + offsetof(LogEntryHeader, entry_length));
      if (claimed >= log_sector_length && claimed % log_sector_length == 0 && at + claimed <= log_end)
        length = claimed;
      mend(file, {at, length});
    }
    at += length;
  }
}

std::unique_ptr<File> put_base(MemoryFileSystem& files, BaseImage base, const std::string& path) {
  static const std::array<SparseFile, base_image_count> bases = make_bases();
  auto file = promised(files.create(path), "create a copy");
  write_sparse(*file, bases[static_cast<size_t>(base)]);
  return file;
}

void put_image(MemoryFileSystem& files, FuzzInput& input, const std::string& path) {
  const auto base = static_cast<BaseImage>(input.u8() % base_image_count);
  const uint8_t to_mend = input.u8();
  const auto file = put_base(files, base, path);
  while (!input.empty()) {
    const uint8_t place = input.u8() % (places.size() + 1);
    const uint16_t offset = input.u16();
    if (place == places.size()) {
      promised(file->resize(uint64_t{offset} * 4 * kib), "resize");
      continue;
    }
    promised(file->write(places[place].offset + offset * places[place].step, input.take(input.u8())),
             "patch");
  }
  if ((to_mend & 4) != 0) mend_log_entries(*file);
  if ((to_mend & 1) != 0) mend_headers(*file);
  if ((to_mend & 2) != 0) mend_region_tables(*file);
}

void copy_file(MemoryFileSystem& from, const std::string& from_path, MemoryFileSystem& to,
               const std::string& to_path) {
  write_sparse(*promised(to.create(to_path), "create a copy"), read_sparse(from, from_path));
}

std::vector<ByteRange> windows_of(uint64_t disk_size_bytes) {
  constexpr uint64_t half = 64 * kib;  // what the bases hold and what changes touch lies around block edges
  if (disk_size_bytes < 4 * mib) return {{0, disk_size_bytes}};
  return {{0, half},
          {1 * mib - half, 2 * half},
          {2 * mib - half, 3 * half},
          {round_down(disk_size_bytes / 4 * 3, 4096), half},
          {disk_size_bytes - half, half}};
}

Result<std::vector<std::byte>> read_alone(vhdx::Image& image, ByteRange range) {
  std::vector<Extent> extents;
  TRY(image.resolve(range, extents));
  std::vector<std::byte> data(range.length, absent_byte);
  uint64_t expected = range.offset;
  for (const Extent& extent : extents) {
    promise(extent.virtual_offset == expected, "extents follow each other");
    promise(extent.length > 0 && extent.length <= range.end() - expected, "extents lie in the range");
    expected = extent.virtual_end();
    const MutableBytes part = MutableBytes(data).subspan(extent.virtual_offset - range.offset, extent.length);
    if (extent.kind == ExtentKind::absent)
      promise(image.metadata().has_parent(), "a disk without parent answers for every byte");
    if (extent.kind == ExtentKind::zero) std::ranges::fill(part, std::byte{0});
    if (extent.kind == ExtentKind::data)
      promised(image.file().read(extent.file_offset, part), "data stand inside the file");
  }
  promise(expected == range.end(), "extents cover the range");
  return data;
}

bool equal(Bytes left, Bytes right) {
  return left.size() == right.size() &&
         (left.empty() || std::memcmp(left.data(), right.data(), left.size()) == 0);
}

Result<std::vector<std::byte>> read_windows(vhdx::Image& image) {
  std::vector<std::byte> all;
  for (const ByteRange& window : windows_of(image.metadata().disk_size_bytes)) {
    const std::vector<std::byte> part = TRY(read_alone(image, window));
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace vhdlab::fuzz
