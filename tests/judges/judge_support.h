// What the judge tests share: finding judges, disks that are written twice (through the engine and into a
// plain raw file, the twin), and comparing whole disks without reading their holes.
//
// A judge is a program or library nobody here wrote. A test runs one where the machine has it and skips, and
// says so, where it does not:
//
//   VHDLAB_NEEDS_PROGRAMS("qemu-img", "bzip2");
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "engine/io/posix_file_system.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

namespace vhdlab::tests {

// Unwraps a Result that the test cannot go on without; its error text becomes the test's failure.
template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().fault + ": " + result.error().text());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// ---- Programs

// The path of a program in PATH or in the system's folders for administrators; empty where there is none.
[[nodiscard]] std::string find_program(std::string_view name);

// Names of those that are missing, for a message; empty where all are there.
[[nodiscard]] std::string missing_programs(std::initializer_list<std::string_view> names);

#define VHDLAB_NEEDS_PROGRAMS(...)                                                   \
  if (const std::string missing = missing_programs({__VA_ARGS__}); !missing.empty()) \
  GTEST_SKIP() << "not installed: " << missing

// Runs a program to its end; throws where it cannot be started or fails. Returns its standard output.
std::string must_run(std::vector<std::string> arguments);

// ---- Content

// Fills `into` with bytes that follow from (generation, offset) alone and are hardly ever zero.
void fill_content(MutableBytes into, uint64_t offset, uint64_t generation);

// A disk written through the engine, and its raw twin that takes the same bytes at the same places.
class TwinnedDisk {
 public:
  // Makes the disk at `folder`/`name`.vhdx and its twin beside it.
  TwinnedDisk(const TemporaryFolder& folder, const std::string& name, const vhdx::DiskMetadata& metadata,
              uint64_t seed);

  void write(ByteRange range);
  void zero(ByteRange range);
  // From now on zero() writes zeros like any data: for a judge that does not know blocks of zeros.
  void write_zeros_as_data() { zeros_are_data_ = true; }

  // Writes of every awkward shape for this block size: first and last sector, single sectors, runs across
  // sector, page and block ends, whole blocks, and zeros over parts and wholes of what was written.
  void write_awkward_shapes();

  // `count` writes and zeroings at random places, at most `length_max_bytes` long.
  void write_at_random(int count, uint64_t length_max_bytes);

  // Puts a new differencing disk on top; it is written from now on.
  void checkpoint(const ChildOptions& options = {});

  void flush() { must(chain().flush()); }
  void close();   // cleanly
  void drop();    // as a power cut leaves it
  void reopen();  // for writing

  [[nodiscard]] Chain& chain() { return *chain_; }
  [[nodiscard]] const std::string& path() const { return paths_.back(); }
  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }  // base first
  // After a merge: which files make up the chain now, base first.
  void set_paths(std::vector<std::string> paths) { paths_ = std::move(paths); }
  [[nodiscard]] const std::string& twin_path() const { return twin_path_; }
  [[nodiscard]] SeededRandom& random() { return random_; }
  [[nodiscard]] PosixFileSystem& files() { return files_; }

 private:
  PosixFileSystem files_;
  SeededRandom random_;
  std::string stem_;
  std::string twin_path_;
  std::vector<std::string> paths_;
  std::unique_ptr<Chain> chain_;
  std::unique_ptr<File> twin_;
  vhdx::DiskMetadata metadata_;
  uint64_t generation_ = 0;
  bool zeros_are_data_ = false;
  WritePlan plan_;
  std::vector<std::byte> buffer_;
};

[[nodiscard]] vhdx::DiskMetadata make_disk(uint64_t disk_size_bytes, uint32_t block_size_bytes,
                                           uint32_t sector_size_bytes = 512);

// ---- Comparing

// Reads one disk, byte for byte, in any way: through a chain, through a judge.
class DiskReader {
 public:
  virtual ~DiskReader() = default;
  [[nodiscard]] virtual uint64_t disk_size_bytes() = 0;
  virtual void read(uint64_t offset, MutableBytes into) = 0;
  // True where the range is known to be zeros without reading it.
  virtual bool is_known_zero(ByteRange) { return false; }
};

// Both disks have the same size and, in `range` or all over, the same bytes; else says where they first
// differ.
[[nodiscard]] ::testing::AssertionResult same_bytes(DiskReader& disk, DiskReader& other,
                                                    std::optional<ByteRange> range = {});

// The disk at `path`, read by the engine through its whole chain, equals the raw file at `raw_path`.
[[nodiscard]] ::testing::AssertionResult reads_as(const std::string& path, const std::string& raw_path);
[[nodiscard]] ::testing::AssertionResult reads_as(const Chain& chain, const std::string& raw_path);

class ChainReader final : public DiskReader {
 public:
  explicit ChainReader(const Chain& chain) : chain_(chain) {}
  uint64_t disk_size_bytes() override { return chain_.disk_size_bytes(); }
  void read(uint64_t offset, MutableBytes into) override { must(chain_.read(offset, into, plan_)); }
  bool is_known_zero(ByteRange range) override;

 private:
  const Chain& chain_;
  ReadPlan plan_;
};

class RawReader final : public DiskReader {
 public:
  explicit RawReader(const std::string& path);
  uint64_t disk_size_bytes() override { return must(file_->size_bytes()); }
  void read(uint64_t offset, MutableBytes into) override { must(file_->read(offset, into)); }
  bool is_known_zero(ByteRange range) override;

 private:
  std::unique_ptr<File> file_;
};

// ---- qemu

// `qemu-img check` finds nothing wrong.
[[nodiscard]] ::testing::AssertionResult qemu_finds_clean(const std::string& vhdx_path);

// qemu reads the VHDX as the raw file: the same size and every byte.
[[nodiscard]] ::testing::AssertionResult qemu_reads_as(const std::string& vhdx_path,
                                                       const std::string& raw_path);

// ---- Files

// Unpacks a sample (.gz or .bz2) into the folder; returns the path. Throws where it cannot.
std::string unpack_sample(const std::filesystem::path& sample, const TemporaryFolder& folder);

// "win10_fixed_10m" for "win10-fixed-10m.vhdx.gz".
[[nodiscard]] std::string test_name_of_sample(std::string_view file_name);

[[nodiscard]] std::vector<std::byte> read_bytes(const std::string& path, ByteRange range);
void write_bytes(const std::string& path, uint64_t offset, Bytes bytes);

// CRC-32C of all bytes of the file.
[[nodiscard]] uint32_t checksum_of_file(const std::string& path);

}  // namespace vhdlab::tests
