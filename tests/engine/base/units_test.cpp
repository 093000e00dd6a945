// Sizes, durations and counts: what people write, what is refused, and what they get to read.
#include "engine/base/units.h"

#include <limits>

#include <gtest/gtest.h>

#include "engine/base/bytes.h"

namespace vhdlab {
namespace {

std::string fault_of(const auto& result) {
  return result ? "none" : result.error().fault;
}

TEST(ParseSize, ReadsEveryUnitInEitherCase) {
  // The forms of the language, of fio and of DiskSpd side by side.
  EXPECT_EQ(*parse_size_bytes("512"), 512u);
  EXPECT_EQ(*parse_size_bytes("512B"), 512u);
  EXPECT_EQ(*parse_size_bytes("4KiB"), 4096u);
  EXPECT_EQ(*parse_size_bytes("64k"), 65536u);
  EXPECT_EQ(*parse_size_bytes("64KB"), 65536u);
  EXPECT_EQ(*parse_size_bytes("2 MiB"), 2 * mib);
  EXPECT_EQ(*parse_size_bytes("1.5 GiB"), 3 * gib / 2);
  EXPECT_EQ(*parse_size_bytes(" 64TiB "), 64 * tib);
  EXPECT_EQ(*parse_size_bytes("0"), 0u);
}

TEST(ParseSize, RefusesAFractionThatIsNotWholeBytes) {
  // Halves of even units are whole; thirds, and halves of a byte, are not.
  EXPECT_EQ(*parse_size_bytes("0.5k"), 512u);
  EXPECT_EQ(*parse_size_bytes("1.50000k"), 1536u);
  EXPECT_EQ(*parse_size_bytes("7.0"), 7u);
  EXPECT_EQ(fault_of(parse_size_bytes("1.5")), "size-range");
  EXPECT_EQ(fault_of(parse_size_bytes("0.3333KiB")), "size-range");
  EXPECT_EQ(fault_of(parse_size_bytes("0.00000000000000000000000001TiB")), "size-range");
}

TEST(ParseSize, KnowsItsLimit) {
  // The largest number of 64 bits passes, the next does not, nor does one far beyond 128 bits.
  EXPECT_EQ(*parse_size_bytes("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(fault_of(parse_size_bytes("18446744073709551616")), "size-range");
  EXPECT_EQ(fault_of(parse_size_bytes("16777216TiB")), "size-range");
  EXPECT_EQ(fault_of(parse_size_bytes("99999999999999999999999999999999999999999999T")), "size-range");
}

TEST(ParseSize, RefusesWhatIsNotASize) {
  // No number, no digits around the point, signs, unknown units, words behind.
  for (const char* text : {"", " ", "KiB", ".5k", "5.", "5.k", "-4k", "+4k"}) {
    EXPECT_EQ(fault_of(parse_size_bytes(text)), "size-syntax") << text;
  }
  for (const char* text : {"4x", "4KiBs", "1e3", "4 k b", "0x10", "1,000"}) {
    EXPECT_EQ(fault_of(parse_size_bytes(text)), "size-unit") << text;
  }
}

TEST(ParseDuration, ReadsEveryUnit) {
  // One of each, fractions included.
  using namespace std::chrono_literals;
  EXPECT_EQ(*parse_duration("0"), 0ns);
  EXPECT_EQ(*parse_duration("15ns"), 15ns);
  EXPECT_EQ(*parse_duration("10us"), 10us);
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("3s"), 3s);
  EXPECT_EQ(*parse_duration("0.25 S"), 250ms);
  EXPECT_EQ(*parse_duration("1.5min"), 90s);
  EXPECT_EQ(*parse_duration("2h"), 2h);
  EXPECT_EQ(*parse_duration("1d"), 24h);
}

TEST(ParseDuration, RefusesTheRest) {
  // No unit, the ambiguous "m", not a number, not whole, too long.
  EXPECT_EQ(fault_of(parse_duration("5")), "duration-unit");
  EXPECT_EQ(fault_of(parse_duration("5m")), "duration-unit");
  EXPECT_EQ(fault_of(parse_duration("0.5")), "duration-unit");
  EXPECT_EQ(fault_of(parse_duration("soon")), "duration-syntax");
  EXPECT_EQ(fault_of(parse_duration("-1s")), "duration-syntax");
  EXPECT_EQ(fault_of(parse_duration("0.5ns")), "duration-range");
  EXPECT_EQ(fault_of(parse_duration("106752d")), "duration-range");
  EXPECT_TRUE(parse_duration("106751d"));
}

TEST(FormatSize, ShowsThreeDigitsInTheFittingUnit) {
  // Whole values, rounded values, and both sides of each step to the next unit.
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(512), "512 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1024), "1 KiB");
  EXPECT_EQ(format_size(4096), "4 KiB");
  EXPECT_EQ(format_size(1567650000), "1.46 GiB");
  EXPECT_EQ(format_size(3 * gib / 2), "1.5 GiB");
  EXPECT_EQ(format_size(1000 * kib), "1000 KiB");
  EXPECT_EQ(format_size(mib - 1), "1 MiB");
  EXPECT_EQ(format_size(64 * tib), "64 TiB");
  EXPECT_EQ(format_size(std::numeric_limits<uint64_t>::max()), "16 EiB");
}

TEST(FormatDuration, ShowsThreeDigitsInTheFittingUnit) {
  // As above; beyond a minute the next smaller unit takes the place of decimals.
  using namespace std::chrono_literals;
  EXPECT_EQ(format_duration(0ns), "0 ns");
  EXPECT_EQ(format_duration(850ns), "850 ns");
  EXPECT_EQ(format_duration(12400ns), "12.4 us");
  EXPECT_EQ(format_duration(999'600ns), "1 ms");
  EXPECT_EQ(format_duration(3200ms), "3.2 s");
  EXPECT_EQ(format_duration(59'990ms), "1 min");
  EXPECT_EQ(format_duration(125s), "2 min 5 s");
  EXPECT_EQ(format_duration(3599'900ms), "1 h");
  EXPECT_EQ(format_duration(5h + 7min), "5 h 7 min");
  EXPECT_EQ(format_duration(-850ns), "-850 ns");
  EXPECT_EQ(format_duration(Nanoseconds::min()).front(), '-');
}

TEST(FormatCount, GroupsByThousands) {
  // Every position of the first comma.
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(1000), "1,000");
  EXPECT_EQ(format_count(12345), "12,345");
  EXPECT_EQ(format_count(1234567), "1,234,567");
}

}  // namespace
}  // namespace vhdlab
