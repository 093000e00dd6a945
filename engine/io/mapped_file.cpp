// Mapping, and the copy out of it; see mapped_file.h.
#include "engine/io/mapped_file.h"

#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

#include "engine/io/guarded_copy.h"
#include "engine/io/system_failure.h"

namespace vhdlab {

Result<std::unique_ptr<MappedFile>> MappedFile::make(std::unique_ptr<PosixFile> file) {
  const uint64_t size_bytes = TRY(file->size_bytes());
  if (size_bytes == 0) return std::unique_ptr<MappedFile>(new MappedFile(std::move(file), {}));
  void* const memory = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, file->descriptor(), 0);
  if (memory == MAP_FAILED) {
    return failure(ErrorKind::unsupported, "file-map-unsupported",
                   system_failure(file->name(), "map", errno).error().message,
                   "read it through the page cache ('io: psync')");
  }
  // Reads of a chain jump about: reading around a missing page would fetch what nobody asked for. Advice
  // only, so a refusal costs nothing.
  (void)::madvise(memory, size_bytes, MADV_RANDOM);
  return std::unique_ptr<MappedFile>(
      new MappedFile(std::move(file), {static_cast<const std::byte*>(memory), size_bytes}));
}

MappedFile::~MappedFile() {
  if (!mapped_.empty()) ::munmap(const_cast<std::byte*>(mapped_.data()), mapped_.size());
}

Result<void> MappedFile::read(uint64_t offset, MutableBytes into) {
  const bool is_mapped = offset <= mapped_.size() && into.size() <= mapped_.size() - offset;
  if (is_mapped && copy_from_mapping(mapped_.subspan(offset, into.size()), into)) [[likely]]
    return {};
  // Past what was mapped, or gone since: the file says what is the matter.
  return file_->read(offset, into);
}

}  // namespace vhdlab
