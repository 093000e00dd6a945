// The good path of every disk command, as a user calls it.
#include <filesystem>

#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "tests/cli/cli_support.h"

namespace vhdlab::tests {
namespace {

struct DiskCommands : testing::Test {
  TemporaryFolder folder;
};

TEST_F(DiskCommands, CreateMakesADiskOfEachType) {
  // Goal: what was asked for stands in the file, as `disk info` reads it back.
  const auto dynamic = vhdlab_json({"disk", "create", folder.file("d.vhdx"), "--size", "1GiB"});
  EXPECT_EQ(dynamic["type"], "dynamic");
  EXPECT_EQ(dynamic["disk_size_bytes"], 1 * gib);
  EXPECT_EQ(dynamic["block_size_bytes"], 32 * mib);
  EXPECT_EQ(vhdlab_json({"disk", "info", folder.file("d.vhdx")}), dynamic);

  const auto fixed = vhdlab_json({"disk", "create", folder.file("f.vhdx"), "--size=16MiB", "--type=fixed",
                                  "--block-size=1MiB", "--sector-size=4096"});
  EXPECT_EQ(fixed["type"], "fixed");
  EXPECT_EQ(fixed["blocks"]["fully_present_count"], 16);
  EXPECT_EQ(fixed["logical_sector_size_bytes"], 4096);

  const auto child =
      vhdlab_json({"disk", "create", folder.file("c.avhdx"), "--parent", folder.file("f.vhdx")});
  EXPECT_EQ(child["type"], "differencing");
  EXPECT_EQ(child["disk_size_bytes"], 16 * mib);
  EXPECT_EQ(child["logical_sector_size_bytes"], 4096);
  EXPECT_EQ(child["virtual_disk_id"], fixed["virtual_disk_id"]);
  EXPECT_EQ(child["parent"]["linkage"], fixed["data_write_guid"]);
  EXPECT_EQ(child["parent"]["identity_ok"], true);
}

TEST_F(DiskCommands, InfoShowsAPageForPeople) {
  // Goal: the table names what an operator looks for.
  const TestChain chain = make_chain(folder, 1);
  const ProgramResult info = vhdlab({"disk", "info", chain.leaf()});
  EXPECT_EQ(info.exit_code, 0);
  for (const char* word : {"differencing VHDX", "8 MiB", "base.vhdx", "(fits)", "clean"})
    EXPECT_NE(info.output.find(word), std::string::npos) << word << "\n" << info.output;
  EXPECT_EQ(info.errors, "");
}

TEST_F(DiskCommands, ChainListsLayersFromLeafToBase) {
  // Goal: order, index, sizes and identities.
  const TestChain chain = make_chain(folder, 3);
  const auto document = vhdlab_json({"disk", "chain", chain.leaf()});
  EXPECT_EQ(document["ok"], true);
  EXPECT_EQ(document["depth_count"], 3);
  ASSERT_EQ(document["layers"].size(), 4U);
  EXPECT_EQ(document["layers"][0]["index"], 3);
  EXPECT_EQ(document["layers"][0]["path"], chain.leaf());
  EXPECT_EQ(document["layers"][3]["index"], 0);
  EXPECT_TRUE(document["layers"][3]["parent"].is_null());
  EXPECT_EQ(vhdlab({"disk", "chain", chain.leaf()}).exit_code, 0);
}

TEST_F(DiskCommands, ChainShowsWhatItCanOfABrokenChain) {
  // Goal: with the base gone, the layers above it are listed, the fault is named and the exit code is 1.
  const TestChain chain = make_chain(folder, 2);
  std::filesystem::remove(chain.base());
  const ProgramResult result = vhdlab({"disk", "chain", chain.leaf(), "--format", "json"});
  EXPECT_EQ(result.exit_code, 1);
  const auto document = nlohmann::json::parse(result.output);
  EXPECT_EQ(document["fault"]["name"], "chain-parent-missing");
  EXPECT_EQ(document["layers"].size(), 2U);
  EXPECT_NE(result.errors.find("its parent is missing"), std::string::npos) << result.errors;
}

TEST_F(DiskCommands, ChainNamesAParentThatWasReplaced) {
  // Goal: a base of another identity is shown, and told as wrong.
  const TestChain chain = make_chain(folder, 1);
  std::filesystem::remove(chain.base());
  EXPECT_EQ(vhdlab({"disk", "create", chain.base(), "--size", "8MiB"}).exit_code, 0);
  const ProgramResult result = vhdlab({"disk", "chain", chain.leaf(), "--format", "json"});
  EXPECT_EQ(result.exit_code, 1);
  const auto document = nlohmann::json::parse(result.output);
  EXPECT_EQ(document["fault"]["name"], "chain-parent-mismatch");
  EXPECT_EQ(document["layers"].size(), 2U);
  EXPECT_EQ(document["layers"][0]["parent"]["identity_ok"], false);
}

TEST_F(DiskCommands, MapTellsWhereEveryByteStands) {
  // Goal: following the map by hand gives the disk's content.
  const TestChain chain = make_chain(folder, 3);
  const auto map = vhdlab_json({"disk", "map", chain.leaf()});
  std::vector<std::string> files;
  for (const auto& layer : map["layers"])
    files.push_back(read_file(layer["path"]));
  std::string content;
  for (const auto& run : map["runs"]) {
    EXPECT_EQ(run["virtual_offset_bytes"], content.size());
    const size_t length = run["length_bytes"];
    content += run["kind"] == "zero"
                   ? std::string(length, '\0')
                   : files.at(run["layer"]).substr(run["file_offset_bytes"].get<size_t>(), length);
  }
  EXPECT_TRUE(content == chain.content);
}

TEST_F(DiskCommands, MapSummaryAddsUpToTheDisk) {
  // Goal: every byte is counted once; the table says the same.
  const TestChain chain = make_chain(folder, 2);
  const auto summary = vhdlab_json({"disk", "map", chain.leaf(), "--summary"});
  uint64_t total = summary["zero_bytes"];
  for (const auto& layer : summary["layers"])
    total += layer["data_bytes"].get<uint64_t>();
  EXPECT_EQ(total, summary["disk_size_bytes"]);
  EXPECT_NE(vhdlab({"disk", "map", chain.leaf(), "--summary"}).output.find("zero"), std::string::npos);
  EXPECT_NE(vhdlab({"disk", "map", chain.leaf()}).output.find("0x700000"), std::string::npos);
}

TEST_F(DiskCommands, MergeTakesTheLeafIntoItsParentByDefault) {
  // Goal: one layer less, the same content, the merged file gone.
  const TestChain chain = make_chain(folder, 3);
  const auto merged = vhdlab_json({"disk", "merge", chain.leaf()});
  EXPECT_EQ(merged["target_path"], chain.paths[2]);
  EXPECT_EQ(merged["merged_layer_count"], 1);
  EXPECT_TRUE(merged["child_path"].is_null());
  EXPECT_FALSE(std::filesystem::exists(chain.leaf()));
  EXPECT_TRUE(disk_content(chain.paths[2]) == chain.content);
}

TEST_F(DiskCommands, MergeUnderstandsEveryWayToSayHowFar) {
  // Goal: --all, --layers, --into and --top choose the layers they say, and all leave the content alone.
  const std::vector<std::pair<std::vector<std::string>, size_t>> ways = {
      {{"--all"}, 4},
      {{"--layers", "2"}, 2},
      {{"--into", "child1.avhdx"}, 3},
      {{"--top", "child2.avhdx"}, 1},
      {{"--top", "child3.avhdx", "--into", "base.vhdx"}, 3}};
  for (const auto& [words, layers] : ways) {
    const TemporaryFolder own;
    const TestChain chain = make_chain(own, 4);
    std::vector<std::string> arguments = {"disk", "merge", "child4.avhdx", "--format", "json"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const ProgramResult result = vhdlab(arguments, {.working_directory = own.path()});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    const auto merged = nlohmann::json::parse(result.output);
    EXPECT_EQ(merged["merged_layer_count"], layers) << words[0];
    const bool leaf_stays = words[0] == "--top";
    EXPECT_TRUE(disk_content(leaf_stays ? chain.leaf() : merged["target_path"].get<std::string>()) ==
                chain.content);
    EXPECT_EQ(names_in(own.path()).size(), 5 - layers);
  }
}

TEST_F(DiskCommands, MergeKeepsTheFilesWhenAsked) {
  // Goal: --keep leaves them, the target has the content all the same.
  const TestChain chain = make_chain(folder, 2);
  EXPECT_EQ(vhdlab({"disk", "merge", chain.leaf(), "--all", "--keep"}).exit_code, 0);
  EXPECT_EQ(names_in(folder.path()).size(), 3U);
  EXPECT_TRUE(disk_content(chain.base()) == chain.content);
}

TEST_F(DiskCommands, MergeDryRunTellsAndChangesNothing) {
  // Goal: bytes by layer add up, and no file is touched.
  const TestChain chain = make_chain(folder, 2);
  const FolderContents before = contents_of(folder.path());
  const auto plan = vhdlab_json({"disk", "merge", chain.leaf(), "--all", "--dry-run"});
  EXPECT_EQ(plan["layers"][0]["copy_bytes"].get<uint64_t>() + plan["layers"][1]["copy_bytes"].get<uint64_t>(),
            plan["copy_bytes"]);
  EXPECT_GT(plan["copy_bytes"], 0);
  EXPECT_GT(plan["space_needed_bytes"], 0);
  EXPECT_EQ(vhdlab({"disk", "merge", chain.leaf(), "--dry-run"}).exit_code, 0);
  EXPECT_TRUE(contents_of(folder.path()) == before);
}

TEST_F(DiskCommands, ResizeGrowsADiskWithZeros) {
  // Goal: the old content, then zeros up to the new end.
  const TestChain chain = make_chain(folder, 1);
  const auto resized = vhdlab_json({"disk", "resize", chain.leaf(), "--size", "16MiB"});
  EXPECT_EQ(resized["disk_size_bytes"], 16 * mib);
  EXPECT_TRUE(disk_content(chain.leaf()) == chain.content + std::string(8 * mib, '\0'));
}

TEST_F(DiskCommands, CompactGivesSpaceBackAndKeepsTheContent) {
  // Goal: the base of a chain shrinks or stays, and its child still fits and reads the same.
  const TestChain chain = make_chain(folder, 1);
  const auto compacted = vhdlab_json({"disk", "compact", chain.base()});
  EXPECT_LE(compacted["file_size_after_bytes"], compacted["file_size_before_bytes"]);
  EXPECT_EQ(vhdlab({"disk", "compact", chain.leaf(), "--quiet"}).exit_code, 0);
  EXPECT_TRUE(disk_content(chain.leaf()) == chain.content);
}

TEST_F(DiskCommands, ConvertGoesFromRawToVhdxAndBack) {
  // Goal: the bytes survive, zeros take no space, nothing but the target appears.
  std::string content = noise(5 * mib, 3);
  content.resize(16 * mib);
  write_file(folder.file("disk.img"), content);
  const auto converted = vhdlab_json({"disk", "convert", folder.file("disk.img"), folder.file("disk.vhdx"),
                                      "--block-size", "1MiB", "--type", "dynamic"});
  EXPECT_EQ(converted["source_format"], "raw");
  EXPECT_EQ(converted["target_format"], "vhdx");
  EXPECT_EQ(converted["written_bytes"], 5 * mib);
  EXPECT_TRUE(disk_content(folder.file("disk.vhdx")) == content);
  EXPECT_EQ(vhdlab({"disk", "convert", folder.file("disk.vhdx"), folder.file("back.raw")}).exit_code, 0);
  EXPECT_TRUE(read_file(folder.file("back.raw")) == content);
  EXPECT_EQ(names_in(folder.path()), (std::vector<std::string>{"back.raw", "disk.img", "disk.vhdx"}));
}

TEST_F(DiskCommands, ConvertFlattensAChain) {
  // Goal: one fixed file with the content of four; the chain stays as it was.
  const TestChain chain = make_chain(folder, 3);
  const FolderContents before = contents_of(folder.path());
  EXPECT_EQ(vhdlab({"disk", "convert", chain.leaf(), folder.file("flat.vhdx"), "--type", "fixed",
                    "--sector-size", "4096"})
                .exit_code,
            0);
  EXPECT_TRUE(disk_content(folder.file("flat.vhdx")) == chain.content);
  std::filesystem::remove(folder.file("flat.vhdx"));
  EXPECT_TRUE(contents_of(folder.path()) == before);
}

TEST_F(DiskCommands, ConvertReplacesOnlyWhenForced) {
  // Goal: --force puts the new file in the place of the old one.
  write_file(folder.file("disk.img"), noise(4 * mib, 1));
  write_file(folder.file("disk.vhdx"), "something else");
  EXPECT_EQ(
      vhdlab({"disk", "convert", folder.file("disk.img"), folder.file("disk.vhdx"), "--force"}).exit_code, 0);
  EXPECT_TRUE(disk_content(folder.file("disk.vhdx")) == noise(4 * mib, 1));
  EXPECT_EQ(names_in(folder.path()).size(), 2U);
}

}  // namespace
}  // namespace vhdlab::tests
