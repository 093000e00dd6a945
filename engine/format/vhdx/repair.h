// Mends what can be mended in a VHDX file without guessing: a torn header, a region table that is not intact
// beside one that is, a log that was not replayed, a lost tail nobody reads, bits in sector bitmaps that mark
// nothing.
//
//   plan       what will be written where, and why                                        (reads only)
//   save       every byte the plan will change goes to an undo file, durable              (the other file)
//   carry out  stage by stage, a flush after each: a cut anywhere leaves a file that opens as before
//
// The undo file, all integers little-endian:
//
//   0      4 KiB header: "vhdlabud" | version u32 (1) | checksum u32 (CRC-32C of the 4 KiB with this field
//          zero) | size of the image in bytes u64 | entry count u64 | the image's FileWriteGuid before |
//          and after the repair | zeros
//   4096   entries: file offset u64 | length u64 | checksum u32 of the bytes | kind u32: 0 the bytes
//          follow, 1 they were zeros and do not
//
// The header is written last, so that an undo file which was cut short is recognised as none.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/format/vhdx/check.h"
#include "engine/io/file.h"

namespace vhdlab::vhdx {

struct WriteBytes {
  uint64_t file_offset = 0;
  std::vector<std::byte> bytes;
};
struct WriteZeros {
  ByteRange range;
};
struct ExtendFile {
  uint64_t size_bytes = 0;
};

// One change. Steps of one stage may reach the device in any order; a flush stands between stages.
struct RepairStep {
  uint32_t stage = 0;
  std::string mends;  // the finding's name: "vhdx-header-torn"
  std::string why;    // "header 2, made anew from header 1"
  std::variant<WriteBytes, WriteZeros, ClearBits, ExtendFile> change;
};

struct RepairPlan {
  uint64_t file_size_bytes = 0;  // of the file the plan is for
  Guid file_write_guid_before;
  Guid file_write_guid_after;
  std::vector<RepairStep> steps;
  std::vector<Finding> left;  // damage and risks that stay as they are

  [[nodiscard]] bool empty() const { return steps.empty(); }
};

// "write 4096 bytes at 0x20000: header 2, made anew from header 1 (vhdx-header-torn)"
[[nodiscard]] std::string text_of(const RepairStep& step);

// Plans the repair of the file that `report` is about, and that has not changed since; draws the new
// FileWriteGuid from `random`. An empty plan where nothing can be mended. Reads the file. Faults: those of
// reading it.
[[nodiscard]] Result<RepairPlan> plan_repair(File& file, const CheckReport& report, RandomSource& random);

// Writes what `plan` will change in `file`, as it stands now, to the empty file `undo`; durable on return.
[[nodiscard]] Result<void> save_undo(File& file, const RepairPlan& plan, File& undo);

// Carries the plan out; durable on return. Faults: repair-file-changed (the file is not the one that was
// planned for; nothing is written), those of reading and writing.
[[nodiscard]] Result<void> carry_out(File& file, const RepairPlan& plan);

// Puts back what save_undo saved: the file is byte for byte what it was before the repair. A cut in the
// middle is finished by undoing again. Faults: undo-malformed (`undo` is no undo file, or was cut short),
// undo-file-changed (the image was written to since its repair, or is another one); nothing is written then.
[[nodiscard]] Result<void> undo_repair(File& file, File& undo);

}  // namespace vhdlab::vhdx
