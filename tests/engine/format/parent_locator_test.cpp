// Parent locators: text to and from disk, and where a parent is looked for.
#include "engine/format/vhdx/parent_locator.h"

#include <gmock/gmock.h>

#include "engine/base/utf16.h"
#include "engine/format/vhdx/layout.h"
#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {
namespace {

using namespace vhdx;
using testing::ElementsAre;

constexpr Guid linkage = Guid::literal("F00DF00D-1111-2222-3333-444455556666");

std::vector<std::string> keys_of(Bytes item) {
  ParentLocatorHeader header;
  std::memcpy(&header, item.data(), sizeof(header));
  std::vector<std::string> keys;
  for (uint16_t i = 0; i < header.entry_count; ++i) {
    ParentLocatorEntry entry;
    std::memcpy(&entry, item.data() + sizeof(header) + i * sizeof(entry), sizeof(entry));
    keys.push_back(must(utf8_from_utf16le(item.subspan(entry.key_offset, entry.key_length))));
  }
  return keys;
}

TEST(ParentLocator, RoundTripKeepsEveryFieldIncludingTextBeyondAscii) {
  const ParentLocator locator{.linkage = linkage,
                              .linkage2 = Guid::literal("00000000-1111-2222-3333-444455556666"),
                              .relative_path = R"(..\Größe 盤\base.vhdx)",
                              .volume_path = R"(\\?\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\base.vhdx)",
                              .absolute_win32_path = R"(C:\disks\😀\base.vhdx)"};
  EXPECT_EQ(must(parse_parent_locator(must(serialize_parent_locator(locator)), "x")), locator);
}

TEST(ParentLocator, KeysStandInTheOrderOfWindowsAndEmptyPathsAreLeftOut) {
  // Goal: parent_linkage2 is written as zeros, as Windows does, and the GUID in lower case in braces.
  const ParentLocator locator{.linkage = linkage,
                              .linkage2 = {},
                              .relative_path = "r",
                              .volume_path = "v",
                              .absolute_win32_path = "a"};
  const auto item = must(serialize_parent_locator(locator));
  EXPECT_THAT(keys_of(item), ElementsAre("parent_linkage", "absolute_win32_path", "relative_path",
                                         "volume_path", "parent_linkage2"));
  const auto text = must(utf16le_from_utf8("{f00df00d-1111-2222-3333-444455556666}"));
  EXPECT_NE(std::ranges::search(item, text).begin(), item.end());
  const auto zeros = must(utf16le_from_utf8("{00000000-0000-0000-0000-000000000000}"));
  EXPECT_NE(std::ranges::search(item, zeros).begin(), item.end());
  EXPECT_THAT(keys_of(must(serialize_parent_locator({.linkage = linkage,
                                                     .linkage2 = {},
                                                     .relative_path = "r",
                                                     .volume_path = {},
                                                     .absolute_win32_path = {}}))),
              ElementsAre("parent_linkage", "relative_path", "parent_linkage2"));
}

TEST(ParentLocator, AcceptsEitherIdentityButNeverTheZeroOne) {
  ParentLocator locator{.linkage = linkage,
                        .linkage2 = Guid{},
                        .relative_path = {},
                        .volume_path = {},
                        .absolute_win32_path = {}};
  EXPECT_TRUE(locator.accepts(linkage));
  EXPECT_FALSE(locator.accepts(Guid{}));
  EXPECT_FALSE(locator.accepts(bat_region_id));
  locator.linkage2 = bat_region_id;
  EXPECT_TRUE(locator.accepts(bat_region_id));
  EXPECT_TRUE(locator.accepts(linkage));
}

TEST(ParentLocator, RepeatedKeyIsRefused) {
  auto item = must(serialize_parent_locator({.linkage = linkage,
                                             .linkage2 = {},
                                             .relative_path = "r",
                                             .volume_path = {},
                                             .absolute_win32_path = {}}));
  std::memcpy(item.data() + sizeof(ParentLocatorHeader) + sizeof(ParentLocatorEntry),
              item.data() + sizeof(ParentLocatorHeader), sizeof(ParentLocatorEntry));
  EXPECT_EQ(fault_of(parse_parent_locator(item, "x")), "vhdx-locator-malformed");
}

TEST(ParentLocator, EveryTruncationAndEveryFlippedByteGivesAResult) {
  // Goal: nothing in the item is trusted. Method: all prefixes, all single-byte changes, to 0xff and to 0.
  const auto item = must(serialize_parent_locator({.linkage = linkage,
                                                   .linkage2 = {},
                                                   .relative_path = R"(.\base.vhdx)",
                                                   .volume_path = "v",
                                                   .absolute_win32_path = R"(C:\base.vhdx)"}));
  for (size_t length = 0; length < item.size(); ++length) {
    EXPECT_FALSE(parse_parent_locator(Bytes(item).first(length), "x")) << length;
  }
  for (size_t at = 0; at < item.size(); ++at) {
    for (std::byte value : {std::byte{0}, std::byte{0xff}, item[at] ^ std::byte{0x80}}) {
      auto damaged = item;
      damaged[at] = value;
      (void)parse_parent_locator(damaged, "x");
    }
  }
}

TEST(ParentLocator, APathThatIsNoUnicodeIsNamedWithWhatToDo) {
  // Goal: Linux takes any bytes as a name, a VHDX does not. Method: a byte that no UTF-8 has.
  const auto item = serialize_parent_locator({.linkage = linkage,
                                              .linkage2 = {},
                                              .relative_path = ".\\bad\xff.vhdx",
                                              .volume_path = {},
                                              .absolute_win32_path = {}});
  ASSERT_EQ(fault_of(item), "utf8-malformed");
  EXPECT_TRUE(item.error().message.starts_with(".\\bad\xff.vhdx: text is not UTF-8: "))
      << item.error().text();
  EXPECT_NE(item.error().hint.find("rename"), std::string::npos);
}

TEST(ParentLocator, PathLongerThanItsLengthFieldIsRefused) {
  ParentLocator locator{.linkage = linkage,
                        .linkage2 = {},
                        .relative_path = std::string(32767, 'a'),
                        .volume_path = {},
                        .absolute_win32_path = {}};
  EXPECT_EQ(fault_of(serialize_parent_locator(locator)), "");
  locator.relative_path += 'a';
  EXPECT_EQ(fault_of(serialize_parent_locator(locator)), "vhdx-locator-too-long");
}

// ---- Paths ----

TEST(ParentPaths, AreWrittenWithBackslashesRelativeToTheChildsFolder) {
  EXPECT_EQ(make_parent_locator(linkage, "/disks", "/disks/base.vhdx").relative_path, R"(.\base.vhdx)");
  EXPECT_EQ(make_parent_locator(linkage, "/disks", "/disks/old/base.vhdx").relative_path,
            R"(.\old\base.vhdx)");
  EXPECT_EQ(make_parent_locator(linkage, "/disks/new", "/disks/base.vhdx").relative_path, R"(..\base.vhdx)");
  EXPECT_EQ(make_parent_locator(linkage, "/disks", "/disks/base.vhdx").absolute_win32_path,
            R"(\disks\base.vhdx)");
}

TEST(ParentPaths, ComeBestFirstAndOnceEach) {
  // Goal: relative, then volume, then absolute without drive, then the bare name beside the child.
  ParentLocator locator;
  locator.relative_path = R"(..\parents\base.vhdx)";
  locator.volume_path = R"(\\?\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\vm\base.vhdx)";
  locator.absolute_win32_path = R"(D:\vm\disks\base.vhdx)";
  EXPECT_THAT(parent_path_candidates(locator, "/here/child"),
              ElementsAre("/here/parents/base.vhdx", "/vm/base.vhdx", "/vm/disks/base.vhdx",
                          "/here/child/base.vhdx"));
}

TEST(ParentPaths, WindowsAndLinuxFormsLeadToTheSameFile) {
  const auto candidates_of_absolute = [](std::string path) {
    ParentLocator locator;
    locator.absolute_win32_path = std::move(path);
    return parent_path_candidates(locator, "/child");
  };
  EXPECT_THAT(candidates_of_absolute(R"(C:\a b\base.vhdx)"),
              ElementsAre("/a b/base.vhdx", "/child/base.vhdx"));
  EXPECT_THAT(candidates_of_absolute(R"(\\?\C:\a\base.vhdx)"),
              ElementsAre("/a/base.vhdx", "/child/base.vhdx"));
  EXPECT_THAT(candidates_of_absolute(R"(\a\base.vhdx)"), ElementsAre("/a/base.vhdx", "/child/base.vhdx"));
  EXPECT_THAT(candidates_of_absolute("/a/base.vhdx"), ElementsAre("/a/base.vhdx", "/child/base.vhdx"));
  ParentLocator relative;
  relative.relative_path = R"(.\base.vhdx)";
  EXPECT_THAT(parent_path_candidates(relative, "/child"), ElementsAre("/child/base.vhdx"));
  EXPECT_TRUE(parent_path_candidates(ParentLocator{}, "/child").empty());
}

TEST(ParentPaths, RoundTripThroughALocatorFindsTheParent) {
  for (const char* parent : {"/disks/base.vhdx", "/disks/old/base.vhdx", "/base.vhdx", "/elsewhere/x.vhdx"}) {
    const auto candidates = parent_path_candidates(make_parent_locator(linkage, "/disks", parent), "/disks");
    ASSERT_FALSE(candidates.empty());
    EXPECT_EQ(candidates.front(), parent);
  }
}

}  // namespace
}  // namespace vhdlab::tests
