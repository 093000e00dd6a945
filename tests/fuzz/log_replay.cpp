// The log. The input writes entries of its own making, checksums right, into the ring of a small image, then
// patches bytes; replayed in memory (read-only) and in the file (read-write) the log must leave one and the
// same file.
#include <algorithm>
#include <array>
#include <cstring>

#include "engine/format/vhdx/checksum.h"
#include "engine/format/vhdx/log.h"
#include "engine/format/vhdx/replayed_file.h"
#include "tests/fuzz/fuzz_image.h"
#include "tests/fuzz/fuzz_target.h"

namespace vhdlab::fuzz {
namespace {

using namespace vhdx;

constexpr const char* path = "/disk.vhdx";
constexpr uint64_t ring_length = 1 * mib;
constexpr Guid log_guid = Guid::literal("0f0e0d0c-0b0a-4908-8706-050403020100");

// Where descriptors point: what matters, and what breaks arithmetic.
constexpr std::array<uint64_t, 14> targets_of_descriptors = {bat_offset,
                                                             bat_offset + 32 * kib,
                                                             metadata_offset,
                                                             metadata_offset + 64 * kib,
                                                             4 * mib,
                                                             5 * mib,
                                                             8 * mib,
                                                             log_offset,
                                                             64 * kib,
                                                             0,
                                                             bat_offset + 512,
                                                             uint64_t{1} << 40,
                                                             (uint64_t{1} << 63) - 8192,
                                                             ~uint64_t{0} - 4095};
constexpr std::array<uint64_t, 8> lengths_of_zeros = {4096,    8192, 64 * kib, 1 * mib,
                                                      4 * mib, 0,    64 * tib, ~uint64_t{0} - 4095};
constexpr std::array<uint64_t, 6> file_sizes = {0, 4 * mib, 8 * mib, 9 * mib + 512, 1 * tib, ~uint64_t{0}};

void put_in_ring(File& file, uint64_t position, Bytes entry) {
  const uint64_t before_wrap = std::min<uint64_t>(entry.size(), ring_length - position);
  promised(file.write(log_offset + position, entry.first(before_wrap)), "write an entry");
  if (before_wrap < entry.size())
    promised(file.write(log_offset, entry.subspan(before_wrap)), "write an entry");
}

// A page as the image has it with some bytes changed, so that replaying it does not always end in nonsense.
MetadataPage page_for(File& file, uint64_t target, FuzzInput& input) {
  MetadataPage page{};
  if (target <= 64 * mib) (void)file.read(target, page);
  const uint64_t at = input.u16() % (page.size() - 8);
  const Bytes patch = input.take(input.u8() % 8);
  std::ranges::copy(patch, page.begin() + static_cast<ptrdiff_t>(at));
  return page;
}

// Makes one entry where the input wants it, or after the last one. `position` and `sequence_number` move on.
void add_entry(File& file, FuzzInput& input, uint64_t& position, uint64_t& sequence_number,
               uint64_t& first_position) {
  const uint8_t shape = input.u8();
  if ((shape & 1) != 0) position = uint64_t{input.u8()} * log_sector_length;
  if ((shape & 2) != 0) sequence_number = input.u8();
  const uint32_t count = input.u8() % 6;
  const uint64_t descriptor_area = log_sector_length;
  std::vector<std::byte> entry(descriptor_area);
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t kind = input.u8();
    const uint64_t target = targets_of_descriptors[kind / 2 % targets_of_descriptors.size()];
    std::byte* descriptor_at = entry.data() + sizeof(LogEntryHeader) + i * sizeof(LogDataDescriptor);
    if (kind % 2 == 0) {
      LogZeroDescriptor zero{.signature = LogZeroDescriptor::expected_signature, .reserved = 0};
      zero.zero_length = lengths_of_zeros[input.u8() % lengths_of_zeros.size()];
      zero.file_offset = target;
      zero.sequence_number = sequence_number;
      std::memcpy(descriptor_at, &zero, sizeof(zero));
      continue;
    }
    const MetadataPage page = page_for(file, target, input);
    LogDataDescriptor data;
    data.signature = LogDataDescriptor::expected_signature;
    std::copy_n(page.end() - 4, 4, data.trailing_bytes.begin());
    std::copy_n(page.begin(), 8, data.leading_bytes.begin());
    data.file_offset = target;
    data.sequence_number = sequence_number;
    std::memcpy(descriptor_at, &data, sizeof(data));
    LogDataSector sector;
    sector.signature = LogDataSector::expected_signature;
    sector.sequence_high = static_cast<uint32_t>(sequence_number >> 32);
    std::copy(page.begin() + 8, page.end() - 4, sector.data.begin());
    sector.sequence_low = static_cast<uint32_t>(sequence_number);
    const Bytes bytes = std::as_bytes(std::span(&sector, 1));
    entry.insert(entry.end(), bytes.begin(), bytes.end());
  }
  const uint8_t sizes = input.u8();
  LogEntryHeader header{.signature = LogEntryHeader::expected_signature, .checksum = 0};
  header.entry_length = static_cast<uint32_t>(entry.size());
  header.tail = static_cast<uint32_t>((shape & 4) != 0 ? first_position : position);
  if ((shape & 8) != 0) header.tail = input.u8() * static_cast<uint32_t>(log_sector_length);
  header.sequence_number = sequence_number;
  header.descriptor_count = count;
  header.reserved = 0;
  header.log_guid = log_guid;
  header.flushed_file_offset = file_sizes[sizes % file_sizes.size()];
  header.last_file_offset = file_sizes[sizes / 8 % file_sizes.size()];
  std::memcpy(entry.data(), &header, sizeof(header));
  header.checksum = checksum_of(Bytes(entry));
  std::memcpy(entry.data(), &header, sizeof(header));
  put_in_ring(file, position, entry);
  if ((shape & 16) != 0) first_position = position;
  position = (position + entry.size()) % ring_length;
  ++sequence_number;
}

// The bytes that replay could have touched: everything up to 64 MiB, skipping what is a hole in both.
void compare_files(File& left, File& right) {
  const uint64_t size = promised(left.size_bytes(), "size");
  promise(size == promised(right.size_bytes(), "size"), "both replays leave a file of the same size");
  std::vector<std::byte> in_left(1 * mib);
  std::vector<std::byte> in_right(1 * mib);
  // The headers differ by right: a file open for writing has a header of its own.
  for (uint64_t at = header_section_length; at < std::min(size, 16 * mib); at += in_left.size()) {
    const uint64_t length = std::min<uint64_t>(in_left.size(), size - at);
    promised(left.read(at, MutableBytes(in_left).first(length)), "the replayed file reads to its end");
    promised(right.read(at, MutableBytes(in_right).first(length)), "the replayed file reads to its end");
    promise(equal(in_left, in_right), "both replays leave the same bytes");
  }
}

}  // namespace

void log_replay(Bytes bytes) {
  FuzzInput input(bytes);
  MemoryFileSystem files;
  SeededRandom random(1);
  const auto base = static_cast<BaseImage>(input.u8() % base_image_count);
  {
    const auto file = put_base(files, base, path);
    uint64_t position = uint64_t{input.u8()} * log_sector_length;
    uint64_t sequence_number = input.u8() + uint64_t{1};
    uint64_t first_position = position;
    for (uint64_t entries = input.u8() % 8; entries > 0; --entries)
      add_entry(*file, input, position, sequence_number, first_position);
    while (!input.empty()) {
      const uint64_t at = input.u16() * uint64_t{16};
      const Bytes patch = input.take(input.u8() % 32);
      promised(file->write(log_offset + at, patch), "patch");
    }
    for (uint64_t offset : header_offsets) {
      promised(file->write(offset + offsetof(Header, log_guid), std::as_bytes(std::span(&log_guid, 1))),
               "guid");
    }
    mend_headers(*file);
  }

  MemoryFileSystem replayed_files;
  copy_file(files, path, replayed_files, path);
  auto reader = promised(files.open(path, OpenMode::read_only), "file");
  const auto writer = promised(replayed_files.open(path, OpenMode::read_write), "file");
  const uint64_t size = promised(reader->size_bytes(), "size");
  const auto current = read_current_header(*reader, size);
  if (!current) return;
  auto replay = read_log(*reader, current->fields, size);
  if (!replay) return;
  const bool applied = apply_replay(*writer, *replay).has_value();
  const auto in_memory = make_replayed_file(std::move(reader), *std::move(replay), size);
  if (applied) compare_files(*in_memory, *writer);

  const auto read_only =
      vhdx::Image::open(promised(files.open(path, OpenMode::read_only), "file"), OpenMode::read_only, random);
  MemoryFileSystem copies;
  copy_file(files, path, copies, path);
  const auto read_write = vhdx::Image::open(promised(copies.open(path, OpenMode::read_write), "file"),
                                            OpenMode::read_write, random);
  promise(read_only.has_value() == read_write.has_value() || !applied,
          "a log replays in memory as in the file");
  if (!read_only || !read_write) return;
  const auto in_memory_content = read_windows(**read_only);
  const auto in_file_content = read_windows(**read_write);
  promise(in_memory_content.has_value() == in_file_content.has_value(), "both replays can be read");
  if (in_memory_content)
    promise(equal(*in_memory_content, *in_file_content), "both replays give the same disk");
}

}  // namespace vhdlab::fuzz
