// What the tests of the command line share: the built program, chains with known content, and looking at
// files.
#pragma once

#include <cstddef>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "engine/base/random.h"
#include "engine/io/posix_file_system.h"
#include "scenarios/cli/command.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {

// Runs the built program; a program that cannot be started fails the test and gives exit code -1.
ProgramResult vhdlab(std::vector<std::string> arguments, const ProgramOptions& options = {});

// The standard output of a successful call, parsed.
nlohmann::json vhdlab_json(std::vector<std::string> arguments);

// Contents of all files of a folder by name, folders below it left out: compared before and after.
using FolderContents = std::map<std::string, std::string>;
FolderContents contents_of(const std::filesystem::path& folder);
std::vector<std::string> names_in(const std::filesystem::path& folder);

void write_file(const std::string& path, const std::string& text);
std::string read_file(const std::string& path);

// `size_bytes` bytes, whole words of 8, without zeros; they follow from `seed`.
std::string noise(size_t size_bytes, uint64_t seed);

// A dynamic base and `depth` children in `folder`: base.vhdx, child1.avhdx, ... Every layer holds changes of
// its own.
struct TestChain {
  std::vector<std::string> paths;  // base first
  std::string content;             // what the disk reads as

  [[nodiscard]] const std::string& leaf() const { return paths.back(); }
  [[nodiscard]] const std::string& base() const { return paths.front(); }
};
TestChain make_chain(const TemporaryFolder& folder, size_t depth);

// What the disk at `path` reads as; a failure to read it fails the test.
std::string disk_content(const std::string& path);

// A world for calling commands in this process: real files unless others are given, text streams, a clock
// that stands still.
class TestWorld {
 public:
  TestWorld() = default;
  explicit TestWorld(FileSystem& files) : files_(files) {}  // which outlive this world

  [[nodiscard]] scenarios::CommandContext context();
  [[nodiscard]] std::string out() const { return out_.str(); }
  [[nodiscard]] std::string err() const { return err_.str(); }

  int stop_after_questions = -1;     // the how-many-th question is answered with "stop"; -1: none
  uint64_t free_bytes = UINT64_MAX;  // of every device
  Nanoseconds time{0};

 private:
  PosixFileSystem real_files_;
  FileSystem& files_ = real_files_;
  SeededRandom random_{1};
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace vhdlab::tests
