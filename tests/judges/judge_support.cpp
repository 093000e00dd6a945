// Disks and their twins, comparison piece by piece, and the questions put to qemu-img.
#include "tests/judges/judge_support.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/crc32c.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t piece_bytes = 1 * mib;

}  // namespace

// ---- Programs

std::string find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path != nullptr ? path : "") + ":/usr/sbin:/sbin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string candidate = folder + "/" + std::string(name);
    if (!folder.empty() && access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::string missing_programs(std::initializer_list<std::string_view> names) {
  std::string missing;
  for (std::string_view name : names) {
    if (find_program(name).empty()) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  return missing;
}

std::string must_run(std::vector<std::string> arguments) {
  if (std::string found = find_program(arguments.front()); !found.empty()) arguments.front() = found;
  ProgramResult result = must(run_program(arguments));
  if (!result.succeeded()) {
    std::string command;
    for (const std::string& argument : arguments)
      command += argument + " ";
    throw std::runtime_error(
        fmt::format("{}: exit {}\n{}\n{}", command, result.exit_code, result.output, result.errors));
  }
  return result.output;
}

// ---- Content

void fill_content(MutableBytes into, uint64_t offset, uint64_t generation) {
  const uint64_t seed = mix64(generation);
  for (size_t i = 0; i < into.size(); i += sizeof(uint64_t)) {
    const uint64_t word = mix64(seed ^ (offset + i));
    std::memcpy(into.data() + i, &word, std::min(sizeof(word), into.size() - i));
  }
}

vhdx::DiskMetadata make_disk(uint64_t disk_size_bytes, uint32_t block_size_bytes,
                             uint32_t sector_size_bytes) {
  vhdx::DiskMetadata metadata;
  metadata.disk_size_bytes = disk_size_bytes;
  metadata.block_size_bytes = block_size_bytes;
  metadata.logical_sector_size_bytes = sector_size_bytes;
  return metadata;
}

TwinnedDisk::TwinnedDisk(const TemporaryFolder& folder, const std::string& name,
                         const vhdx::DiskMetadata& metadata, uint64_t seed)
    : random_(seed), stem_(folder.file(name)), twin_path_(stem_ + ".raw"), metadata_(metadata) {
  if (metadata_.virtual_disk_id.is_zero()) metadata_.virtual_disk_id = Guid::make_random(random_);
  paths_.push_back(stem_ + ".vhdx");
  must(create_disk(files_, path(), metadata_, random_));
  twin_ = must(files_.create(twin_path_));
  must(twin_->resize(metadata.disk_size_bytes));
  reopen();
}

void TwinnedDisk::write(ByteRange range) {
  buffer_.resize(range.length);
  fill_content(buffer_, range.offset, ++generation_);
  must(chain().write(range.offset, buffer_, plan_));
  must(twin_->write(range.offset, buffer_));
}

void TwinnedDisk::zero(ByteRange range) {
  if (zeros_are_data_) {
    buffer_.assign(range.length, std::byte{0});
    must(chain().write(range.offset, buffer_, plan_));
  } else {
    must(chain().zero(range, plan_));
  }
  must(twin_->punch_hole(range));
}

void TwinnedDisk::write_awkward_shapes() {
  const uint64_t size = chain().disk_size_bytes();
  const uint64_t sector = chain().sector_size_bytes();
  const uint64_t block = metadata_.block_size_bytes;
  auto write_inside = [&](uint64_t offset, uint64_t length) {
    if (offset < size) write({offset, std::min(length, size - offset)});
  };
  auto zero_inside = [&](uint64_t offset, uint64_t length) {
    if (offset < size) zero({offset, std::min(length, size - offset)});
  };
  write_inside(0, sector);
  write_inside(size - sector, sector);
  write_inside(3 * sector, sector);                   // one bit inside a byte of a bitmap
  write_inside(7 * sector, 2 * sector);               // across a byte
  write_inside(61 * sector, 70 * sector);             // across a word and more
  write_inside(block - 5 * sector, 9 * sector);       // across a block's end
  write_inside(2 * block, std::min(block, 8 * mib));  // a whole block, or the beginning of one
  write_inside(3 * block + 11 * sector, block / 2);   // a block's middle
  write_inside(4 * block - sector,
               std::min(block, 20 * mib) + 2 * sector);            // a whole block and both neighbours
  zero_inside(2 * block + sector, 33 * sector);                    // inside data
  zero_inside(3 * block, block);                                   // a whole block with data
  zero_inside(5 * block + 2 * sector, 4 * sector);                 // where little or nothing was
  write_inside(3 * block + 8 * sector, 3 * sector);                // into a block of zeros
  zero_inside(6 * block, block);                                   // a whole block without data
  write_inside(size - std::min(size, block / 2 + sector), block);  // up to the end of the last block
}

void TwinnedDisk::write_at_random(int count, uint64_t length_max_bytes) {
  const uint64_t sector = chain().sector_size_bytes();
  const uint64_t sectors = chain().disk_size_bytes() / sector;
  for (int i = 0; i < count; ++i) {
    const uint64_t first = random_.next_u64() % sectors;
    const uint64_t length = 1 + random_.next_u64() % std::max<uint64_t>(1, length_max_bytes / sector);
    const ByteRange range{first * sector, std::min(length, sectors - first) * sector};
    if (random_.next_u64() % 6 == 0) {
      zero(range);
    } else {
      write(range);
    }
  }
}

void TwinnedDisk::checkpoint(const ChildOptions& options) {
  const std::string child = fmt::format("{}_{}.avhdx", stem_, Guid::make_random(random_).to_upper());
  must(take_checkpoint(files_, chain(), child, options, CacheMode::buffered, random_));
  paths_.push_back(child);
  if (options.disk_size_bytes != 0) must(twin_->resize(options.disk_size_bytes));
  metadata_.block_size_bytes =
      options.block_size_bytes != 0 ? options.block_size_bytes : vhdx::default_differencing_block_size_bytes;
}

void TwinnedDisk::close() {
  must(chain().close());
  drop();
}

void TwinnedDisk::drop() {
  chain_.reset();
}

void TwinnedDisk::reopen() {
  chain_.reset();  // gives the lock back before it is asked for again
  chain_ = std::make_unique<Chain>(must(open_chain(files_, path(), {.mode = OpenMode::read_write}, random_)));
}

// ---- Comparing

bool ChainReader::is_known_zero(ByteRange range) {
  must(chain_.resolve(range, plan_));
  return std::ranges::all_of(plan_.segments, [](const ReadSegment& segment) { return segment.is_zero; });
}

RawReader::RawReader(const std::string& path) {
  PosixFileSystem files;
  file_ = must(files.open(path, OpenMode::read_only));
}

bool RawReader::is_known_zero(ByteRange range) {
  const auto data = must(file_->next_data(range.offset));
  return !data || data->offset >= range.end();
}

::testing::AssertionResult same_bytes(DiskReader& disk, DiskReader& other, std::optional<ByteRange> wanted) {
  const uint64_t size = disk.disk_size_bytes();
  if (size != other.disk_size_bytes()) {
    return ::testing::AssertionFailure() << "sizes differ: " << size << " and " << other.disk_size_bytes();
  }
  const ByteRange all = wanted.value_or(ByteRange{0, size});
  std::vector<std::byte> one(piece_bytes);
  std::vector<std::byte> two(piece_bytes);
  for (uint64_t offset = all.offset; offset < all.end(); offset += piece_bytes) {
    const ByteRange range{offset, std::min(piece_bytes, all.end() - offset)};
    if (disk.is_known_zero(range) && other.is_known_zero(range)) continue;
    const MutableBytes first = MutableBytes(one).first(range.length);
    const MutableBytes second = MutableBytes(two).first(range.length);
    disk.read(offset, first);
    other.read(offset, second);
    if (std::memcmp(first.data(), second.data(), range.length) == 0) continue;
    const auto at = static_cast<uint64_t>(std::ranges::mismatch(first, second).in1 - first.begin());
    return ::testing::AssertionFailure()
           << fmt::format("byte {:#x} (sector {}) is {:#04x} and {:#04x}", offset + at, (offset + at) / 512,
                          static_cast<unsigned>(first[at]), static_cast<unsigned>(second[at]));
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult reads_as(const Chain& chain, const std::string& raw_path) {
  ChainReader disk(chain);
  RawReader raw(raw_path);
  return same_bytes(disk, raw);
}

::testing::AssertionResult reads_as(const std::string& path, const std::string& raw_path) {
  PosixFileSystem files;
  SystemRandom random;
  const auto chain = open_chain(files, path, {}, random);
  if (!chain) return ::testing::AssertionFailure() << chain.error().fault << ": " << chain.error().text();
  return reads_as(*chain, raw_path);
}

// ---- qemu

::testing::AssertionResult qemu_finds_clean(const std::string& vhdx_path) {
  const ProgramResult result = must(run_program({"qemu-img", "check", "-f", "vhdx", vhdx_path}));
  if (result.succeeded()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "qemu-img check: exit " << result.exit_code << "\n"
                                       << result.output << result.errors;
}

::testing::AssertionResult qemu_reads_as(const std::string& vhdx_path, const std::string& raw_path) {
  // "compare" forgives zeros behind the end of the shorter disk, so the size is asked for apart.
  const std::string info = must_run({"qemu-img", "info", "-f", "vhdx", "--output=json", vhdx_path});
  const std::string size = fmt::format("\"virtual-size\": {},", std::filesystem::file_size(raw_path));
  if (info.find(size) == std::string::npos) {
    return ::testing::AssertionFailure() << "expected " << size << " in\n" << info;
  }
  const ProgramResult result =
      must(run_program({"qemu-img", "compare", "-f", "vhdx", "-F", "raw", vhdx_path, raw_path}));
  if (result.succeeded()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "qemu-img compare: exit " << result.exit_code << "\n"
                                       << result.output << result.errors;
}

// ---- Files

std::string unpack_sample(const std::filesystem::path& sample, const TemporaryFolder& folder) {
  namespace fs = std::filesystem;
  const fs::path packed = folder.path() / sample.filename();
  fs::remove(packed);
  fs::copy_file(sample, packed);
  fs::permissions(packed, fs::perms::owner_read | fs::perms::owner_write);
  must_run({sample.extension() == ".gz" ? "gzip" : "bzip2", "-d", "-f", packed.string()});
  return (folder.path() / packed.stem()).string();
}

std::string test_name_of_sample(std::string_view file_name) {
  std::string name(file_name.substr(0, file_name.find('.')));
  std::ranges::replace(name, '-', '_');
  return name;
}

std::vector<std::byte> read_bytes(const std::string& path, ByteRange range) {
  PosixFileSystem files;
  std::vector<std::byte> bytes(range.length);
  must(must(files.open(path, OpenMode::read_only))->read(range.offset, bytes));
  return bytes;
}

void write_bytes(const std::string& path, uint64_t offset, Bytes bytes) {
  PosixFileSystem files;
  must(must(files.open(path, OpenMode::read_write))->write(offset, bytes));
}

uint32_t checksum_of_file(const std::string& path) {
  PosixFileSystem files;
  const auto file = must(files.open(path, OpenMode::read_only));
  const uint64_t size = must(file->size_bytes());
  std::vector<std::byte> piece(piece_bytes);
  uint32_t checksum = 0;
  for (uint64_t offset = 0; offset < size; offset += piece_bytes) {
    const MutableBytes part = MutableBytes(piece).first(std::min(piece_bytes, size - offset));
    must(file->read(offset, part));
    checksum = crc32c(part, checksum);
  }
  return checksum;
}

}  // namespace vhdlab::tests
