// A small VHDX file in memory, to be damaged in one place at a time: structures are read, changed and written
// back with their checksums mended, so that nothing but the intended damage is there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/chain/chain_open.h"
#include "engine/format/vhdx/block_allocation_table.h"
#include "engine/format/vhdx/check.h"
#include "engine/format/vhdx/layout.h"
#include "engine/io/memory_file_system.h"

namespace vhdlab::tests {

enum class Kind { dynamic, fixed, differencing };

inline constexpr std::array<Kind, 3> all_kinds = {Kind::dynamic, Kind::fixed, Kind::differencing};

// What the lowest layer would be asked for is told apart from zeros.
struct DiskContent {
  std::vector<std::byte> bytes;
  std::vector<bool> is_absent;  // by 512 bytes
  friend bool operator==(const DiskContent&, const DiskContent&) = default;
};

class Patient {
 public:
  static constexpr uint64_t log_offset = 1 * mib;  // where Image::create puts things
  static constexpr uint64_t metadata_offset = 2 * mib;
  static constexpr uint64_t bat_offset = 3 * mib;
  static constexpr uint64_t disk_size_bytes = 9 * mib + 512 * kib;  // the last block is partial
  static constexpr uint64_t block_size_bytes = 1 * mib;
  static constexpr uint64_t last_block = 9;

  // A disk with blocks 1 and 2 written, 2 in part, and last_block last; closed cleanly.
  explicit Patient(Kind kind, uint64_t seed = 1);

  [[nodiscard]] MemoryFileSystem& files() { return files_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] SeededRandom& random() { return random_; }

  // Opens for writing anew on every call: lives as long as the expression.
  [[nodiscard]] std::unique_ptr<File> file();
  [[nodiscard]] std::vector<std::byte> bytes();
  [[nodiscard]] vhdx::CheckReport check();

  // Writes a pattern through the engine; left dirty where `close` is false, as by a power cut after a flush.
  void write(ByteRange range, bool close = true);
  void zero(ByteRange range);
  [[nodiscard]] DiskContent content();

  void poke(uint64_t offset, Bytes bytes);
  template <typename Value>
  void poke_value(uint64_t offset, const Value& value) {
    poke(offset, std::as_bytes(std::span(&value, 1)));
  }
  template <typename Value>
  [[nodiscard]] Value peek(uint64_t offset) {
    Value value;
    auto read = file()->read(offset, std::as_writable_bytes(std::span(&value, 1)));
    if (!read) throw std::runtime_error(read.error().text());
    return value;
  }
  void resize(uint64_t size_bytes);
  [[nodiscard]] uint64_t size_bytes();

  void edit_header(size_t slot, const std::function<void(vhdx::Header&)>& edit);
  void edit_headers(const std::function<void(vhdx::Header&)>& edit);
  // The bytes of one copy, or of both.
  void edit_region_table(size_t slot, const std::function<void(std::vector<std::byte>&)>& edit);
  void edit_region_tables(const std::function<void(std::vector<std::byte>&)>& edit);
  void edit_region_entry(size_t index, const std::function<void(vhdx::RegionTableEntry&)>& edit);
  void edit_metadata_entry(size_t index, const std::function<void(vhdx::MetadataTableEntry&)>& edit);

  [[nodiscard]] vhdx::BatEntry entry(uint64_t index);
  void set_entry(uint64_t index, vhdx::BatEntry entry);
  [[nodiscard]] uint64_t bitmap_entry_index() const { return 4096; }  // of the one chunk there is
  [[nodiscard]] uint64_t bitmap_offset() { return entry(bitmap_entry_index()).file_offset(); }

 private:
  MemoryFileSystem files_;
  std::string path_ = "/disk.vhdx";
  SeededRandom random_;
};

}  // namespace vhdlab::tests
