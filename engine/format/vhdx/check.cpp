// The check's straight column, and its looks at headers and log; see check.h.
#include "engine/format/vhdx/check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/format/vhdx/check_parts.h"
#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/layout.h"
#include "engine/format/vhdx/replayed_file.h"

namespace vhdlab::vhdx {
namespace {

using Particulars = FindingCollector::Particulars;

// The log is read for its entries up to these bounds, each far beyond what a log of a real file reaches
// (Windows makes them 1 MiB long). They keep the search for the active sequence, whose cost grows with the
// square of the entries, from going on for hours.
constexpr uint64_t log_entry_bytes_max = 512 * mib;
constexpr uint64_t log_entries_max = 8192;

// Lends a file to an owner that only reads from it.
class LentFile final : public File {
 public:
  explicit LentFile(File& file) : file_(file) {}

  const std::string& name() const override { return file_.name(); }
  Result<void> read(uint64_t offset, MutableBytes into) override { return file_.read(offset, into); }
  Result<void> write(uint64_t offset, Bytes from) override { return file_.write(offset, from); }
  Result<void> flush() override { return file_.flush(); }
  Result<uint64_t> size_bytes() override { return file_.size_bytes(); }
  Result<void> resize(uint64_t size_bytes) override { return file_.resize(size_bytes); }
  Result<void> punch_hole(ByteRange range) override { return file_.punch_hole(range); }
  Result<std::optional<ByteRange>> next_data(uint64_t offset) override { return file_.next_data(offset); }
  Result<uint64_t> allocated_bytes() override { return file_.allocated_bytes(); }

 private:
  File& file_;
};

// ---- Headers

struct HeaderCopy {
  Header fields;
  std::string trouble;  // why the copy is not intact; empty where it is

  [[nodiscard]] bool is_intact() const { return trouble.empty(); }
};

std::string header_name(size_t slot) {
  return fmt::format("header {}", slot + 1);
}

Result<HeaderCopy> read_header(CheckedFile& file, size_t slot) {
  HeaderCopy copy;
  if (!file.holds({header_offsets[slot], sizeof(Header)})) {
    copy.trouble = "the file ends before it";
    return copy;
  }
  TRY(file.read(header_offsets[slot], std::as_writable_bytes(std::span(&copy.fields, 1))));
  const uint32_t expected = checksum_of(copy.fields);
  if (copy.fields.signature != Header::expected_signature) {
    copy.trouble = fmt::format("signature {:#010x}", uint32_t{copy.fields.signature});
  } else if (copy.fields.checksum != expected) {
    copy.trouble =
        fmt::format("checksum {:#010x}, its bytes give {:#010x}", uint32_t{copy.fields.checksum}, expected);
  }
  return copy;
}

// The rules for one intact header. What is wrong with the one that does not count is a risk: it will count
// when the other is lost.
void check_header(const CheckedFile& file, const HeaderCopy& copy, size_t slot, bool is_current,
                  CheckedState& state, FindingCollector& findings) {
  const Header& header = copy.fields;
  const std::optional<Severity> severity = is_current ? std::nullopt : std::optional(Severity::risk);
  auto at = [&](uint64_t field, std::string found, std::string expected) {
    return Particulars{.where = header_name(slot),
                       .file_offset = header_offsets[slot] + field,
                       .found = std::move(found),
                       .expected = std::move(expected),
                       .severity = severity};
  };
  if (header.version != Header::supported_version) {
    if (is_current) state.is_supported = false;
    findings.add(Fault::header_version, [&] {
      return at(offsetof(Header, version), fmt::format("version {}", uint16_t{header.version}),
                fmt::format("version {}", Header::supported_version));
    });
  }
  const bool log_in_use = !header.log_guid.is_zero();
  if (log_in_use && header.log_version != Header::supported_log_version) {
    if (is_current) state.is_supported = false;
    findings.add(Fault::log_version, [&] {
      return at(offsetof(Header, log_version), fmt::format("version {}", uint16_t{header.log_version}),
                fmt::format("version {}", Header::supported_log_version));
    });
  }
  const ByteRange log{header.log_offset, header.log_length};
  if (!log.empty() && (!on_grid(log) || log.offset < header_section_length || !file.holds(log))) {
    findings.add(Fault::header_log_placement, [&] {
      return at(offsetof(Header, log_offset),
                fmt::format("offset {:#x}, length {:#x}", log.offset, log.length),
                fmt::format("whole MiB from 1 MiB on, inside the file's {:#x} bytes", file.size_bytes()));
    });
  }
  if (log.empty() && is_current) {
    findings.add(Oddity::log_absent,
                 [&] { return at(offsetof(Header, log_length), "length 0", "1 MiB or more"); });
  }
  if (header.data_write_guid.is_zero() && is_current) {
    findings.add(Oddity::identity_zero,
                 [&] { return at(offsetof(Header, data_write_guid), "all zeros", ""); });
  }
  if (!all_zero(header.reserved)) {
    findings.add(Oddity::reserved_not_zero, [&] {
      Particulars particulars = at(offsetof(Header, reserved), "bytes that are not zero", "zeros");
      particulars.severity = Severity::note;
      return particulars;
    });
  }
}

void compare_headers(const Header& first, const Header& second, FindingCollector& findings) {
  auto both = [](std::string found, std::string expected = {}) {
    return Particulars{.where = "headers 1 and 2",
                       .file_offset = header_offsets[0],
                       .found = std::move(found),
                       .expected = std::move(expected)};
  };
  const uint64_t low = std::min<uint64_t>(first.sequence_number, second.sequence_number);
  const uint64_t high = std::max<uint64_t>(first.sequence_number, second.sequence_number);
  if (low == high) {
    const auto number = fmt::format("sequence number {} in both", high);
    if (std::memcmp(&first, &second, sizeof(Header)) == 0) {
      findings.add(Oddity::header_identical, [&] { return both(number); });
    } else {
      findings.add(Oddity::header_sequence_equal, [&] { return both(number, "different numbers"); });
    }
    return;
  }
  if (high - low > 1) {
    findings.add(Oddity::header_sequence_gap, [&] {
      return both(fmt::format("sequence numbers {} and {}", low, high), "consecutive numbers");
    });
  }
  std::string differing;
  auto compare = [&](bool equal, std::string_view field) {
    if (!equal) differing += (differing.empty() ? "differing " : ", ") + std::string(field);
  };
  compare(first.file_write_guid == second.file_write_guid, "FileWriteGuid");
  compare(first.data_write_guid == second.data_write_guid, "DataWriteGuid");
  compare(first.log_guid == second.log_guid, "LogGuid");
  compare(first.log_offset == second.log_offset && first.log_length == second.log_length, "log placement");
  if (!differing.empty())
    findings.add(Oddity::headers_differ, [&] { return both(differing, "the same in both"); });
}

Result<void> check_headers(CheckedFile& file, CheckedState& state, FindingCollector& findings) {
  const std::array<HeaderCopy, 2> copies = {TRY(read_header(file, 0)), TRY(read_header(file, 1))};
  for (size_t slot = 0; slot < copies.size(); ++slot) {
    state.is_header_intact[slot] = copies[slot].is_intact();
    if (!copies[slot].is_intact()) continue;
    const Header& fields = copies[slot].fields;
    if (!state.header || fields.sequence_number > state.header->fields.sequence_number)
      state.header = CurrentHeader{fields, slot};
  }
  if (!state.header) {
    findings.add(Fault::no_valid_header, [&] {
      return Particulars{.where = "headers 1 and 2",
                         .file_offset = header_offsets[0],
                         .found = fmt::format("{}; {}", copies[0].trouble, copies[1].trouble),
                         .expected = "'head' and a matching checksum in one of them"};
    });
    return {};
  }
  for (size_t slot = 0; slot < copies.size(); ++slot) {
    if (copies[slot].is_intact()) {
      check_header(file, copies[slot], slot, slot == state.header->slot, state, findings);
      continue;
    }
    findings.add(Oddity::header_torn, [&] {
      return Particulars{.where = header_name(slot),
                         .file_offset = header_offsets[slot],
                         .found = copies[slot].trouble,
                         .expected = "'head' and a matching checksum"};
    });
  }
  if (copies[0].is_intact() && copies[1].is_intact())
    compare_headers(copies[0].fields, copies[1].fields, findings);
  return {};
}

// ---- Log

struct LogSurvey {
  uint64_t leftover_count = 0;  // whole entries under another LogGuid than the header's
  uint64_t leftover_first = 0;  // file offset
  uint64_t torn_count = 0;
  uint64_t torn_first = 0;
  bool is_bounded = true;  // false: given up, and reading the log for replay would take too long
};

// Walks the ring from its start, as a reader that looks for entries does, and counts what each is.
class LogSurveyor {
 public:
  LogSurveyor(CheckedFile& file, const Header& header)
      : file_(file), ring_{header.log_offset, header.log_length}, log_guid_(header.log_guid) {}

  [[nodiscard]] Result<LogSurvey> survey() {
    uint64_t next = ring_.offset;
    TRY(file_.for_each_piece(ring_, log_sector_length, [&](uint64_t offset, Bytes piece) -> Result<void> {
      for (uint64_t at = 0; at + sizeof(LogEntryHeader) <= piece.size(); at += log_sector_length) {
        if (offset + at < next || !survey_.is_bounded) continue;
        const auto header = read_at<LogEntryHeader>(piece, at);
        if (header.signature == LogEntryHeader::expected_signature)
          next = offset + at + TRY(look_at(offset + at, header));
      }
      return {};
    }));
    return survey_;
  }

 private:
  // Counts the entry that claims to stand here; how far the walk goes on.
  Result<uint64_t> look_at(uint64_t offset, const LogEntryHeader& header) {
    const uint64_t length = header.entry_length;
    const bool makes_sense = header.sequence_number != 0 && length >= log_sector_length &&
                             length % log_sector_length == 0 && length <= ring_.length;
    examined_bytes_ += makes_sense ? length : 0;
    if (examined_bytes_ > log_entry_bytes_max || entries_ >= log_entries_max) {
      survey_.is_bounded = false;
      return log_sector_length;
    }
    ++entries_;
    if (!makes_sense || !TRY(is_whole(offset, header))) {
      if (survey_.torn_count++ == 0) survey_.torn_first = offset;
      return log_sector_length;
    }
    const bool is_leftover = log_guid_.is_zero() || header.log_guid != log_guid_;
    if (is_leftover && survey_.leftover_count++ == 0) survey_.leftover_first = offset;
    return length;
  }

  Result<bool> is_whole(uint64_t offset, const LogEntryHeader& header) {
    std::vector<std::byte> entry(header.entry_length);
    const uint64_t before_wrap = std::min<uint64_t>(entry.size(), ring_.end() - offset);
    TRY(file_.read(offset, MutableBytes(entry).first(before_wrap)));
    if (before_wrap < entry.size()) TRY(file_.read(ring_.offset, MutableBytes(entry).subspan(before_wrap)));
    return checksum_of(Bytes(entry)) == header.checksum;
  }

  CheckedFile& file_;
  ByteRange ring_;
  Guid log_guid_;
  LogSurvey survey_;
  uint64_t entries_ = 0;
  uint64_t examined_bytes_ = 0;
};

void tell_of_survey(const LogSurvey& survey, FindingCollector& findings) {
  if (survey.leftover_count > 0) {
    findings.add(Oddity::log_leftover, [&] {
      return Particulars{.where = "log",
                         .file_offset = survey.leftover_first,
                         .found = fmt::format("{} entries", survey.leftover_count)};
    });
  }
  if (survey.torn_count > 0) {
    findings.add(Oddity::log_torn_entry, [&] {
      return Particulars{.where = "log",
                         .file_offset = survey.torn_first,
                         .found = fmt::format("{} entries", survey.torn_count)};
    });
  }
}

// Reads what replay would do. A log that cannot be replayed leaves the tables as they stand in the file.
Result<void> check_replay(CheckedFile& file, CheckedState& state, FindingCollector& findings) {
  const Header& header = state.header->fields;
  const Particulars at_log{.where = "log", .file_offset = uint64_t{header.log_offset}};
  auto replay = read_log(file.file(), header, file.size_bytes());
  if (!replay) {
    if (!findings.add(replay.error(), at_log)) return std::unexpected(std::move(replay).error());
    return {};
  }
  const uint64_t end_max = std::max(file.size_bytes(), replay->file_size_min_bytes);
  const bool is_outside =
      !replay->pages.empty() && replay->pages.rbegin()->first + log_sector_length > end_max;
  if (is_outside || replay->file_size_min_bytes > file_size_checked_max) {
    findings.add(Oddity::log_target_outside, [&] {
      return Particulars{
          .where = "log",
          .file_offset = uint64_t{header.log_offset},
          .found = fmt::format("a write at {:#x}, a last file offset of {:#x}",
                               replay->pages.empty() ? 0 : replay->pages.rbegin()->first,
                               replay->file_size_min_bytes),
          .expected = fmt::format("writes below {:#x}", std::min(end_max, file_size_checked_max))};
    });
    return {};
  }
  state.replay = *std::move(replay);
  state.is_log_settled = true;
  return {};
}

Result<void> check_log(CheckedFile& file, CheckedState& state, FindingCollector& findings) {
  const Header& header = state.header->fields;
  const bool is_dirty = !header.log_guid.is_zero();
  state.is_log_settled = !is_dirty;
  if (is_dirty) {
    findings.add(Oddity::log_dirty, [&] {
      return Particulars{.where = "log",
                         .file_offset = uint64_t{header.log_offset},
                         .found = "LogGuid " + header.log_guid.to_lower(),
                         .expected = "all zeros, as a clean close leaves it"};
    });
  }
  const ByteRange ring{header.log_offset, header.log_length};
  const bool is_readable = !ring.empty() && on_grid(ring) && ring.offset >= header_section_length &&
                           file.holds(ring) && header.log_version == Header::supported_log_version;
  if (!is_readable) {
    // A log that is not there has nothing to replay: opening says so, too.
    if (is_dirty && ring.empty()) return check_replay(file, state, findings);
    return {};
  }
  const LogSurvey survey = TRY(LogSurveyor(file, header).survey());
  tell_of_survey(survey, findings);
  if (!is_dirty) return {};
  if (survey.is_bounded) return check_replay(file, state, findings);
  findings.add(Oddity::log_not_examined, [&] {
    return Particulars{.where = "log",
                       .file_offset = ring.offset,
                       .found = fmt::format("{:#x} bytes, over {} entries or {} MiB of them", ring.length,
                                            log_entries_max, log_entry_bytes_max / mib)};
  });
  return {};
}

// ---- The whole

// True where the file can be a VHDX at all.
Result<bool> check_identifier(CheckedFile& file, FindingCollector& findings) {
  le64 signature;
  TRY(file.read(0, std::as_writable_bytes(std::span(&signature, 1))));
  if (file.size_bytes() < sizeof(FileIdentifier) || signature != FileIdentifier::expected_signature) {
    findings.add(Fault::not_a_vhdx, [&] {
      return Particulars{.where = "file identifier",
                         .file_offset = 0,
                         .found = file.size_bytes() < sizeof(FileIdentifier)
                                      ? fmt::format("a file of {} bytes", file.size_bytes())
                                      : fmt::format("signature {:#018x}", uint64_t{signature}),
                         .expected = "'vhdxfile'"};
    });
    return false;
  }
  if (file.size_bytes() < header_section_length) {
    findings.add(Fault::file_too_short, [&] {
      return Particulars{.where = "header section",
                         .file_offset = file.size_bytes(),
                         .found = fmt::format("{:#x} bytes", file.size_bytes()),
                         .expected = fmt::format("at least {:#x}", header_section_length)};
    });
  }
  return true;
}

Result<void> check_structures(File& raw, CheckReport& report, FindingCollector& findings) {
  CheckedState& state = report.state;
  CheckedFile stored(raw, state.file_size_bytes);
  if (!TRY(check_identifier(stored, findings))) return {};
  TRY(check_headers(stored, state, findings));
  if (state.header) TRY(check_log(stored, state, findings));

  // From here on the file is looked at as it will be once its log has been replayed.
  std::unique_ptr<File> replayed;
  const bool has_replay = !state.replay.pages.empty() || !state.replay.zeroed.empty() ||
                          state.replay.file_size_min_bytes > state.file_size_bytes;
  if (has_replay)
    replayed = make_replayed_file(std::make_unique<LentFile>(raw), state.replay, state.file_size_bytes);
  File& current = replayed ? *replayed : raw;
  CheckedFile file(current, TRY(current.size_bytes()));
  TRY(check_region_tables(file, state, findings));
  if (!state.regions) return {};
  TRY(check_metadata(file, state.regions->metadata, state, findings));
  if (!state.metadata || !state.header) return {};
  TRY(check_tables(file, state, findings));
  report.is_complete = state.is_log_settled;
  return {};
}

// Which findings 'disk repair' mends depends on the file as a whole: nothing is mended while it is unclear
// what the file is, and no table while its log cannot be replayed.
void settle_repairs(CheckReport& report) {
  const CheckedState& state = report.state;
  const bool can_repair =
      state.header && state.is_supported && state.file_size_bytes >= header_section_length;
  const bool can_repair_tables = can_repair && report.is_complete;
  const bool can_copy_region_table = state.is_region_table_intact[0] || state.is_region_table_intact[1];
  for (Finding& finding : report.findings) {
    const auto is = [&](Oddity oddity) { return finding.name == oddity_info(oddity).name; };
    if (is(Oddity::header_torn)) {
      finding.is_repairable = can_repair;
    } else if (is(Oddity::region_table_torn)) {
      finding.is_repairable = can_repair && can_copy_region_table;
    } else if (is(Oddity::log_dirty)) {
      finding.is_repairable = can_repair && state.is_log_settled;
    } else if (is(Oddity::bitmap_stale) || is(Oddity::bitmap_past_disk_end)) {
      finding.is_repairable = can_repair_tables && finding.is_repairable;
    } else {
      finding.is_repairable = can_repair_tables && finding.is_repairable && state.lost_tail_end.has_value();
    }
  }
}

}  // namespace

Result<void> CheckedFile::read(uint64_t offset, MutableBytes into) {
  const uint64_t inside = offset < size_bytes_ ? std::min<uint64_t>(into.size(), size_bytes_ - offset) : 0;
  if (inside > 0) TRY(file_.read(offset, into.first(inside)));
  std::ranges::fill(into.subspan(inside), std::byte{0});
  return {};
}

bool CheckReport::has(Severity severity) const {
  return std::ranges::find(findings, severity, &Finding::severity) != findings.end();
}

uint64_t CheckReport::count_of(std::string_view name) const {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

Result<CheckReport> check_image(File& file) {
  CheckReport report;
  FindingCollector findings;
  report.state.file_size_bytes = TRY(file.size_bytes());
  TRY(check_structures(file, report, findings));
  report.findings = std::move(findings.kept());
  report.counts = findings.counts();
  std::ranges::stable_sort(report.findings, {}, &Finding::severity);
  settle_repairs(report);
  return report;
}

}  // namespace vhdlab::vhdx
