// Record files: what is read is what was written whole, or nothing.
#include "engine/merge/record_file.h"

#include <string>

#include <gtest/gtest.h>

#include "engine/io/memory_file_system.h"

namespace vhdlab::tests {
namespace {

const std::string lines = "vhdlab something 1\nfact one\nend of the road\n";

TEST(RecordFile, SealHoldsTheLinesAndNothingElse) {
  // Goal: a text that was cut short or altered is never believed. Method: every prefix, every changed byte.
  const std::string text = sealed(lines);
  ASSERT_TRUE(unsealed(text));
  EXPECT_EQ(*unsealed(text), lines);
  for (size_t length = 0; length < text.size(); ++length)
    EXPECT_FALSE(unsealed(std::string_view(text).substr(0, length))) << length << " bytes of " << text.size();
  for (size_t i = 0; i < text.size(); ++i) {
    std::string altered = text;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(unsealed(altered)) << "byte " << i;
  }
  EXPECT_FALSE(unsealed(text + "x"));
}

TEST(RecordFile, IsReplacedWholeAndLeavesNothingBeside) {
  // Goal: the new text stands in place of the old one, whatever a cut has left. Method: write, leave half a
  // text where the next one grows, write a shorter one.
  MemoryFileSystem files;
  ASSERT_TRUE(replace_record(files, "/f/record", "the first text"));
  ASSERT_TRUE(files.create(unfinished_record_path("/f/record")));
  ASSERT_TRUE(replace_record(files, "/f/record", "shorter"));
  EXPECT_FALSE(files.exists(unfinished_record_path("/f/record")));
  EXPECT_EQ(read_record(files, "/f/record", 100).value(), "shorter");
  EXPECT_EQ(read_record(files, "/f/record", 6).value(), std::nullopt) << "longer than it may be";
}

TEST(RecordFile, TakesLinesApart) {
  // Goal: words come off the front one by one, numbers are whole or refused. Method: one line.
  std::string_view line = "moved 12 13x";
  EXPECT_EQ(take(line, ' '), "moved");
  uint64_t number = 0;
  EXPECT_TRUE(read_number(take(line, ' '), number));
  EXPECT_EQ(number, 12U);
  EXPECT_FALSE(read_number(line, number));
  EXPECT_FALSE(read_number("", number));
  EXPECT_EQ(take(line, ' '), "13x");
  EXPECT_TRUE(line.empty());
}

}  // namespace
}  // namespace vhdlab::tests
