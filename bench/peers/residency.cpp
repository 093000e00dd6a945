// The runs of data of a file: mincore, reads, and what is let go; see residency.h.
#include "bench/peers/residency.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/bytes.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/system_failure.h"

namespace vhdlab::peers {
namespace {

constexpr uint64_t page_bytes = 4096;

// Calls `visit(ByteRange)` for each run of data, in whole pages.
template <typename Visit>
void for_each_data(int descriptor, uint64_t size_bytes, Visit visit) {
  for (uint64_t at = 0; at < size_bytes;) {
    const off_t begin = ::lseek(descriptor, static_cast<off_t>(at), SEEK_DATA);
    if (begin < 0) return;
    const off_t end = ::lseek(descriptor, begin, SEEK_HOLE);
    const uint64_t first = round_down(static_cast<uint64_t>(begin), page_bytes);
    at = end < 0 ? size_bytes : static_cast<uint64_t>(end);
    visit(ByteRange{first, round_up(at, page_bytes) - first});
  }
}

struct OpenFile {
  FileDescriptor descriptor;
  uint64_t size_bytes = 0;
};

Result<OpenFile> open_file(const std::string& path) {
  FileDescriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (descriptor.number() < 0 || ::fstat(descriptor.number(), &status) != 0)
    return system_failure(path, "open", errno);
  return OpenFile{std::move(descriptor), static_cast<uint64_t>(status.st_size)};
}

Result<Residency> residency_of_one(const std::string& path) {
  const OpenFile file = TRY(open_file(path));
  Residency residency;
  if (file.size_bytes == 0) return residency;
  void* mapping = ::mmap(nullptr, file.size_bytes, PROT_READ, MAP_SHARED, file.descriptor.number(), 0);
  if (mapping == MAP_FAILED) return system_failure(path, "map", errno);
  std::vector<unsigned char> pages;
  for_each_data(file.descriptor.number(), file.size_bytes, [&](ByteRange data) {
    pages.assign(data.length / page_bytes, 0);
    (void)::mincore(static_cast<std::byte*>(mapping) + data.offset, data.length, pages.data());
    const auto resident = std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; });
    residency.data_bytes += data.length;
    residency.resident_bytes += static_cast<uint64_t>(resident) * page_bytes;
  });
  ::munmap(mapping, file.size_bytes);
  return residency;
}

// Page by page as far as the page cache is concerned: read in sequence, a large file comes to lie in large
// pieces of memory and one of many short runs does not, and the same read then costs them 1.6 times apart.
Result<void> read_all(const std::string& path) {
  const OpenFile file = TRY(open_file(path));
  (void)::posix_fadvise(file.descriptor.number(), 0, 0, POSIX_FADV_RANDOM);
  AlignedBuffer buffer(mib);
  for_each_data(file.descriptor.number(), file.size_bytes, [&](ByteRange data) {
    for (uint64_t at = data.offset; at < data.end(); at += buffer.size()) {
      (void)!::pread(file.descriptor.number(), buffer.bytes().data(),
                     std::min(buffer.size(), data.end() - at), static_cast<off_t>(at));
    }
  });
  return {};
}

// What is dirty cannot be let go.
Result<void> drop_from_cache(const std::string& path) {
  const OpenFile file = TRY(open_file(path));
  (void)::fdatasync(file.descriptor.number());
  (void)::posix_fadvise(file.descriptor.number(), 0, 0, POSIX_FADV_DONTNEED);
  return {};
}

}  // namespace

Result<Residency> residency_of(const std::vector<std::string>& paths) {
  Residency sum;
  for (const std::string& path : paths) {
    const Residency one = TRY(residency_of_one(path));
    sum.data_bytes += one.data_bytes;
    sum.resident_bytes += one.resident_bytes;
  }
  return sum;
}

Result<Residency> make_resident(const std::vector<std::string>& paths, double share_min) {
  for (const std::string& path : paths) {
    if (TRY(residency_of_one(path)).share() < share_min) TRY(read_all(path));
  }
  return residency_of(paths);
}

Result<void> let_go(const std::vector<std::string>& paths) {
  for (const std::string& path : paths)
    TRY(drop_from_cache(path));
  return {};
}

Result<Residency> make_warm_below(const std::vector<std::string>& paths) {
  TRY(let_go(paths));
  for (const std::string& path : paths) {
    TRY(read_all(path));
    TRY(drop_from_cache(path));
  }
  return residency_of(paths);
}

}  // namespace vhdlab::peers
