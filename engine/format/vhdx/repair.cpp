// Planning, carrying out and undoing repairs; the rules are in repair.h.
//
//   stage 1   the header that does not count, with a new FileWriteGuid (2.2.2): from here on the file is
//             known to be another version, and both headers are intact
//   stage 2   log: what it zeroes, and room for what it writes     stage 3   what it writes
//   stage 4   region table, lost tail, bitmap bits: what nobody reads as it stands
//   stage 5   a header that says the log is empty        stage 6   the same in the other copy
#include "engine/format/vhdx/repair.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/base/crc32c.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/layout.h"
#include "engine/format/vhdx/replayed_file.h"

namespace vhdlab::vhdx {
namespace {

constexpr uint64_t piece_length = 1 * mib;

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

// The bytes a run of bits stands in, whole bytes.
ByteRange bytes_of(const ClearBits& bits) {
  const uint64_t first = bits.first_bit / 8;
  return {bits.bitmap_offset + first, divide_up(bits.first_bit + bits.bit_count, 8) - first};
}

// Where in the file a step changes bytes; empty for a step that only changes the size.
ByteRange range_of(const RepairStep& step) {
  return std::visit(
      Overloaded{[](const WriteBytes& write) { return ByteRange{write.file_offset, write.bytes.size()}; },
                 [](const WriteZeros& zeros) { return zeros.range; },
                 [](const ClearBits& bits) { return bytes_of(bits); },
                 [](const ExtendFile&) { return ByteRange{}; }},
      step.change);
}

Result<Header> read_header(File& file, size_t slot) {
  Header header;
  TRY(file.read(header_offsets[slot], std::as_writable_bytes(std::span(&header, 1))));
  return header;
}

bool is_intact(const Header& header) {
  return header.signature == Header::expected_signature && header.checksum == checksum_of(header);
}

// ---- Planning

class Planner {
 public:
  Planner(File& file, const CheckReport& report, RandomSource& random)
      : file_(file), report_(report), state_(report.state) {
    plan_.file_size_bytes = state_.file_size_bytes;
    if (!state_.header) return;
    header_ = *state_.header;
    plan_.file_write_guid_before = header_.fields.file_write_guid;
    plan_.file_write_guid_after = Guid::make_random(random);
  }

  [[nodiscard]] Result<RepairPlan> run() {
    for (const Finding& finding : report_.findings) {
      has_work_ = has_work_ || finding.is_repairable;
      if (!finding.is_repairable && finding.severity != Severity::note) plan_.left.push_back(finding);
    }
    if (!has_work_ || !state_.header) return std::move(plan_);

    header_.fields.file_write_guid = plan_.file_write_guid_after;
    plan_next_header(1, fmt::format("made anew from header {}, with a new FileWriteGuid", header_.slot + 1));
    if (repairs(Oddity::log_dirty)) plan_replay();
    TRY(plan_region_table());
    if (state_.lost_tail_end && repairs(fault_info(Fault::block_placement).name)) {
      add(4, fault_info(Fault::block_placement).name, "room for blocks whose missing bytes nobody reads",
          ExtendFile{*state_.lost_tail_end});
    }
    if (repairs(Oddity::bitmap_stale) || repairs(Oddity::bitmap_past_disk_end)) {
      for (const ClearBits& bits : state_.stale_bits)
        add(4, oddity_info(Oddity::bitmap_stale).name, "marks in a sector bitmap that no block reads", bits);
    }
    if (repairs(Oddity::log_dirty)) header_.fields.log_guid = Guid{};
    const std::string_view news = repairs(Oddity::log_dirty) ? "with its log empty" : "the same as its copy";
    plan_next_header(5, std::string(news));
    if (repairs(Oddity::log_dirty)) plan_next_header(6, "the same as its copy");
    return std::move(plan_);
  }

 private:
  [[nodiscard]] bool repairs(std::string_view name) const {
    return std::ranges::any_of(report_.findings, [&](const Finding& finding) {
      return finding.is_repairable && finding.name == name;
    });
  }
  [[nodiscard]] bool repairs(Oddity oddity) const { return repairs(oddity_info(oddity).name); }

  template <typename Change>
  void add(uint32_t stage, std::string_view mends, std::string why, Change change) {
    plan_.steps.push_back({stage, std::string(mends), std::move(why), std::move(change)});
  }

  // 2.2.2.1: the other copy, with the next number.
  void plan_next_header(uint32_t stage, const std::string& why) {
    const size_t slot = 1 - header_.slot;
    header_.fields.sequence_number = header_.fields.sequence_number + 1;
    header_.fields.checksum = checksum_of(header_.fields);
    const Bytes bytes = std::as_bytes(std::span(&header_.fields, 1));
    std::string_view mends = oddity_info(Oddity::header_torn).name;
    if (repairs(Oddity::log_dirty) && stage > 1) mends = oddity_info(Oddity::log_dirty).name;
    if (!repairs(mends)) mends = "before and after any repair";
    add(stage, mends, fmt::format("header {}, {}", slot + 1, why),
        WriteBytes{header_offsets[slot], {bytes.begin(), bytes.end()}});
    header_.slot = slot;
  }

  void plan_replay() {
    const std::string_view name = oddity_info(Oddity::log_dirty).name;
    const LogReplay& replay = state_.replay;
    if (replay.file_size_min_bytes > state_.file_size_bytes)
      add(2, name, "the file's length as the log gives it", ExtendFile{replay.file_size_min_bytes});
    for (const ByteRange& range : replay.zeroed) {
      const uint64_t end = std::min(range.end(), state_.file_size_bytes);
      if (range.offset < end)
        add(2, name, "zeros as the log holds them", WriteZeros{{range.offset, end - range.offset}});
    }
    for (const auto& [offset, page] : replay.pages)
      add(3, name, "a table page as the log holds it", WriteBytes{offset, {page.begin(), page.end()}});
  }

  Result<void> plan_region_table() {
    if (!repairs(Oddity::region_table_torn)) return {};
    const size_t intact = state_.is_region_table_intact[0] ? 0 : 1;
    WriteBytes write{region_table_offsets[1 - intact], std::vector<std::byte>(region_table_length)};
    TRY(file_.read(region_table_offsets[intact], write.bytes));
    add(4, oddity_info(Oddity::region_table_torn).name,
        fmt::format("region table {}, a copy of region table {}", 2 - intact, intact + 1), std::move(write));
    return {};
  }

  File& file_;
  const CheckReport& report_;
  const CheckedState& state_;
  RepairPlan plan_;
  CurrentHeader header_;
  bool has_work_ = false;
};

// ---- Carrying out

Result<void> clear_bits(File& file, const ClearBits& bits) {
  const ByteRange range = bytes_of(bits);
  std::vector<std::byte> bytes(range.length);
  TRY(file.read(range.offset, bytes));
  const uint64_t origin = (range.offset - bits.bitmap_offset) * 8;
  for (uint64_t i = 0; i < bytes.size(); ++i) {
    unsigned mask = 0;
    for (uint64_t bit = 0; bit < 8; ++bit) {
      const uint64_t at = origin + i * 8 + bit;
      const bool is_cleared = at >= bits.first_bit && at < bits.first_bit + bits.bit_count;
      mask |= is_cleared ? 1U << bit : 0U;
    }
    bytes[i] &= static_cast<std::byte>(~mask);
  }
  return file.write(range.offset, bytes);
}

Result<void> carry_out_step(File& file, const RepairStep& step) {
  return std::visit(
      Overloaded{[&](const WriteBytes& write) { return file.write(write.file_offset, write.bytes); },
                 [&](const WriteZeros& zeros) { return file.punch_hole(zeros.range); },
                 [&](const ClearBits& bits) { return clear_bits(file, bits); },
                 [&](const ExtendFile& extend) -> Result<void> {
                   if (TRY(file.size_bytes()) >= extend.size_bytes) return {};
                   return file.resize(extend.size_bytes);
                 }},
      step.change);
}

// ---- The undo file

struct UndoHeader {
  static constexpr uint64_t expected_signature = letters("vhdlabud");
  static constexpr uint32_t supported_version = 1;
  le64 signature;
  le32 version;
  le32 checksum;
  le64 image_size;
  le64 entry_count;
  Guid file_write_guid_before;
  Guid file_write_guid_after;
  std::array<std::byte, 4032> reserved;
};
static_assert(sizeof(UndoHeader) == 4096);

struct UndoEntry {
  enum Kind : uint32_t { bytes_follow = 0, zeros = 1 };
  le64 file_offset;
  le64 length;
  le32 checksum;
  le32 kind;
};
static_assert(sizeof(UndoEntry) == 24);

uint32_t undo_checksum(UndoHeader header) {
  header.checksum = 0;
  return crc32c(std::as_bytes(std::span(&header, 1)));
}

// Appends entries to an undo file.
class UndoWriter {
 public:
  explicit UndoWriter(File& undo) : undo_(undo) {}

  [[nodiscard]] uint64_t entry_count() const { return entry_count_; }

  Result<void> add_zeros(ByteRange range) {
    return put({range.offset, range.length, 0, UndoEntry::zeros}, {});
  }

  Result<void> add_bytes(uint64_t offset, Bytes bytes) {
    return put({offset, bytes.size(), crc32c(bytes), UndoEntry::bytes_follow}, bytes);
  }

 private:
  Result<void> put(const UndoEntry& entry, Bytes bytes) {
    TRY(undo_.write(at_, std::as_bytes(std::span(&entry, 1))));
    TRY(undo_.write(at_ + sizeof(entry), bytes));
    at_ += sizeof(entry) + bytes.size();
    ++entry_count_;
    return {};
  }

  File& undo_;
  uint64_t at_ = sizeof(UndoHeader);
  uint64_t entry_count_ = 0;
};

// What stands in `range` now: holes as zeros, the rest in pieces.
Result<void> save_range(File& file, ByteRange range, UndoWriter& undo) {
  for (uint64_t offset = range.offset; offset < range.end();) {
    const auto data = TRY(file.next_data(offset));
    const uint64_t begin = data ? std::clamp(data->offset, offset, range.end()) : range.end();
    if (begin > offset) TRY(undo.add_zeros({offset, begin - offset}));
    if (begin == range.end()) break;
    const uint64_t end = std::min({data->end(), range.end(), begin + piece_length});
    std::vector<std::byte> bytes(end - begin);
    TRY(file.read(begin, bytes));
    TRY(undo.add_bytes(begin, bytes));
    offset = end;
  }
  return {};
}

std::unexpected<Error> malformed(const File& undo, std::string particulars) {
  return failure(ErrorKind::damaged, "undo-malformed",
                 fmt::format("{}: no undo file that is whole: {}", undo.name(), particulars),
                 "give the file that 'vhdlab disk repair' wrote before it changed the image");
}

Result<UndoHeader> read_undo_header(File& undo) {
  UndoHeader header;
  if (TRY(undo.size_bytes()) < sizeof(header)) return malformed(undo, "it is too short");
  TRY(undo.read(0, std::as_writable_bytes(std::span(&header, 1))));
  if (header.signature != UndoHeader::expected_signature)
    return malformed(undo, "no 'vhdlabud' at its start");
  if (header.checksum != undo_checksum(header)) return malformed(undo, "its header's checksum is wrong");
  if (header.version != UndoHeader::supported_version) {
    return failure(ErrorKind::unsupported, "undo-malformed",
                   fmt::format("{}: version {}, expected {}", undo.name(), uint32_t{header.version},
                               UndoHeader::supported_version),
                   "use the program that wrote it");
  }
  return header;
}

// Goes through the entries and calls `use(entry, bytes)` for each; nothing is used that does not check.
template <typename Use>
Result<void> for_each_entry(File& undo, const UndoHeader& header, Use use) {
  const uint64_t size = TRY(undo.size_bytes());
  uint64_t at = sizeof(UndoHeader);
  for (uint64_t i = 0; i < header.entry_count; ++i) {
    UndoEntry entry;
    if (at > size || sizeof(entry) > size - at) return malformed(undo, "it ends inside its entries");
    TRY(undo.read(at, std::as_writable_bytes(std::span(&entry, 1))));
    at += sizeof(entry);
    const bool is_inside =
        entry.file_offset <= header.image_size && entry.length <= header.image_size - entry.file_offset;
    if (!is_inside || entry.kind > UndoEntry::zeros)
      return malformed(undo, fmt::format("entry {} is for no bytes of the image", i));
    std::vector<std::byte> bytes;
    if (entry.kind == UndoEntry::bytes_follow) {
      if (entry.length > piece_length || entry.length > size - at)
        return malformed(undo, "it ends inside its entries");
      bytes.resize(entry.length);
      TRY(undo.read(at, bytes));
      at += bytes.size();
      if (crc32c(bytes) != entry.checksum)
        return malformed(undo, fmt::format("entry {} has a wrong checksum", i));
    }
    TRY(use(entry, Bytes(bytes)));
  }
  return {};
}

bool is_of_headers(const UndoEntry& entry) {
  return entry.file_offset < region_table_offsets[0];
}

// Whether the image is the one this undo file belongs to, repaired or half repaired and not written to since:
// the header that counts tells.
Result<void> check_image_is_the_same(File& file, const File& undo, const UndoHeader& header) {
  std::optional<Header> current;
  for (size_t slot = 0; slot < header_offsets.size(); ++slot) {
    if (TRY(file.size_bytes()) < header_offsets[slot] + sizeof(Header)) break;
    const Header copy = TRY(read_header(file, slot));
    if (is_intact(copy) && (!current || copy.sequence_number > current->sequence_number)) current = copy;
  }
  const Guid found = current ? current->file_write_guid : Guid{};
  if (current && (found == header.file_write_guid_before || found == header.file_write_guid_after)) return {};
  return failure(ErrorKind::mismatch, "undo-file-changed",
                 fmt::format("{}: it was written to since the repair that {} is for, or is another disk: its "
                             "FileWriteGuid is {}, expected {}",
                             file.name(), undo.name(), current ? found.to_lower() : "in no intact header",
                             header.file_write_guid_after.to_lower()),
                 "nothing was changed: putting old bytes back would destroy what was written");
}

}  // namespace

std::string text_of(const RepairStep& step) {
  const ByteRange range = range_of(step);
  const std::string action =
      std::visit(Overloaded{[&](const WriteBytes&) {
                              return fmt::format("write {} bytes at {:#x}", range.length, range.offset);
                            },
                            [&](const WriteZeros&) {
                              return fmt::format("zero {} bytes at {:#x}", range.length, range.offset);
                            },
                            [&](const ClearBits& bits) {
                              return fmt::format("clear {} bits in {} bytes at {:#x}", bits.bit_count,
                                                 range.length, range.offset);
                            },
                            [&](const ExtendFile& extend) {
                              return fmt::format("make the file {} bytes long", extend.size_bytes);
                            }},
                 step.change);
  return fmt::format("{}: {} ({})", action, step.why, step.mends);
}

Result<RepairPlan> plan_repair(File& file, const CheckReport& report, RandomSource& random) {
  return Planner(file, report, random).run();
}

Result<void> save_undo(File& file, const RepairPlan& plan, File& undo) {
  UndoWriter writer(undo);
  for (const RepairStep& step : plan.steps) {
    const ByteRange range = range_of(step);
    const uint64_t end = std::min(range.end(), plan.file_size_bytes);
    if (range.offset < region_table_offsets[0] && !range.empty()) {  // a header: whole, whatever holes it has
      const Header header = TRY(read_header(file, range.offset == header_offsets[0] ? 0 : 1));
      TRY(writer.add_bytes(range.offset, std::as_bytes(std::span(&header, 1))));
    } else if (range.offset < end) {
      TRY(save_range(file, {range.offset, end - range.offset}, writer));
    }
  }
  TRY(undo.flush());
  UndoHeader header{.signature = UndoHeader::expected_signature,
                    .version = UndoHeader::supported_version,
                    .checksum = 0,
                    .image_size = plan.file_size_bytes,
                    .entry_count = writer.entry_count(),
                    .file_write_guid_before = plan.file_write_guid_before,
                    .file_write_guid_after = plan.file_write_guid_after,
                    .reserved = {}};
  header.checksum = undo_checksum(header);
  TRY(undo.write(0, std::as_bytes(std::span(&header, 1))));
  return undo.flush();
}

Result<void> carry_out(File& file, const RepairPlan& plan) {
  if (plan.empty()) return {};
  const auto current = TRY(read_current_header(file, TRY(file.size_bytes())));
  if (TRY(file.size_bytes()) != plan.file_size_bytes ||
      current.fields.file_write_guid != plan.file_write_guid_before) {
    return failure(ErrorKind::mismatch, "repair-file-changed",
                   fmt::format("{}: it has changed since its repair was planned", file.name()),
                   "nothing was written: run the repair again");
  }
  uint32_t stage = plan.steps.front().stage;
  for (const RepairStep& step : plan.steps) {
    if (step.stage != stage) TRY(file.flush());
    stage = step.stage;
    TRY(carry_out_step(file, step));
  }
  return file.flush();
}

// First everything but the headers, then the header that counted before the repair, then the other one: at
// every moment one intact header bears an identity this undo file knows, so that undoing can be repeated.
Result<void> undo_repair(File& file, File& undo) {
  const UndoHeader header = TRY(read_undo_header(undo));
  TRY(for_each_entry(undo, header, [](const UndoEntry&, Bytes) -> Result<void> { return {}; }));
  TRY(check_image_is_the_same(file, undo, header));

  auto put_back = [&](const UndoEntry& entry, Bytes bytes) -> Result<void> {
    if (entry.kind == UndoEntry::zeros) return file.punch_hole({entry.file_offset, entry.length});
    return file.write(entry.file_offset, bytes);
  };
  std::array<std::vector<std::byte>, 2> headers;
  TRY(for_each_entry(undo, header, [&](const UndoEntry& entry, Bytes bytes) -> Result<void> {
    if (!is_of_headers(entry)) return put_back(entry, bytes);
    const size_t slot = entry.file_offset < header_offsets[1] ? 0 : 1;
    if (entry.file_offset != header_offsets[slot] || bytes.size() != sizeof(Header))
      return malformed(undo, "a header is not saved whole");
    headers[slot].assign(bytes.begin(), bytes.end());
    return {};
  }));
  TRY(file.resize(header.image_size));
  TRY(file.flush());

  auto counted_before = [&](size_t slot) {
    if (headers[slot].empty()) return false;
    Header copy;
    std::memcpy(&copy, headers[slot].data(), sizeof(copy));
    return is_intact(copy) && copy.file_write_guid == header.file_write_guid_before;
  };
  const size_t first = counted_before(0) ? 0 : 1;
  for (size_t slot : {first, 1 - first}) {
    if (headers[slot].empty()) continue;
    TRY(file.write(header_offsets[slot], headers[slot]));
    TRY(file.flush());
  }
  return {};
}

}  // namespace vhdlab::vhdx
