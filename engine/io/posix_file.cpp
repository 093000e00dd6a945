// pread and pwrite until all is done, and the two POSIX files built on them.
#include "engine/io/posix_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/io/file_faults.h"
#include "engine/io/system_failure.h"

namespace vhdlab {
namespace {

// Calls the system again while a signal interrupts it.
template <typename Call>
auto retry_interrupted(Call call) {
  decltype(call()) result{};
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// The largest buffer for misaligned direct I/O, and the unit of writing zeros: large enough to keep a device
// busy.
constexpr uint64_t buffer_size_bytes_max = mib;

// Sharing costs by the piece, copying by the byte: on a reflink XFS pieces of 64 KiB are about even, 2 MiB
// are shared some forty times faster than copied, and small shared pieces leave the file in fragments.
constexpr uint64_t share_bytes_min = 64 * kib;

// The part of `range` inside a file of `size_bytes`.
ByteRange clamp_to_size(ByteRange range, uint64_t size_bytes) {
  if (range.offset >= size_bytes) return {};
  return {range.offset, std::min(range.length, size_bytes - range.offset)};
}

// What punch_hole falls back on where the file system has no holes.
template <typename Write>
Result<void> write_zeros(ByteRange range, Write write) {
  AlignedBuffer zeros(std::min(range.length, buffer_size_bytes_max));
  for (uint64_t at = range.offset; at < range.end(); at += zeros.size()) {
    uint64_t length = std::min<uint64_t>(zeros.size(), range.end() - at);
    TRY(write(at, Bytes(zeros.bytes()).first(length)));
  }
  return {};
}

}  // namespace

PosixFile::PosixFile(FileDescriptor descriptor, std::string name, OpenMode mode, DirectAlignment alignment)
    : descriptor_(std::move(descriptor)), name_(std::move(name)) {
  system_.descriptor = descriptor_.number();
  system_.is_writable = mode == OpenMode::read_write;
  system_.offset_alignment_bytes = alignment.offset_bytes;
  system_.memory_alignment_bytes = alignment.memory_bytes;
}

Result<size_t> PosixFile::read_up_to(uint64_t offset, MutableBytes into) {
  if (!is_file_range(offset, into.size())) return 0;  // beyond the end of any file
  size_t done = 0;
  while (done < into.size()) {
    MutableBytes rest = into.subspan(done);
    ssize_t count = retry_interrupted(
        [&] { return ::pread(descriptor(), rest.data(), rest.size(), static_cast<off_t>(offset + done)); });
    if (count < 0) return system_failure(name_, "read", errno);
    done += static_cast<size_t>(count);
    // With O_DIRECT a count that is no multiple of the block marks the end; asking on from there would be
    // misaligned.
    if (count == 0 || done % system_.offset_alignment_bytes != 0) break;
  }
  return done;
}

Result<void> PosixFile::read(uint64_t offset, MutableBytes into) {
  size_t done = TRY(read_up_to(offset, into));
  if (done == into.size()) return {};
  uint64_t size_now_bytes = TRY(size_bytes());
  return file_too_short(name_, offset, into.size(), size_now_bytes);
}

Result<void> PosixFile::write(uint64_t offset, Bytes from) {
  if (!is_writable()) return file_read_only(name_, "write");
  if (!is_file_range(offset, from.size())) return file_too_large(name_, offset, from.size());
  while (!from.empty()) {
    ssize_t count = retry_interrupted(
        [&] { return ::pwrite(descriptor(), from.data(), from.size(), static_cast<off_t>(offset)); });
    if (count < 0) return system_failure(name_, "write", errno);
    if (count == 0) return system_failure(name_, "write", EIO);  // not a thing a regular file does
    offset += static_cast<size_t>(count);
    from = from.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<void> PosixFile::flush() {
  if (!is_writable()) return {};
  if (system_.flush_failed) return file_flush_lost(name_);
  bool size_changed = system_.size_changed.exchange(false);
  int result =
      retry_interrupted([&] { return size_changed ? ::fsync(descriptor()) : ::fdatasync(descriptor()); });
  if (result != 0) {
    int error_number = errno;
    system_.flush_failed = true;
    return system_failure(name_, "flush", error_number);
  }
  return {};
}

Result<bool> PosixFile::try_share(File& source, ByteRange from, uint64_t to_offset) {
  const auto door = source.queue_door();
  if (!door || from.length < share_bytes_min || cannot_share_) return false;
  file_clone_range range{};
  range.src_fd = door->system->descriptor;
  range.src_offset = from.offset;
  range.src_length = from.length;
  range.dest_offset = to_offset;
  if (retry_interrupted([&] { return ::ioctl(descriptor(), FICLONERANGE, &range); }) == 0) {
    // The extents are new: fsync, so that no file system needs to be trusted for less.
    system_.size_changed = true;
    return true;
  }
  switch (errno) {
    case EOPNOTSUPP:
    case ENOTTY:
    case ENOSYS:
    case EPERM:
      cannot_share_ = true;
      return false;
    case EINVAL:  // not on whole blocks, or past the source's end
    case EXDEV:
    case EBADF:
    case ETXTBSY:
      return false;
    default:
      return system_failure(name_, "share space", errno);
  }
}

Result<CopyWay> PosixFile::copy_from(File& source, ByteRange from, uint64_t to_offset) {
  if (!is_writable()) return file_read_only(name_, "write");
  if (!is_file_range(to_offset, from.length)) return file_too_large(name_, to_offset, from.length);
  const auto door = source.queue_door();
  const bool in_system = door && is_file_range(from.offset, from.length) && from.length >= share_bytes_min &&
                         system_.offset_alignment_bytes == 1;
  if (!in_system) return File::copy_from(source, from, to_offset);
  if (TRY(try_share(source, from, to_offset))) return CopyWay::shared;

  const bool keeps_holes = from.length >= hole_bytes_min;
  while (!from.empty()) {
    // A hole would be copied as zeros: holes are left to the way that keeps them.
    const std::optional<ByteRange> data = keeps_holes ? TRY(source.next_data(from.offset)) : from;
    const bool at_data = data && data->offset <= from.offset;
    const uint64_t run = at_data ? std::min(from.end(), data->end()) - from.offset : 0;
    auto source_at = static_cast<off64_t>(from.offset);
    auto target_at = static_cast<off64_t>(to_offset);
    const ssize_t count = at_data ? retry_interrupted([&] {
      return ::copy_file_range(door->system->descriptor, &source_at, descriptor(), &target_at, run, 0);
    })
                                  : -1;
    // Whatever the system does not do, reading and writing does, or says why not.
    if (count <= 0) return File::copy_from(source, from, to_offset);
    from = {from.offset + static_cast<uint64_t>(count), from.length - static_cast<uint64_t>(count)};
    to_offset += static_cast<uint64_t>(count);
  }
  return CopyWay::in_system;
}

Result<uint64_t> PosixFile::size_bytes() {
  struct stat status{};
  if (::fstat(descriptor(), &status) != 0) return system_failure(name_, "ask for the size", errno);
  return static_cast<uint64_t>(status.st_size);
}

Result<void> PosixFile::resize(uint64_t size_bytes) {
  if (!is_writable()) return file_read_only(name_, "resize");
  if (!is_file_range(size_bytes, 0)) return file_too_large(name_, size_bytes, 0);
  int result = retry_interrupted([&] { return ::ftruncate(descriptor(), static_cast<off_t>(size_bytes)); });
  if (result != 0) return system_failure(name_, "resize", errno);
  system_.size_changed = true;
  return {};
}

Result<bool> PosixFile::try_punch_hole(ByteRange range) {
  int result = retry_interrupted([&] {
    return ::fallocate(descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       static_cast<off_t>(range.offset), static_cast<off_t>(range.length));
  });
  if (result == 0) return true;
  if (errno == EOPNOTSUPP || errno == ENOSYS) return false;
  return system_failure(name_, "punch a hole", errno);
}

Result<void> PosixFile::punch_hole(ByteRange range) {
  if (!is_writable()) return file_read_only(name_, "punch a hole");
  range = clamp_to_size(range, TRY(size_bytes()));
  if (range.empty() || TRY(try_punch_hole(range))) return {};
  return write_zeros(range, [this](uint64_t offset, Bytes zeros) { return write(offset, zeros); });
}

Result<std::optional<ByteRange>> PosixFile::next_data(uint64_t offset) {
  if (!is_file_range(offset, 0)) return std::nullopt;
  // Moves the descriptor's own position, which nothing else here uses.
  off_t data = ::lseek(descriptor(), static_cast<off_t>(offset), SEEK_DATA);
  if (data < 0) {
    if (errno == ENXIO) return std::nullopt;  // at or past the end, or only holes from here on
    if (errno != EINVAL) return system_failure(name_, "look for data", errno);
    uint64_t end = TRY(size_bytes());  // this file system does not know its holes
    if (offset >= end) return std::nullopt;
    return ByteRange{offset, end - offset};
  }
  off_t hole = ::lseek(descriptor(), data, SEEK_HOLE);
  if (hole < 0) {
    if (errno == ENXIO) return std::nullopt;  // cut short between the two calls
    return system_failure(name_, "look for a hole", errno);
  }
  return ByteRange{static_cast<uint64_t>(data), static_cast<uint64_t>(hole - data)};
}

Result<uint64_t> PosixFile::allocated_bytes() {
  struct stat status{};
  if (::fstat(descriptor(), &status) != 0) return system_failure(name_, "ask for the space taken", errno);
  // st_blocks counts in units of 512 bytes, whatever the device's block is.
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

PosixDirectFile::PosixDirectFile(std::unique_ptr<PosixFile> file)
    : file_(std::move(file)), alignment_(file_->alignment()) {}

bool PosixDirectFile::covers_whole_blocks(uint64_t offset, size_t length) const {
  return offset % alignment_.offset_bytes == 0 && length % alignment_.offset_bytes == 0;
}

bool PosixDirectFile::is_aligned_memory(const std::byte* address) const {
  return reinterpret_cast<uintptr_t>(address) % alignment_.memory_bytes == 0;
}

size_t PosixDirectFile::buffer_size_for(uint64_t offset, uint64_t end) const {
  uint64_t block = alignment_.offset_bytes;
  return std::min(round_up(end, block) - round_down(offset, block), std::max(buffer_size_bytes_max, block));
}

Result<void> PosixDirectFile::read(uint64_t offset, MutableBytes into) {
  if (covers_whole_blocks(offset, into.size()) && is_aligned_memory(into.data())) {
    return file_->read(offset, into);
  }
  if (into.empty()) return {};
  uint64_t size_now_bytes = TRY(file_->size_bytes());
  if (offset > size_now_bytes || into.size() > size_now_bytes - offset) {
    return file_too_short(name(), offset, into.size(), size_now_bytes);
  }
  uint64_t end = offset + into.size();
  AlignedBuffer buffer(buffer_size_for(offset, end));
  for (uint64_t at = round_down(offset, alignment_.offset_bytes); at < end; at += buffer.size()) {
    MutableBytes window =
        buffer.bytes().first(std::min<uint64_t>(buffer.size(), round_up(end, alignment_.offset_bytes) - at));
    size_t done = TRY(file_->read_up_to(at, window));
    uint64_t first = std::max(at, offset);
    uint64_t last = std::min(at + window.size(), end);
    if (at + done < last) return file_too_short(name(), offset, into.size(), at + done);  // cut meanwhile
    std::memcpy(into.data() + (first - offset), window.data() + (first - at), last - first);
  }
  return {};
}

Result<void> PosixDirectFile::write(uint64_t offset, Bytes from) {
  if (covers_whole_blocks(offset, from.size())) {
    std::shared_lock lock(edges_);
    return is_aligned_memory(from.data()) ? file_->write(offset, from) : write_through_buffer(offset, from);
  }
  std::unique_lock lock(edges_);
  return write_locked(offset, from);
}

// A write of any shape; the caller holds edges_ exclusively.
Result<void> PosixDirectFile::write_locked(uint64_t offset, Bytes from) {
  if (!file_->is_writable()) return file_read_only(name(), "write");
  if (from.empty()) return {};
  if (!is_file_range(offset, from.size() + alignment_.offset_bytes))
    return file_too_large(name(), offset, from.size());
  uint64_t size_before = TRY(file_->size_bytes());
  uint64_t end = offset + from.size();
  Result<void> written = write_through_buffer(offset, from);
  // The last block was written whole: where it passed the end of the file, the size is put right.
  if (round_up(end, alignment_.offset_bytes) > size_before && end % alignment_.offset_bytes != 0) {
    uint64_t size_after = TRY(file_->size_bytes());
    uint64_t size_wanted = std::max(size_before, end);
    if (size_after > size_wanted) TRY(file_->resize(size_wanted));
  }
  return written;
}

Result<void> PosixDirectFile::write_through_buffer(uint64_t offset, Bytes from) {
  if (!file_->is_writable()) return file_read_only(name(), "write");
  if (!is_file_range(offset, from.size())) return file_too_large(name(), offset, from.size());
  uint64_t end = offset + from.size();
  uint64_t block = alignment_.offset_bytes;
  AlignedBuffer buffer(buffer_size_for(offset, end));

  // Brings the bytes now in the file under an edge block of the window; those past the end are zeros.
  auto load_block = [&](uint64_t window, uint64_t at) -> Result<void> {
    MutableBytes target = buffer.bytes().subspan(at - window, block);
    size_t done = TRY(file_->read_up_to(at, target));
    std::ranges::fill(target.subspan(done), std::byte{0});
    return {};
  };

  for (uint64_t at = round_down(offset, block); at < end; at += buffer.size()) {
    uint64_t window_end = std::min(at + buffer.size(), round_up(end, block));
    bool head_is_partial = at < offset;
    bool tail_is_partial = window_end > end;
    if (head_is_partial) TRY(load_block(at, at));
    if (tail_is_partial && !(head_is_partial && window_end - at == block))
      TRY(load_block(at, window_end - block));
    uint64_t first = std::max(at, offset);
    uint64_t last = std::min(window_end, end);
    std::memcpy(buffer.bytes().data() + (first - at), from.data() + (first - offset), last - first);
    TRY(file_->write(at, Bytes(buffer.bytes()).first(window_end - at)));
  }
  return {};
}

Result<CopyWay> PosixDirectFile::copy_from(File& source, ByteRange from, uint64_t to_offset) {
  if (!file_->is_writable()) return file_read_only(name(), "write");
  if (!is_file_range(to_offset, from.length)) return file_too_large(name(), to_offset, from.length);
  {
    std::shared_lock lock(edges_);
    if (TRY(file_->try_share(source, from, to_offset))) return CopyWay::shared;
  }
  return File::copy_from(source, from, to_offset);
}

Result<uint64_t> PosixDirectFile::size_bytes() {
  std::shared_lock lock(edges_);
  return file_->size_bytes();
}

Result<void> PosixDirectFile::resize(uint64_t size_bytes) {
  std::unique_lock lock(edges_);
  return file_->resize(size_bytes);
}

Result<void> PosixDirectFile::punch_hole(ByteRange range) {
  std::unique_lock lock(edges_);
  if (!file_->is_writable()) return file_read_only(name(), "punch a hole");
  range = clamp_to_size(range, TRY(file_->size_bytes()));
  if (range.empty() || TRY(file_->try_punch_hole(range))) return {};
  return write_zeros(range, [this](uint64_t offset, Bytes zeros) { return write_locked(offset, zeros); });
}

}  // namespace vhdlab
