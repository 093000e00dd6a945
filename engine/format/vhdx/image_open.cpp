// Opening an image: header, log, region table and metadata, then every entry of the block allocation table,
// so that nothing later needs to ask whether a place in the file is inside it and nobody else's.
#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "engine/base/endian.h"
#include "engine/format/vhdx/faults.h"
#include "engine/format/vhdx/image.h"
#include "engine/format/vhdx/replayed_file.h"

namespace vhdlab::vhdx {

Image::Image(std::unique_ptr<File> file, OpenMode mode, RandomSource& random, WriteIntent intent,
             std::shared_ptr<MetadataCache> cache)
    : file_(std::move(file)), mode_(mode), random_(random), intent_(intent), cache_(std::move(cache)) {}

Image::~Image() = default;

Result<std::unique_ptr<Image>> Image::open(std::unique_ptr<File> file, OpenMode mode, RandomSource& random,
                                           WriteIntent intent, std::shared_ptr<MetadataCache> cache) {
  const uint64_t file_size_bytes = TRY(file->size_bytes());
  if (cache == nullptr) cache = std::make_shared<MetadataCache>();
  std::unique_ptr<Image> image(new Image(std::move(file), mode, random, intent, std::move(cache)));
  TRY(image->load(file_size_bytes));
  return image;
}

Result<void> Image::load(uint64_t file_size_bytes) {
  FileIdentifier identifier;
  if (file_size_bytes < sizeof(identifier)) {
    return fault_in(file_->name(), Fault::not_a_vhdx, fmt::format("it has only {} bytes", file_size_bytes),
                    "give the path of a VHDX file");
  }
  TRY(file_->read(0, std::as_writable_bytes(std::span(&identifier, 1))));
  if (identifier.signature != FileIdentifier::expected_signature) {
    return fault_in(file_->name(), Fault::not_a_vhdx,
                    fmt::format("found {:#018x}", uint64_t{identifier.signature}),
                    "give the path of a VHDX file; 'vhdlab disk convert' makes one from a raw image");
  }
  if (file_size_bytes < header_section_length) {
    return fault_in(file_->name(), Fault::file_too_short,
                    fmt::format("{:#x} bytes, the header section alone has {:#x}", file_size_bytes,
                                header_section_length));
  }
  header_ = TRY(read_current_header(*file_, file_size_bytes));
  TRY(replay_log(file_size_bytes));
  regions_ = TRY(read_region_table(*file_, file_size_bytes));
  metadata_ = TRY(read_metadata(*file_, regions_.metadata));
  geometry_ = BatGeometry(metadata_);
  return check_tables();
}

Result<void> Image::replay_log(uint64_t& file_size_bytes) {
  LogReplay replay = TRY(read_log(*file_, header_.fields, file_size_bytes));
  log_was_dirty_ = !header_.fields.log_guid.is_zero();
  if (!log_was_dirty_) return {};
  if (mode_ == OpenMode::read_only) {
    file_ = make_replayed_file(std::move(file_), std::move(replay), file_size_bytes);
  } else {
    header_.fields.file_write_guid = Guid::make_random(random_);  // 2.2.2: before the first modification
    TRY(write_next_header(*file_, header_));
    TRY(apply_replay(*file_, replay));
    header_.fields.log_guid = Guid{};
    TRY(write_next_header(*file_, header_));
  }
  file_size_bytes = TRY(file_->size_bytes());
  return {};
}

// Reads every entry of the table once, skipping the holes of a sparse file, and proves that no two structures
// share bytes.
Result<void> Image::check_tables() {
  const uint64_t table_length = geometry_.entry_count() * bat_entry_length;
  if (table_length > regions_.bat.length) {
    return fault_in(file_->name(), Fault::bat_too_small,
                    fmt::format("{} bytes, a disk of {} bytes needs {}", regions_.bat.length,
                                metadata_.disk_size_bytes, table_length));
  }
  const uint64_t file_size_bytes = TRY(file_->size_bytes());
  TRY(claim_regions());
  bat_ = std::make_unique<MetadataPages>(
      *file_, ByteRange{regions_.bat.offset, round_up(table_length, log_sector_length)}, cache_);
  bat_pages_in_use_.assign(divide_up(table_length, table_page_length), false);
  bitmaps_.resize(metadata_.has_parent() ? geometry_.chunk_count() : 0);

  std::vector<BlockIndex> partial_blocks;  // the first of each chunk
  std::vector<std::byte> piece(std::min(1 * mib, round_up(table_length, table_page_length)));
  const uint64_t table_end = regions_.bat.offset + table_length;
  for (uint64_t offset = regions_.bat.offset; offset < table_end;) {
    const auto data = TRY(file_->next_data(offset));
    if (!data || data->offset >= table_end) break;
    offset = std::max(offset, round_down(data->offset, bat_entry_length));
    const uint64_t length =
        std::min({table_end, round_up(data->end(), bat_entry_length), offset + piece.size()}) - offset;
    const MutableBytes entries = MutableBytes(piece).first(length);
    TRY(file_->read(offset, entries));
    TRY(check_entries(entries, (offset - regions_.bat.offset) / bat_entry_length, file_size_bytes,
                      partial_blocks));
    offset += length;
  }
  return check_partial_blocks(partial_blocks);
}

Result<void> Image::claim_regions() {
  occupancy_ = Occupancy();
  const ByteRange log{header_.fields.log_offset, header_.fields.log_length};
  for (const ByteRange& region : {log, regions_.bat, regions_.metadata}) {
    if (!occupancy_.claim(region)) {
      return fault_in(file_->name(), Fault::region_overlap,
                      fmt::format("the region at {:#x}, length {:#x}", region.offset, region.length));
    }
  }
  return {};
}

Result<void> Image::check_entries(Bytes entries, uint64_t first_index, uint64_t file_size_bytes,
                                  std::vector<BlockIndex>& partial_blocks) {
  for (uint64_t at = 0; at < entries.size(); at += bat_entry_length) {
    le64 bits;
    std::memcpy(&bits, entries.data() + at, sizeof(bits));
    const BatEntry entry{bits};
    if (entry.bits == 0) continue;
    const uint64_t index = first_index + at / bat_entry_length;
    bat_pages_in_use_[index * bat_entry_length / table_page_length] = true;
    if (geometry_.is_bitmap_entry(index)) {
      TRY(check_bitmap_entry(geometry_.chunk_at(index), entry, file_size_bytes));
      continue;
    }
    const BlockIndex block = geometry_.block_at(index);
    if (number(block) >= geometry_.block_count()) continue;  // padding of a differencing disk's last chunk
    TRY(check_payload_entry(block, entry, file_size_bytes));
    const bool first_partial_of_chunk =
        entry.state() == BlockState::partially_present &&
        (partial_blocks.empty() || geometry_.chunk_of(partial_blocks.back()) != geometry_.chunk_of(block));
    if (first_partial_of_chunk) partial_blocks.push_back(block);
  }
  return {};
}

Result<void> Image::check_partial_blocks(std::span<const BlockIndex> blocks) {
  for (BlockIndex block : blocks) {
    const ChunkIndex chunk = geometry_.chunk_of(block);
    if (bitmaps_[number(chunk)] == nullptr) {
      return fault_in(file_->name(), Fault::block_partial_without_bitmap,
                      fmt::format("block {}, chunk {}", number(block), number(chunk)));
    }
  }
  return {};
}

Result<void> Image::check_payload_entry(BlockIndex block, BatEntry entry, uint64_t file_size_bytes) {
  const BlockState state = entry.state();
  if (!is_legal(state)) {
    return fault_in(
        file_->name(), Fault::block_state_illegal,
        fmt::format("block {}: state {}, expected 0-3, 6 or 7", number(block), static_cast<int>(state)));
  }
  if (state == BlockState::zero && entry.file_offset() != 0) {
    return fault_in(file_->name(), Fault::block_zero_with_offset,
                    fmt::format("block {}: offset {:#x}", number(block), entry.file_offset()));
  }
  if (state == BlockState::partially_present && !metadata_.has_parent()) {
    return fault_in(file_->name(), Fault::block_partial_without_parent,
                    fmt::format("block {}", number(block)));
  }
  if (!owns_space(entry)) return {};
  return claim_block("block", number(block), {entry.file_offset(), geometry_.block_size_bytes()},
                     file_size_bytes);
}

Result<void> Image::check_bitmap_entry(ChunkIndex chunk, BatEntry entry, uint64_t file_size_bytes) {
  const BlockState state = entry.state();
  if (state != BlockState::not_present && state != BlockState::fully_present) {
    return fault_in(
        file_->name(), Fault::bitmap_state_illegal,
        fmt::format("chunk {}: state {}, expected 0 or 6", number(chunk), static_cast<int>(state)));
  }
  if (state == BlockState::not_present || !metadata_.has_parent()) return {};
  const ByteRange bitmap{entry.file_offset(), bitmap_block_length};
  TRY(claim_block("bitmap of chunk", number(chunk), bitmap, file_size_bytes));
  bitmaps_[number(chunk)] = std::make_unique<MetadataPages>(*file_, bitmap, cache_);
  return {};
}

Result<void> Image::claim_block(std::string_view what, uint64_t block_number, ByteRange block,
                                uint64_t file_size_bytes) {
  const bool inside = block.offset >= header_section_length && block.offset <= file_size_bytes &&
                      block.length <= file_size_bytes - block.offset;
  if (!inside) {
    return fault_in(file_->name(), Fault::block_placement,
                    fmt::format("{} {} at {:#x}, length {:#x}; the file has {:#x} bytes", what, block_number,
                                block.offset, block.length, file_size_bytes));
  }
  if (!occupancy_.claim(block)) {
    return fault_in(
        file_->name(), Fault::block_overlap,
        fmt::format("{} {} at {:#x}, length {:#x}", what, block_number, block.offset, block.length));
  }
  return {};
}

}  // namespace vhdlab::vhdx
