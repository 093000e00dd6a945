// VHDX files in few bytes: a fuzzer's input names one of some small images made here and says what is
// different in it. Checksums are mended where the input asks for it; without that a fuzzer would not get past
// the first header.
//
//   input = [ base ][ what to mend: bit 0 headers, 1 region tables, 2 log entries ][ patch ][ patch ] ...
//   patch = [ place ][ offset, 2 bytes ][ length ][ bytes ]
//
// A place is a structure of the file (see places in fuzz_image.cpp), so that an offset of two bytes reaches
// what matters; one of them is the file's own length.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/format/vhdx/image.h"
#include "engine/io/memory_file_system.h"
#include "tests/fuzz/fuzz_input.h"

namespace vhdlab::fuzz {

// The chain that the bases belong to: leaf on child on base, all in one folder.
inline constexpr const char* base_path = "/base.vhdx";
inline constexpr const char* child_path = "/child.vhdx";
inline constexpr const char* leaf_path = "/leaf.vhdx";

inline constexpr uint64_t log_offset = 1 * mib;  // as vhdx::Image::create lays files out
inline constexpr uint64_t metadata_offset = 2 * mib;
inline constexpr uint64_t bat_offset = 3 * mib;

enum class BaseImage : uint8_t {
  base,
  child,
  leaf,
  dirty_base,
  dirty_child,
  fixed,
  large_sectors,
  own_parent,
  large
};
inline constexpr uint8_t base_image_count = 9;

// Puts the base into `files` under `path` as it was made, opened for writing.
std::unique_ptr<File> put_base(MemoryFileSystem& files, BaseImage base, const std::string& path);

// Puts the image that `input` describes into `files`, to the input's end.
void put_image(MemoryFileSystem& files, FuzzInput& input, const std::string& path);

void mend_headers(File& file);
void mend_region_tables(File& file);
void mend_log_entries(File& file);

// Copies a file within or between file systems, holes kept.
void copy_file(MemoryFileSystem& from, const std::string& from_path, MemoryFileSystem& to,
               const std::string& to_path);

// Some ranges of a disk, in order and apart: its beginning, the edges of its first blocks, its end.
std::vector<ByteRange> windows_of(uint64_t disk_size_bytes);

// The bytes of `range` as the image alone tells them; absent_byte where it asks its parent. Proves that the
// extents cover the range and lie in the file. Faults: those of Image::resolve.
inline constexpr std::byte absent_byte{0xee};
[[nodiscard]] Result<std::vector<std::byte>> read_alone(vhdx::Image& image, ByteRange range);

// As ==, which compares one std::byte after the other and counts each as code reached: too slow in a fuzzer.
[[nodiscard]] bool equal(Bytes left, Bytes right);

// The windows of the whole disk, one after the other.
[[nodiscard]] Result<std::vector<std::byte>> read_windows(vhdx::Image& image);

}  // namespace vhdlab::fuzz
