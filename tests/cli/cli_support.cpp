// Running the program, making chains and reading disks back for the tests of the command line.
#include "tests/cli/cli_support.h"

#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/chain/chain_open.h"
#include "tests/support/checkout.h"

namespace vhdlab::tests {

namespace fs = std::filesystem;

ProgramResult vhdlab(std::vector<std::string> arguments, const ProgramOptions& options) {
  arguments.insert(arguments.begin(), VHDLAB_PROGRAM);
  auto result = run_program(arguments, options);
  if (!result) {
    ADD_FAILURE() << result.error().text();
    return {.exit_code = -1, .output = {}, .errors = {}};
  }
  return *std::move(result);
}

nlohmann::json vhdlab_json(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--format", "json"});
  const ProgramResult result = vhdlab(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  auto document = nlohmann::json::parse(result.output, nullptr, false);
  EXPECT_FALSE(document.is_discarded()) << result.output;
  return document;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::string text(static_cast<size_t>(file.tellg()), '\0');
  file.seekg(0).read(text.data(), static_cast<std::streamsize>(text.size()));
  return text;
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

FolderContents contents_of(const fs::path& folder) {
  FolderContents contents;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::error_code ignored;  // a link that leads nowhere is no file
    if (entry.is_regular_file(ignored)) contents[entry.path().filename()] = read_file(entry.path());
  }
  return contents;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::string noise(size_t size_bytes, uint64_t seed) {
  SeededRandom random(seed);
  std::string bytes(size_bytes, '\0');
  for (size_t at = 0; at + sizeof(uint64_t) <= size_bytes; at += sizeof(uint64_t)) {
    const uint64_t word = random.next_u64() | 0x0101010101010101;
    std::memcpy(bytes.data() + at, &word, sizeof(word));
  }
  return bytes;
}

TestChain make_chain(const TemporaryFolder& folder, size_t depth) {
  constexpr size_t disk_size = 8 * mib;
  TestChain made{.paths = {folder.file("base.vhdx")}, .content = std::string(disk_size, '\0')};
  PosixFileSystem files;
  SeededRandom random(7);
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = disk_size;
  metadata.block_size_bytes = 1 * mib;
  EXPECT_TRUE(create_disk(files, made.base(), metadata, random).has_value());
  for (size_t layer = 0; layer <= depth; ++layer) {
    if (layer > 0) {
      made.paths.push_back(folder.file(fmt::format("child{}.avhdx", layer)));
      EXPECT_TRUE(create_child(files, made.paths[layer - 1], made.paths[layer], {}, random).has_value());
    }
    auto chain = open_chain(files, made.leaf(), {.mode = OpenMode::read_write}, random);
    EXPECT_TRUE(chain.has_value());
    const std::string change = noise(96 * kib, layer + 1);
    WritePlan plan;
    for (const uint64_t offset : {layer * mib, layer * mib + 512 * kib, 7 * mib + layer * 32 * kib}) {
      EXPECT_TRUE(chain->write(offset, std::as_bytes(std::span(change)), plan).has_value());
      made.content.replace(offset, change.size(), change);
    }
    EXPECT_TRUE(chain->close().has_value());
  }
  return made;
}

std::string disk_content(const std::string& path) {
  PosixFileSystem files;
  SeededRandom random(1);
  const auto chain = open_chain(files, path, {}, random);
  if (!chain) {
    ADD_FAILURE() << chain.error().text();
    return {};
  }
  std::string content(chain->disk_size_bytes(), '\0');
  ReadPlan plan;
  const auto read = chain->read(0, std::as_writable_bytes(std::span(content)), plan);
  EXPECT_TRUE(read.has_value()) << read.error().text();
  return content;
}

scenarios::CommandContext TestWorld::context() {
  return {
      .files = files_,
      .random = random_,
      .out = out_,
      .err = err_,
      .terminal = {},
      .build = {.version = "1.2.3", .commit = "", .compiler = "a compiler"},
      .stop = [this] { return stop_after_questions >= 0 && stop_after_questions-- == 0; },
      .now = [this] { return time; },
      .free_space_bytes = [this](const std::string&) -> Result<uint64_t> { return free_bytes; },
      .library_folder = tests::checkout_path("scenarios/library"),
  };
}

}  // namespace vhdlab::tests
