// The check's look at the block allocation table, the sector bitmaps and the space they claim, [MS-VHDX] 2.4
// and 2.5. Three passes, each no wider than it must be:
//
//   table      every entry: its state, its place, who else claims the place
//   bitmaps    chunk by chunk, beside the entries of the chunk's blocks
//   lost tail  blocks that reach past the end of the file: whether anybody would read what is missing
#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "engine/format/vhdx/block_allocation_table.h"
#include "engine/format/vhdx/check_parts.h"
#include "engine/format/vhdx/layout.h"

namespace vhdlab::vhdx {
namespace {

using Particulars = FindingCollector::Particulars;

constexpr uint64_t bat_reserved_mask = 0xffff8;  // bits 3 - 19
constexpr size_t bitmap_runs_max = 1 << 20;
constexpr size_t tail_blocks_max = 4096;

// Which MiB of the file belong to something, one bit each, as far as anything claims them.
class SpaceMap {
 public:
  // Whole MiB; ends at most at file_size_checked_max. False where part of it was claimed before; the rest is
  // claimed all the same.
  bool claim(ByteRange range) {
    const uint64_t first = range.offset / placement_unit;
    const uint64_t last = divide_up(range.end(), placement_unit);
    if (last > claimed_.size()) claimed_.resize(std::max<uint64_t>(last, claimed_.size() * 3 / 2));
    const auto begin = claimed_.begin() + static_cast<ptrdiff_t>(first);
    const auto end = claimed_.begin() + static_cast<ptrdiff_t>(last);
    const auto already = static_cast<uint64_t>(std::count(begin, end, true));
    std::fill(begin, end, true);
    claimed_count_ += last - first - already;
    end_ = std::max(end_, last);
    return already == 0;
  }

  [[nodiscard]] uint64_t end_bytes() const { return end_ * placement_unit; }
  [[nodiscard]] uint64_t unclaimed_bytes() const { return (end_ - claimed_count_) * placement_unit; }
  // Meaningful where something is unclaimed.
  [[nodiscard]] uint64_t first_unclaimed() const {
    return static_cast<uint64_t>(std::ranges::find(claimed_, false) - claimed_.begin()) * placement_unit;
  }

 private:
  std::vector<bool> claimed_;
  uint64_t claimed_count_ = 0;
  uint64_t end_ = 0;
};

// What owns a run of the file: one table entry.
struct Owner {
  uint64_t entry_index = 0;
  ByteRange range;
};

struct ChunkFacts {
  uint64_t partial_count = 0;
  BlockIndex first_partial{};
  uint64_t bitmap_offset = 0;  // 0: none that can be read
  bool has_bitmap_entry = false;
};

class TablesCheck {
 public:
  TablesCheck(CheckedFile& file, CheckedState& state, FindingCollector& findings)
      : file_(file),
        state_(state),
        findings_(findings),
        geometry_(*state.metadata),
        is_differencing_(state.metadata->has_parent()),
        bat_(state.regions->bat),
        table_length_(std::min(geometry_.entry_count() * bat_entry_length, bat_.length)),
        chunks_(geometry_.chunk_count()) {}

  [[nodiscard]] Result<void> run() {
    claim_regions();
    check_table_length();
    TRY(for_each_entry([&](uint64_t index, BatEntry entry) { check_entry(index, entry); }));
    TRY(check_slack());
    TRY(tell_overlaps());
    TRY(check_chunks());
    TRY(settle_lost_tail());
    check_space();
    return {};
  }

 private:
  // ---- The table

  // Calls `visit` for every entry of the table that is not all zeros.
  template <typename Visit>
  [[nodiscard]] Result<void> for_each_entry(Visit visit) {
    return file_.for_each_piece(
        {bat_.offset, table_length_}, bat_entry_length, [&](uint64_t offset, Bytes piece) -> Result<void> {
          for (uint64_t at = 0; at + bat_entry_length <= piece.size(); at += bat_entry_length) {
            le64 bits;
            std::memcpy(&bits, piece.data() + at, sizeof(bits));
            if (bits != 0) visit((offset + at - bat_.offset) / bat_entry_length, BatEntry{bits});
          }
          return {};
        });
  }

  [[nodiscard]] uint64_t place_of(uint64_t entry_index) const {
    return bat_.offset + entry_index * bat_entry_length;
  }

  [[nodiscard]] std::string owner_name(uint64_t entry_index) const {
    if (geometry_.is_bitmap_entry(entry_index))
      return fmt::format("bitmap of chunk {}", number(geometry_.chunk_at(entry_index)));
    return fmt::format("block {}", number(geometry_.block_at(entry_index)));
  }

  [[nodiscard]] auto at_entry(uint64_t index, std::string found, std::string expected = {}) const {
    return Particulars{.where = owner_name(index),
                       .file_offset = place_of(index),
                       .found = std::move(found),
                       .expected = std::move(expected)};
  }

  void claim_regions() {
    const Header& header = state_.header->fields;
    space_.claim({0, header_section_length});
    for (const ByteRange& region :
         {ByteRange{header.log_offset, header.log_length}, bat_, state_.regions->metadata}) {
      // Overlaps among regions have been told.
      if (region.offset < file_size_checked_max) space_.claim(region);
    }
  }

  void check_table_length() {
    const uint64_t needed = geometry_.entry_count() * bat_entry_length;
    auto lengths = [&](std::string expected) {
      return Particulars{.where = "block allocation table",
                         .file_offset = bat_.offset,
                         .found = fmt::format("{} bytes", bat_.length),
                         .expected = std::move(expected)};
    };
    if (bat_.length < needed) {
      findings_.add(Fault::bat_too_small, [&] {
        return lengths(fmt::format("{} for a disk of {} bytes", needed, state_.metadata->disk_size_bytes));
      });
    } else if (bat_.length > round_up(needed, placement_unit)) {
      findings_.add(Oddity::bat_larger_than_needed,
                    [&] { return lengths(fmt::format("{}", round_up(needed, placement_unit))); });
    }
  }

  void check_entry(uint64_t index, BatEntry entry) {
    if ((entry.bits & bat_reserved_mask) != 0) {
      findings_.add(Oddity::bat_reserved_bits, [&] {
        return at_entry(index, fmt::format("entry {:#018x}", entry.bits), "bits 3 to 19 zero");
      });
    }
    if (geometry_.is_bitmap_entry(index)) {
      check_bitmap_entry(index, entry);
    } else if (number(geometry_.block_at(index)) >= geometry_.block_count()) {
      findings_.add(Oddity::block_past_disk_end,
                    [&] { return at_entry(index, fmt::format("entry {:#x}", entry.bits), "zero"); });
    } else {
      check_block_entry(index, entry);
    }
  }

  void check_bitmap_entry(uint64_t index, BatEntry entry) {
    const BlockState state = entry.state();
    if (state != BlockState::not_present && state != BlockState::fully_present) {
      findings_.add(Fault::bitmap_state_illegal, [&] {
        return at_entry(index, fmt::format("state {}", static_cast<int>(state)), "0 or 6");
      });
      return;
    }
    if (state == BlockState::not_present) {
      if (entry.file_offset() != 0) tell_unused_offset(index, entry);
      return;
    }
    if (!is_differencing_) {
      findings_.add(Oddity::bitmap_without_parent, [&] {
        return at_entry(index, fmt::format("offset {:#x}", entry.file_offset()), "zero");
      });
    }
    const Placed placed = place(index, {entry.file_offset(), bitmap_block_length});
    if (!is_differencing_) return;
    ChunkFacts& chunk = chunks_[number(geometry_.chunk_at(index))];
    chunk.has_bitmap_entry = true;
    if (placed != Placed::nowhere) chunk.bitmap_offset = entry.file_offset();
  }

  void check_block_entry(uint64_t index, BatEntry entry) {
    const BlockState state = entry.state();
    switch (state) {
      case BlockState::not_present:
        if (entry.file_offset() != 0) tell_unused_offset(index, entry);
        break;
      case BlockState::undefined:
        findings_.add(Oddity::block_undefined, [&] { return at_entry(index, "state 1"); });
        break;
      case BlockState::zero:
        if (entry.file_offset() != 0) {
          findings_.add(Fault::block_zero_with_offset, [&] {
            return at_entry(index, fmt::format("offset {:#x}", entry.file_offset()), "zero");
          });
        }
        break;
      case BlockState::unmapped:
        if (entry.file_offset() != 0) place(index, {entry.file_offset(), geometry_.block_size_bytes()});
        break;
      case BlockState::partially_present:
        if (!is_differencing_) {
          findings_.add(Fault::block_partial_without_parent, [&] { return at_entry(index, "state 7"); });
        } else {
          ChunkFacts& chunk = chunks_[number(geometry_.chunk_at(index))];
          if (chunk.partial_count++ == 0) chunk.first_partial = geometry_.block_at(index);
        }
        [[fallthrough]];
      case BlockState::fully_present:
        place(index, {entry.file_offset(), geometry_.block_size_bytes()});
        break;
      default:
        findings_.add(Fault::block_state_illegal, [&] {
          return at_entry(index, fmt::format("state {}", static_cast<int>(state)), "0 to 3, 6 or 7");
        });
    }
    if (state != BlockState::not_present) ++blocks_not_empty_;
  }

  void tell_unused_offset(uint64_t index, BatEntry entry) {
    findings_.add(Oddity::block_offset_unused,
                  [&] { return at_entry(index, fmt::format("offset {:#x}", entry.file_offset()), "zero"); });
  }

  // ---- Places in the file

  enum class Placed { inside, past_end, nowhere };

  Placed place(uint64_t index, ByteRange range) {
    const bool is_possible =
        range.offset >= header_section_length && range.offset <= file_size_checked_max - range.length;
    if (!is_possible || (!file_.holds(range) && tail_.size() >= tail_blocks_max)) {
      tell_misplaced(index, range, false);
      is_tail_harmless_ = false;
      return Placed::nowhere;
    }
    if (!space_.claim(range)) {
      findings_.add(Fault::block_overlap, [&] {
        overlaps_.push_back({index, range});
        return Particulars{.where = owner_name(index),
                           .file_offset = range.offset,
                           .found = fmt::format("{:#x} bytes at {:#x}", range.length, range.offset),
                           .expected = "bytes of its own"};
      });
    }
    if (file_.holds(range)) return Placed::inside;
    tail_.push_back({index, range});
    return Placed::past_end;
  }

  void tell_misplaced(uint64_t index, ByteRange range, bool is_harmless) {
    findings_.add(Fault::block_placement, [&] {
      return Particulars{
          .where = owner_name(index),
          .file_offset = place_of(index),
          .found = fmt::format("offset {:#x}, length {:#x}{}", range.offset, range.length,
                               is_harmless ? ", of which nobody reads what is missing" : ""),
          .expected = fmt::format("from 1 MiB on, inside the file's {:#x} bytes", file_.size_bytes()),
          .is_repairable = is_harmless};
    });
  }

  // Says for each overlap that is told in full whose bytes they are, too.
  [[nodiscard]] Result<void> tell_overlaps() {
    if (overlaps_.empty()) return {};
    std::vector<std::string> others(overlaps_.size());
    auto compare = [&](std::string_view name, uint64_t index, ByteRange range) {
      for (size_t i = 0; i < overlaps_.size(); ++i) {
        const bool overlap =
            range.offset < overlaps_[i].range.end() && overlaps_[i].range.offset < range.end();
        if (overlap && overlaps_[i].entry_index != index && others[i].empty())
          others[i] = name.empty() ? owner_name(index) : std::string(name);
      }
    };
    const Header& header = state_.header->fields;
    compare("the log", UINT64_MAX, {header.log_offset, header.log_length});
    compare("the block allocation table", UINT64_MAX, bat_);
    compare("the metadata region", UINT64_MAX, state_.regions->metadata);
    TRY(for_each_entry([&](uint64_t index, BatEntry entry) {
      if (!owns_space(entry) || entry.file_offset() > file_size_checked_max) return;
      const bool is_bitmap = geometry_.is_bitmap_entry(index);
      compare({}, index,
              {entry.file_offset(), is_bitmap ? bitmap_block_length : geometry_.block_size_bytes()});
    }));
    size_t next = 0;
    for (Finding& finding : findings_.kept()) {
      if (finding.name != fault_info(Fault::block_overlap).name) continue;
      if (!others[next].empty()) finding.found += ", which " + others[next] + " claims too";
      ++next;
    }
    return {};
  }

  // What follows the last entry in the table's last MiB.
  [[nodiscard]] Result<void> check_slack() {
    const uint64_t used_end = bat_.offset + table_length_;
    std::optional<uint64_t> first;
    TRY(file_.for_each_piece(
        {used_end, bat_.end() - used_end}, 1, [&](uint64_t offset, Bytes piece) -> Result<void> {
          if (first || all_zero(piece)) return {};
          const auto at = std::ranges::find_if(piece, [](std::byte byte) { return byte != std::byte{0}; });
          first = offset + static_cast<uint64_t>(at - piece.begin());
          return {};
        }));
    if (first) {
      findings_.add(Oddity::bat_slack_not_zero, [&] {
        return Particulars{
            .where = "block allocation table", .file_offset = first, .found = "bytes that are not zero"};
      });
    }
    return {};
  }

  // ---- Sector bitmaps

  [[nodiscard]] Result<void> check_chunks() {
    for (uint64_t chunk = 0; chunk < chunks_.size() && is_differencing_; ++chunk) {
      const ChunkFacts& facts = chunks_[chunk];
      if (facts.bitmap_offset != 0) {
        TRY(check_bitmap(ChunkIndex{chunk}, facts.bitmap_offset));
      } else if (facts.partial_count > 0 && !facts.has_bitmap_entry) {
        findings_.add(Fault::block_partial_without_bitmap, [&] {
          const uint64_t index = geometry_.entry_of(facts.first_partial);
          return at_entry(index, fmt::format("{} partly present blocks in chunk {}, no bitmap block",
                                             facts.partial_count, chunk));
        });
      }
    }
    return {};
  }

  [[nodiscard]] Result<BatEntry> entry_at(uint64_t index) {
    if ((index + 1) * bat_entry_length > table_length_) return BatEntry{};
    le64 bits;
    TRY(file_.read(place_of(index), std::as_writable_bytes(std::span(&bits, 1))));
    return BatEntry{bits};
  }

  // The set bits of [first, first + count) of a bitmap; both are multiples of 64 or the count ends inside a
  // word. The bitmap is whole words, and zeros follow it.
  [[nodiscard]] static uint64_t count_bits(Bytes bitmap, uint64_t first, uint64_t count) {
    const uint64_t end = std::min<uint64_t>(first + count, bitmap.size() * 8);
    uint64_t set = 0;
    for (uint64_t bit = first; bit < end;) {
      le64 word;
      std::memcpy(&word, bitmap.data() + bit / 64 * sizeof(word), sizeof(word));
      const uint64_t available = std::min(64 - bit % 64, end - bit);
      const uint64_t mask = available == 64 ? ~uint64_t{0} : ((uint64_t{1} << available) - 1) << (bit % 64);
      set += static_cast<uint64_t>(std::popcount(word & mask));
      bit += available;
    }
    return set;
  }

  [[nodiscard]] Result<void> check_bitmap(ChunkIndex chunk, uint64_t bitmap_offset) {
    // What follows the block's last data is zeros and need not be read.
    const uint64_t bitmap_end = bitmap_offset + bitmap_block_length;
    uint64_t data_end = bitmap_offset;
    while (data_end < std::min(bitmap_end, file_.size_bytes())) {
      const auto data = TRY(file_.file().next_data(data_end));
      if (!data || data->offset >= bitmap_end) break;
      data_end = std::min(data->end(), bitmap_end);
    }
    std::vector<std::byte> bitmap(round_up(data_end - bitmap_offset, sizeof(le64)));
    TRY(file_.read(bitmap_offset, bitmap));

    const uint64_t first_index = number(chunk) * (geometry_.chunk_ratio() + 1);
    std::vector<le64> entries(geometry_.chunk_ratio());
    TRY(file_.read(place_of(first_index), std::as_writable_bytes(std::span(entries))));
    const uint64_t sectors_per_block = geometry_.block_size_bytes() / geometry_.sector_size_bytes();
    for (uint64_t i = 0; i < entries.size(); ++i) {
      const uint64_t index = first_index + i;
      const bool is_listed = (index + 1) * bat_entry_length <= table_length_;
      check_block_bits(index, is_listed ? BatEntry{entries[i]} : BatEntry{}, bitmap, i * sectors_per_block,
                       bitmap_offset);
    }
    return {};
  }

  // Sectors of the block that belong to the disk.
  [[nodiscard]] uint64_t sectors_in_disk(BlockIndex block) const {
    return live_bytes(block) / geometry_.sector_size_bytes();
  }
  [[nodiscard]] uint64_t live_bytes(BlockIndex block) const {
    const uint64_t disk_size = state_.metadata->disk_size_bytes;
    const uint64_t begin = std::min(geometry_.first_byte_of(block), disk_size);
    return std::min(disk_size - begin, geometry_.block_size_bytes());
  }

  void check_block_bits(uint64_t index, BatEntry entry, Bytes bitmap, uint64_t first_bit,
                        uint64_t bitmap_offset) {
    // The bits of a fully present block are true, and nobody looks at them: a block that filled up leaves
    // them.
    if (entry.state() == BlockState::fully_present) return;
    const BlockIndex block = geometry_.block_at(index);
    const uint64_t bit_count = geometry_.block_size_bytes() / geometry_.sector_size_bytes();
    const uint64_t live_count = sectors_in_disk(block);
    const uint64_t live_set = count_bits(bitmap, first_bit, live_count);
    const uint64_t past_set = count_bits(bitmap, first_bit + live_count, bit_count - live_count);
    auto at_bits = [&](uint64_t bit, uint64_t set) {
      return Particulars{
          .where = owner_name(index),
          .file_offset = bitmap_offset + bit / 8,
          .found = fmt::format("{} sectors marked, block state {}", set, static_cast<int>(entry.state())),
          .is_repairable = true};
    };
    if (past_set > 0) {
      findings_.add(Oddity::bitmap_past_disk_end, [&] { return at_bits(first_bit + live_count, past_set); });
      add_stale({bitmap_offset, first_bit + live_count, bit_count - live_count});
    }
    if (entry.state() == BlockState::partially_present) {
      if (live_set == 0)
        findings_.add(Oddity::block_partial_empty, [&] { return at_entry(index, "no sector marked"); });
      return;
    }
    if (live_set > 0) {
      findings_.add(Oddity::bitmap_stale, [&] { return at_bits(first_bit, live_set); });
      add_stale({bitmap_offset, first_bit, live_count});
    }
  }

  void add_stale(const ClearBits& run) {
    std::vector<ClearBits>& runs = state_.stale_bits;
    if (!runs.empty() && runs.back().bitmap_offset == run.bitmap_offset &&
        runs.back().first_bit + runs.back().bit_count == run.first_bit) {
      runs.back().bit_count += run.bit_count;
    } else if (runs.size() < bitmap_runs_max) {
      runs.push_back(run);
    }
  }

  // ---- The lost tail

  // Whether nobody would read the bytes of the block from `lost` (counted from its start) on.
  [[nodiscard]] Result<bool> is_loss_harmless(const Owner& owner, uint64_t lost) {
    if (geometry_.is_bitmap_entry(owner.entry_index)) {
      return is_bitmap_loss_harmless(geometry_.chunk_at(owner.entry_index), lost);
    }
    const BlockIndex block = geometry_.block_at(owner.entry_index);
    const BatEntry entry = TRY(entry_at(owner.entry_index));
    const uint64_t live = live_bytes(block);
    if (entry.state() == BlockState::unmapped || lost >= live) return true;
    if (entry.state() != BlockState::partially_present || !is_differencing_) return false;
    const uint64_t bitmap_offset = chunks_[number(geometry_.chunk_of(block))].bitmap_offset;
    if (bitmap_offset == 0 || !file_.holds({bitmap_offset, bitmap_block_length})) return false;
    std::vector<std::byte> bitmap(bitmap_block_length);
    TRY(file_.read(bitmap_offset, bitmap));
    const uint64_t first_lost = lost / geometry_.sector_size_bytes();
    const uint64_t first_bit = geometry_.bit_of(geometry_.first_byte_of(block)) + first_lost;
    return count_bits(bitmap, first_bit, sectors_in_disk(block) - first_lost) == 0;
  }

  // Bits are missed where a partly present block would look for them.
  [[nodiscard]] Result<bool> is_bitmap_loss_harmless(ChunkIndex chunk, uint64_t lost) {
    if (!is_differencing_) return true;
    const uint64_t sectors_per_block = geometry_.block_size_bytes() / geometry_.sector_size_bytes();
    for (uint64_t i = lost * 8 / sectors_per_block; i < geometry_.chunk_ratio(); ++i) {
      const uint64_t index = number(chunk) * (geometry_.chunk_ratio() + 1) + i;
      if (TRY(entry_at(index)).state() != BlockState::partially_present) continue;
      const uint64_t live_end = i * sectors_per_block + sectors_in_disk(geometry_.block_at(index));
      if (live_end > lost * 8) return false;
    }
    return true;
  }

  // A tail is mended by making the file longer, which gives zeros. That is no guess only where every missing
  // byte is one nobody reads; and one that somebody reads must go on being missed, not turn into zeros.
  [[nodiscard]] Result<void> settle_lost_tail() {
    uint64_t missing_bytes = 0;
    uint64_t end = 0;
    for (const Owner& owner : tail_) {
      const uint64_t size = file_.size_bytes();
      const uint64_t lost = size > owner.range.offset ? size - owner.range.offset : 0;
      const bool is_harmless = TRY(is_loss_harmless(owner, lost));
      is_tail_harmless_ = is_tail_harmless_ && is_harmless;
      tell_misplaced(owner.entry_index, owner.range, is_harmless);
      missing_bytes += owner.range.length - lost;
      end = std::max(end, owner.range.end());
    }
    // Blocks lie close together: an end much further out than what is missing is no tail, but a wrong place.
    const bool is_tail = end <= round_up(file_.size_bytes(), placement_unit) + missing_bytes;
    if (!tail_.empty() && is_tail_harmless_ && is_tail) state_.lost_tail_end = end;
    return {};
  }

  // ---- Space

  void check_space() {
    const uint64_t size = file_.size_bytes();
    auto space = [](uint64_t offset, std::string found, std::string expected = {}) {
      return Particulars{
          .where = "file", .file_offset = offset, .found = std::move(found), .expected = std::move(expected)};
    };
    if (size > file_size_checked_max) {
      findings_.add(Oddity::file_beyond_limit,
                    [&] { return space(file_size_checked_max, fmt::format("{} bytes", size)); });
    }
    if (space_.unclaimed_bytes() > 0) {
      findings_.add(Oddity::space_unused, [&] {
        return space(space_.first_unclaimed(), fmt::format("{} MiB", space_.unclaimed_bytes() / mib));
      });
    }
    if (size > space_.end_bytes()) {
      findings_.add(Oddity::file_longer_than_needed, [&] {
        return space(space_.end_bytes(), fmt::format("{} bytes", size),
                     fmt::format("{}", space_.end_bytes()));
      });
    }
    if (size % placement_unit != 0) {
      findings_.add(Oddity::file_size_uneven,
                    [&] { return space(round_down(size, placement_unit), fmt::format("{} bytes", size)); });
    }
    if (state_.metadata->leave_blocks_allocated && !is_differencing_ &&
        blocks_not_empty_ < geometry_.block_count()) {
      findings_.add(Oddity::block_missing_in_fixed, [&] {
        return Particulars{
            .where = "block allocation table",
            .file_offset = bat_.offset,
            .found = fmt::format("{} of {} blocks without a state",
                                 geometry_.block_count() - blocks_not_empty_, geometry_.block_count())};
      });
    }
  }

  CheckedFile& file_;
  CheckedState& state_;
  FindingCollector& findings_;
  BatGeometry geometry_;
  bool is_differencing_;
  ByteRange bat_;
  uint64_t table_length_;  // what of the table lies in its region
  std::vector<ChunkFacts> chunks_;
  SpaceMap space_;
  std::vector<Owner> overlaps_;  // those told in full, in order
  std::vector<Owner> tail_;
  bool is_tail_harmless_ = true;
  uint64_t blocks_not_empty_ = 0;
};

}  // namespace

Result<void> check_tables(CheckedFile& file, CheckedState& state, FindingCollector& findings) {
  return TablesCheck(file, state, findings).run();
}

}  // namespace vhdlab::vhdx
