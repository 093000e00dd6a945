// What becomes of a block's state (2.5.1.1) when a guest writes, zeros or trims: every state a table may
// hold, in every kind of disk, by every operation, compared with one table a person can read.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

using vhdx::BatEntry;
using vhdx::BlockState;

enum class Kind { dynamic, differencing, fixed };
enum class Operation { write_sector, write_block, zero_sector, zero_block, trim_part, trim_block };

constexpr uint64_t block = 1;  // the block under test: 1 MiB of 512-byte sectors
constexpr uint64_t begin = block * mib;
constexpr uint64_t sector = 512;

// What three sectors read as: one no operation names, one a partially present block has, and the one that is
// written, zeroed or trimmed alone. P: the parent's, 0: zeros, d: the data from before, n: what was written.
struct Row {
  std::string before;  // "unmapped+": it kept its place, with old data in it
  Operation operation;
  std::string after;
  std::string content;

  friend void PrintTo(const Row& row, std::ostream* to) { *to << row.before << " -> " << row.after; }
};

constexpr uint64_t untouched_sector = 0;
constexpr uint64_t present_sector = 2;
constexpr uint64_t named_sector = 8;

std::string state_name(BatEntry entry) {
  switch (entry.state()) {
    case BlockState::not_present:
      return "not present";
    case BlockState::undefined:
      return "undefined";
    case BlockState::zero:
      return "zero";
    case BlockState::unmapped:
      return "unmapped";
    case BlockState::fully_present:
      return "full";
    case BlockState::partially_present:
      return "partial";
  }
  return "?";
}

// A disk with the block in the state `before` names, closed.
void make_disk(ImageWorkbench& bench, Kind kind, const std::string& before) {
  vhdx::DiskMetadata metadata =
      kind == Kind::differencing ? ImageWorkbench::differencing_disk() : ImageWorkbench::dynamic_disk();
  metadata.leave_blocks_allocated = kind == Kind::fixed;
  metadata.disk_size_bytes = 4 * mib;
  bench.create(metadata);
  const bool has_place = before == "full" || before == "partial" || before == "unmapped+";
  if (has_place) {
    const auto image = bench.open();
    if (before == "partial") {
      write_guest(*image, begin + sector, filled(3 * sector, 'd'));
    } else {
      write_guest(*image, begin, filled(mib, 'd'));
    }
    must(image->close());
  }
  if (before == "undefined") bench.set_bat_entry(block, uint64_t{1});
  if (before == "zero") bench.set_bat_entry(block, uint64_t{2});
  if (before == "unmapped") bench.set_bat_entry(block, uint64_t{3});
  if (before == "unmapped+") bench.set_bat_entry(block, (bench.bat_entry(block) & ~uint64_t{7}) | 3);
}

void trim_guest(vhdx::Image& image, ByteRange range) {
  WritePlan plan;
  must(image.plan_trim(range, plan));
  must(image.publish(plan));
}

void carry_out(vhdx::Image& image, Operation operation) {
  const ByteRange named{begin + named_sector * sector, sector};
  switch (operation) {
    case Operation::write_sector:
      return write_guest(image, named.offset, filled(sector, 'n'));
    case Operation::write_block:
      return write_guest(image, begin, filled(mib, 'n'));
    case Operation::zero_sector:
      return zero_guest(image, named);
    case Operation::zero_block:
      return zero_guest(image, {begin, mib});
    case Operation::trim_part:
      return trim_guest(image, {begin, mib / 2});
    case Operation::trim_block:
      return trim_guest(image, {begin, mib});
  }
}

std::string content_of(vhdx::Image& image) {
  std::string content;
  for (const uint64_t at : {untouched_sector, present_sector, named_sector}) {
    const auto bytes = read_guest(image, {begin + at * sector, sector});
    EXPECT_TRUE(std::ranges::all_of(bytes, [&](std::byte byte) { return byte == bytes[0]; }));
    const auto byte = static_cast<char>(bytes[0]);
    content += bytes[0] == absent_byte ? 'P' : byte == '\0' ? '0' : byte;
  }
  return content;
}

void expect_rows(Kind kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(fmt::format("{}, operation {}", row.before, static_cast<int>(row.operation)));
    ImageWorkbench bench;
    make_disk(bench, kind, row.before);
    {
      const auto image = bench.open();
      carry_out(*image, row.operation);
      EXPECT_EQ(content_of(*image), row.content);
      must(image->close());
    }
    const BatEntry entry{bench.bat_entry(block)};
    EXPECT_EQ(
        state_name(entry) + (entry.state() == BlockState::unmapped && entry.file_offset() != 0 ? "+" : ""),
        row.after);
    if (entry.state() == BlockState::zero) {
      EXPECT_EQ(entry.file_offset(), 0U) << "Windows refuses such a file";
    }
    EXPECT_EQ(content_of(*bench.open(OpenMode::read_only)), row.content) << "opened again";
  }
}

using enum Operation;

TEST(BlockStateTable, OfADynamicDiskFollowTheTable) {
  // Goal: no operation leaves a state the format does not allow, or shows old data. Method: the table below.
  std::vector<Row> rows = {
      {"full", write_sector, "full", "ddn"}, {"full", write_block, "full", "nnn"},
      {"full", zero_sector, "full", "dd0"},  {"full", zero_block, "zero", "000"},
      {"full", trim_part, "full", "ddd"},    {"full", trim_block, "unmapped", "000"},
  };
  for (const char* empty : {"not present", "undefined", "zero", "unmapped", "unmapped+"}) {
    rows.push_back({empty, write_sector, "full", "00n"});
    rows.push_back({empty, write_block, "full", "nnn"});
    rows.push_back({empty, zero_sector, empty, "000"});
    rows.push_back({empty, zero_block, empty, "000"});
    rows.push_back({empty, trim_part, empty, "000"});
    rows.push_back({empty, trim_block, empty, "000"});
  }
  expect_rows(Kind::dynamic, rows);
}

TEST(BlockStateTable, OfADifferencingDiskFollowTheTable) {
  // Goal: as above, and the parent shows only where nothing was ever written, zeroed or trimmed.
  std::vector<Row> rows = {
      {"full", write_sector, "full", "ddn"},
      {"full", write_block, "full", "nnn"},
      {"full", zero_sector, "full", "dd0"},
      {"full", zero_block, "zero", "000"},
      {"full", trim_part, "full", "ddd"},
      {"full", trim_block, "unmapped", "000"},
      {"partial", write_sector, "partial", "Pdn"},
      {"partial", write_block, "full", "nnn"},
      {"partial", zero_sector, "partial", "Pd0"},
      {"partial", zero_block, "zero", "000"},
      {"partial", trim_part, "partial", "PdP"},
      {"partial", trim_block, "unmapped", "000"},
      {"not present", write_sector, "partial", "PPn"},
      {"not present", write_block, "full", "nnn"},
      {"not present", zero_sector, "partial", "PP0"},
      {"not present", zero_block, "zero", "000"},
      {"not present", trim_part, "not present", "PPP"},
      {"not present", trim_block, "unmapped", "000"},
  };
  for (const char* hiding : {"undefined", "zero", "unmapped", "unmapped+"}) {
    rows.push_back({hiding, write_sector, "full", "00n"});
    rows.push_back({hiding, write_block, "full", "nnn"});
    rows.push_back({hiding, zero_sector, hiding, "000"});
    rows.push_back({hiding, zero_block, hiding, "000"});
    rows.push_back({hiding, trim_part, hiding, "000"});
    const std::string already = std::string(hiding).starts_with("unmapped") ? hiding : "unmapped";
    rows.push_back({hiding, trim_block, already, "000"});
  }
  expect_rows(Kind::differencing, rows);
}

TEST(BlockStateTable, OfAFixedDiskStayFull) {
  // Goal: a fixed disk never gives up a block.
  expect_rows(Kind::fixed, {
                               {"full", write_sector, "full", "ddn"},
                               {"full", write_block, "full", "nnn"},
                               {"full", zero_sector, "full", "dd0"},
                               {"full", zero_block, "full", "000"},
                               {"full", trim_part, "full", "ddd"},
                               {"full", trim_block, "full", "ddd"},
                           });
}

}  // namespace
}  // namespace vhdlab::tests
