// Remembers which generation last wrote each sector of a virtual disk, so that any part of the disk can be
// verified at any time. Two bytes per 512-byte sector, in pages of 1 MiB of disk allocated on first touch:
// 0.4 % of what was written to, plus 8 bytes per GiB of disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/bytes.h"
#include "scenarios/workload/content.h"

namespace vhdlab::scenarios {

// Generations a ledger can tell apart: 1 to this.
inline constexpr uint32_t generation_max = 65535;

// record() may run in several threads at once, also on the same sectors: the higher generation stays. The
// answers below count every record() that happened before the call; concurrent ones may or may not be seen.
class ContentLedger {
 public:
  // Promised by the caller: a multiple of 512, at most 64 TiB.
  explicit ContentLedger(uint64_t disk_size_bytes);
  ~ContentLedger();
  ContentLedger(const ContentLedger&) = delete;
  ContentLedger& operator=(const ContentLedger&) = delete;

  [[nodiscard]] uint64_t disk_size_bytes() const { return disk_size_bytes_; }

  // Notes a write. Promised by the caller: the range is whole sectors inside the disk, 1 <= generation <=
  // generation_max.
  void record(ByteRange range, uint32_t generation);

  // 0 for a sector never written.
  [[nodiscard]] uint32_t generation_at(uint64_t offset_bytes) const;

  // The content the disk should hold in `range`, written into `into` (the same size).
  void expected_content(uint64_t seed, ByteRange range, MutableBytes into) const;

  // The first sector of `found`, read from `range`, that is not what was last written there; nothing when all
  // is right.
  [[nodiscard]] std::optional<ContentFault> check(uint64_t seed, ByteRange range, Bytes found) const;

  // `count` ranges of at most `length_bytes` (a multiple of 512) to verify: three in four begin where
  // something was written, chosen evenly over the written pages, the others anywhere. The same for the same
  // records and seed. Sorted by offset; overlaps are possible.
  [[nodiscard]] std::vector<ByteRange> sample(uint64_t seed, size_t count, uint64_t length_bytes) const;

  [[nodiscard]] uint64_t written_sectors() const;

  // Calls `visit(offset_bytes, generation)` for every sector that was written, in order.
  void for_each_written_sector(
      const std::function<void(uint64_t offset_bytes, uint32_t generation)>& visit) const;

 private:
  struct Page;
  struct Directory;

  [[nodiscard]] Page* find_page(uint64_t page_index) const;
  [[nodiscard]] Page& page_for_writing(uint64_t page_index);

  uint64_t disk_size_bytes_;
  size_t directory_count_;
  std::unique_ptr<std::atomic<Directory*>[]> directories_;
};

}  // namespace vhdlab::scenarios
