// Log reading, replay and writing; the rules are in log.h and [MS-VHDX] 2.3.
#include "engine/format/vhdx/log.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/faults.h"

namespace vhdlab::vhdx {
namespace {

static_assert(sizeof(LogZeroDescriptor) == sizeof(LogDataDescriptor));
constexpr uint64_t descriptor_length = sizeof(LogDataDescriptor);

// Entries leave the ring's last two sectors alone, so that no run of them goes all the way round: qemu 7.2,
// which looks for runs until it comes past the place where it began, goes on for ever where it comes back to
// just there.
constexpr uint64_t ring_end_unused_length = 2 * log_sector_length;

uint64_t descriptor_area_length(uint64_t descriptor_count) {
  return round_up(sizeof(LogEntryHeader) + descriptor_count * descriptor_length, log_sector_length);
}

// The ring as the reader sees it: positions wrap at the end.
class LogRing {
 public:
  LogRing(File& file, ByteRange ring) : file_(file), ring_(ring) {}

  [[nodiscard]] uint64_t length() const { return ring_.length; }

  // Whole entries do not overlap, so reading a log takes a few times its length. One whose entries claim each
  // other's sectors over and over is made to keep its reader busy. Faults: vhdx-log-descriptor.
  [[nodiscard]] Result<void> read(uint64_t position, MutableBytes into) {
    bytes_read_ += into.size();
    if (bytes_read_ / 16 > ring_.length) {
      return fault_in(file_.name(), Fault::log_descriptor,
                      "its entries claim one another's sectors without end");
    }
    const uint64_t before_wrap = std::min<uint64_t>(into.size(), ring_.length - position);
    TRY(file_.read(ring_.offset + position, into.first(before_wrap)));
    if (before_wrap < into.size()) TRY(file_.read(ring_.offset, into.subspan(before_wrap)));
    return {};
  }

 private:
  File& file_;
  ByteRange ring_;
  uint64_t bytes_read_ = 0;
};

struct Entry {
  uint64_t position = 0;
  LogEntryHeader header;

  [[nodiscard]] uint64_t sequence_number() const { return header.sequence_number; }
};

// The cheap checks, before anything as long as the entry claims to be is read.
bool could_be_entry(const LogEntryHeader& header, const Guid& log_guid, uint64_t ring_length) {
  return header.signature == LogEntryHeader::expected_signature && header.log_guid == log_guid &&
         header.sequence_number != 0 && header.entry_length >= log_sector_length &&
         header.entry_length % log_sector_length == 0 && header.entry_length <= ring_length &&
         header.tail < ring_length && header.tail % log_sector_length == 0 &&
         descriptor_area_length(header.descriptor_count) <= header.entry_length;
}

// Whether every descriptor and data sector carries the entry's own sequence number: a torn entry mixes two.
bool is_consistent(Bytes entry, const LogEntryHeader& header) {
  uint64_t data_sector = descriptor_area_length(header.descriptor_count);
  for (uint32_t i = 0; i < header.descriptor_count; ++i) {
    LogDataDescriptor descriptor;
    std::memcpy(&descriptor, entry.data() + sizeof(LogEntryHeader) + i * descriptor_length,
                descriptor_length);
    if (descriptor.sequence_number != header.sequence_number) return false;
    if (descriptor.signature == LogZeroDescriptor::expected_signature) continue;
    if (descriptor.signature != LogDataDescriptor::expected_signature) return false;
    if (data_sector + log_sector_length > entry.size()) return false;
    LogDataSector sector;
    std::memcpy(&sector, entry.data() + data_sector, sizeof(sector));
    const uint64_t sequence = uint64_t{sector.sequence_high} << 32 | sector.sequence_low;
    if (sector.signature != LogDataSector::expected_signature || sequence != header.sequence_number)
      return false;
    data_sector += log_sector_length;
  }
  return data_sector == entry.size();
}

// The entry's bytes where one stands whole at `position`; nothing where none does.
Result<std::optional<std::vector<std::byte>>> read_entry(LogRing& ring, uint64_t position,
                                                         const Guid& log_guid) {
  LogEntryHeader header;
  TRY(ring.read(position, std::as_writable_bytes(std::span(&header, 1))));
  if (!could_be_entry(header, log_guid, ring.length())) return std::nullopt;
  std::vector<std::byte> entry(header.entry_length);
  TRY(ring.read(position, entry));
  if (checksum_of(Bytes(entry)) != header.checksum || !is_consistent(entry, header)) return std::nullopt;
  return entry;
}

LogEntryHeader header_of(Bytes entry) {
  LogEntryHeader header;
  std::memcpy(&header, entry.data(), sizeof(header));
  return header;
}

// The active sequence, oldest entry first; empty where there is none.
Result<std::vector<Entry>> find_active_sequence(LogRing& ring, const Guid& log_guid) {
  std::unordered_map<uint64_t, Entry> entries;
  std::vector<uint64_t> positions;
  for (uint64_t position = 0; position < ring.length();) {
    const auto bytes = TRY(read_entry(ring, position, log_guid));
    if (!bytes) {
      position += log_sector_length;
      continue;
    }
    entries.emplace(position, Entry{position, header_of(*bytes)});
    positions.push_back(position);
    position += bytes->size();
  }

  auto follower = [&](const Entry& entry) -> const Entry* {
    const auto next = entries.find((entry.position + entry.header.entry_length) % ring.length());
    const bool follows =
        next != entries.end() && next->second.sequence_number() == entry.sequence_number() + 1;
    return follows ? &next->second : nullptr;
  };
  // From each tail, run forward to the last entry that follows; the run counts if that entry's tail is where
  // it began.
  const Entry* best_head = nullptr;
  for (uint64_t position : positions) {
    const Entry* head = &entries.at(position);
    while (const Entry* next = follower(*head))
      head = next;
    if (best_head != nullptr && head->sequence_number() <= best_head->sequence_number()) continue;
    bool tail_in_run = false;
    for (const Entry* entry = &entries.at(position); entry != nullptr; entry = follower(*entry)) {
      tail_in_run = tail_in_run || entry->position == head->header.tail;
    }
    if (tail_in_run) best_head = head;
  }

  std::vector<Entry> sequence;
  if (best_head == nullptr) return sequence;
  for (const Entry* entry = &entries.at(best_head->header.tail); entry != nullptr; entry = follower(*entry)) {
    sequence.push_back(*entry);
  }
  return sequence;
}

Result<void> check_target(const File& file, ByteRange target) {
  const bool aligned = target.offset % log_sector_length == 0 && target.length % log_sector_length == 0;
  const uint64_t end_max = uint64_t{std::numeric_limits<int64_t>::max()};
  if (!aligned || target.offset < header_section_length || target.offset > end_max ||
      target.length > end_max - target.offset) {
    return fault_in(file.name(), Fault::log_descriptor,
                    fmt::format("target {:#x}, length {:#x}; expected whole 4 KiB sectors from 1 MiB on",
                                target.offset, target.length));
  }
  return {};
}

Result<void> add_entry(const File& file, Bytes entry, LogReplay& replay) {
  const LogEntryHeader header = header_of(entry);
  uint64_t data_sector = descriptor_area_length(header.descriptor_count);
  for (uint32_t i = 0; i < header.descriptor_count; ++i) {
    const std::byte* at = entry.data() + sizeof(LogEntryHeader) + i * descriptor_length;
    LogDataDescriptor data;
    std::memcpy(&data, at, sizeof(data));
    if (data.signature == LogZeroDescriptor::expected_signature) {
      LogZeroDescriptor zero;
      std::memcpy(&zero, at, sizeof(zero));
      const ByteRange range{zero.file_offset, zero.zero_length};
      TRY(check_target(file, range));
      replay.pages.erase(replay.pages.lower_bound(range.offset), replay.pages.lower_bound(range.end()));
      replay.zeroed.push_back(range);
      continue;
    }
    TRY(check_target(file, {data.file_offset, log_sector_length}));
    LogDataSector sector;
    std::memcpy(&sector, entry.data() + data_sector, sizeof(sector));
    data_sector += log_sector_length;
    MetadataPage& page = replay.pages[data.file_offset];
    std::ranges::copy(data.leading_bytes, page.begin());
    std::ranges::copy(sector.data, page.begin() + 8);
    std::ranges::copy(data.trailing_bytes, page.end() - 4);
  }
  return {};
}

}  // namespace

Result<LogReplay> read_log(File& file, const Header& header, uint64_t file_size_bytes) {
  LogReplay replay;
  if (header.log_guid.is_zero()) return replay;
  LogRing ring(file, {header.log_offset, header.log_length});
  const std::vector<Entry> sequence = TRY(find_active_sequence(ring, header.log_guid));
  if (sequence.empty()) {
    return fault_in(
        file.name(), Fault::log_no_active_sequence,
        fmt::format("{:#x} bytes at {:#x} searched for entries of log {}", ring.length(),
                    uint64_t{header.log_offset}, header.log_guid.to_lower()),
        "restore this file from a backup; only where its writer was killed as it began, before its first "
        "entry, is nothing lost: 'qemu-img check -r all' on a copy then gives the disk as it was");
  }
  const LogEntryHeader& head = sequence.back().header;
  if (file_size_bytes < head.flushed_file_offset) {
    return fault_in(file.name(), Fault::log_file_truncated,
                    fmt::format("{:#x} bytes, expected at least {:#x}", file_size_bytes,
                                uint64_t{head.flushed_file_offset}));
  }
  const uint64_t file_size_max = uint64_t{std::numeric_limits<int64_t>::max()};
  if (head.last_file_offset > file_size_max) {
    return fault_in(file.name(), Fault::log_descriptor,
                    fmt::format("the entry at {:#x} wants a file of {:#x} bytes, expected at most {:#x}",
                                sequence.back().position, uint64_t{head.last_file_offset}, file_size_max));
  }
  for (const Entry& entry : sequence) {
    const auto bytes = TRY(read_entry(ring, entry.position, header.log_guid));
    if (bytes) TRY(add_entry(file, *bytes, replay));
  }
  replay.file_size_min_bytes = head.last_file_offset;
  return replay;
}

Result<void> apply_replay(File& file, const LogReplay& replay) {
  for (const ByteRange& range : replay.zeroed)
    TRY(file.punch_hole(range));
  for (const auto& [offset, page] : replay.pages)
    TRY(file.write(offset, page));
  if (TRY(file.size_bytes()) < replay.file_size_min_bytes) TRY(file.resize(replay.file_size_min_bytes));
  return file.flush();
}

namespace {

// A page in the log: the sector holds it but for its first 8 and last 4 bytes, in whose place stands the
// sequence number; those are in the descriptor.
LogDataDescriptor descriptor_of(const PageWrite& write, uint64_t sequence_number) {
  LogDataDescriptor descriptor;
  descriptor.signature = LogDataDescriptor::expected_signature;
  std::copy_n(write.page.end() - 4, 4, descriptor.trailing_bytes.begin());
  std::copy_n(write.page.begin(), 8, descriptor.leading_bytes.begin());
  descriptor.file_offset = write.file_offset;
  descriptor.sequence_number = sequence_number;
  return descriptor;
}

LogDataSector data_sector_of(const PageWrite& write, uint64_t sequence_number) {
  LogDataSector sector;
  sector.signature = LogDataSector::expected_signature;
  sector.sequence_high = static_cast<uint32_t>(sequence_number >> 32);
  std::copy(write.page.begin() + 8, write.page.end() - 4, sector.data.begin());
  sector.sequence_low = static_cast<uint32_t>(sequence_number);
  return sector;
}

}  // namespace

LogWriter::LogWriter(File& file, ByteRange ring, const Guid& log_guid, uint64_t first_sequence_number)
    : file_(file), ring_(ring), log_guid_(log_guid), next_sequence_number_(first_sequence_number) {}

size_t LogWriter::pages_per_entry_max() const {
  const uint64_t sectors = ring_.length / log_sector_length / 3;
  return sectors - divide_up(sizeof(LogEntryHeader) + sectors * descriptor_length, log_sector_length);
}

Result<void> LogWriter::append(std::span<const PageWrite> pages, uint64_t durable_file_size_bytes) {
  assert(pages.size() <= pages_per_entry_max());  // more could run over the ring's end
  const uint64_t descriptor_area = descriptor_area_length(pages.size());
  AlignedBuffer entry(descriptor_area + pages.size() * log_sector_length);
  if (next_offset_ + entry.size() > ring_.length - ring_end_unused_length) next_offset_ = 0;
  auto put = [&](uint64_t offset, const auto& structure) {
    std::memcpy(entry.bytes().data() + offset, &structure, sizeof(structure));
  };

  const uint64_t sequence_number = next_sequence_number_;
  for (size_t i = 0; i < pages.size(); ++i) {
    put(sizeof(LogEntryHeader) + i * descriptor_length, descriptor_of(pages[i], sequence_number));
    put(descriptor_area + i * log_sector_length, data_sector_of(pages[i], sequence_number));
  }
  LogEntryHeader header{.signature = LogEntryHeader::expected_signature,
                        .checksum = 0,
                        .entry_length = static_cast<uint32_t>(entry.size()),
                        .tail = static_cast<uint32_t>(next_offset_),
                        .sequence_number = sequence_number,
                        .descriptor_count = static_cast<uint32_t>(pages.size()),
                        .reserved = 0,
                        .log_guid = log_guid_,
                        .flushed_file_offset = durable_file_size_bytes,
                        .last_file_offset = durable_file_size_bytes};
  put(0, header);
  header.checksum = checksum_of(Bytes(entry.bytes()));
  put(0, header);

  TRY(file_.write(ring_.offset + next_offset_, entry.bytes()));
  TRY(file_.flush());
  next_offset_ += entry.size();
  ++next_sequence_number_;
  return {};
}

}  // namespace vhdlab::vhdx
