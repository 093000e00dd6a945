// A file of the host, read and written with pread and pwrite. PosixFile passes requests on as they are,
// through the page cache; PosixDirectFile bypasses the cache and brings misaligned requests into the shape
// O_DIRECT demands. Both are made by PosixFileSystem.
#pragma once

#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>

#include "engine/io/file.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/file_system.h"

namespace vhdlab {

// What O_DIRECT demands of a file's requests, from the file system itself where it tells (statx, Linux 6.1).
struct DirectAlignment {
  uint64_t offset_bytes = 1;  // of offsets and lengths
  uint64_t memory_bytes = 1;  // of buffer addresses
};

class PosixFile final : public File {
 public:
  // Takes over an open regular file. `alignment` is more than 1 for a descriptor with O_DIRECT; then every
  // offset, length and address given must be aligned, which PosixDirectFile sees to.
  PosixFile(FileDescriptor descriptor, std::string name, OpenMode mode, DirectAlignment alignment = {});

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] Result<void> read(uint64_t offset, MutableBytes into) override;
  [[nodiscard]] Result<void> write(uint64_t offset, Bytes from) override;
  [[nodiscard]] Result<CopyWay> copy_from(File& source, ByteRange from, uint64_t to_offset) override;
  [[nodiscard]] Result<void> flush() override;
  [[nodiscard]] Result<uint64_t> size_bytes() override;
  [[nodiscard]] Result<void> resize(uint64_t size_bytes) override;
  [[nodiscard]] Result<void> punch_hole(ByteRange range) override;
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(uint64_t offset) override;
  [[nodiscard]] Result<uint64_t> allocated_bytes() override;
  [[nodiscard]] std::optional<QueueDoor> queue_door() override { return QueueDoor{&system_}; }

  // Shares the space of `from` of `source` with this file; false, and nothing has happened, where the file
  // system cannot or the range does not lie on its blocks.
  [[nodiscard]] Result<bool> try_share(File& source, ByteRange from, uint64_t to_offset);

  // As read(), but the end of the file ends the read: the count of bytes read may be short.
  [[nodiscard]] Result<size_t> read_up_to(uint64_t offset, MutableBytes into);

  // punch_hole() where the file system can, on a range inside the file; false where it cannot.
  [[nodiscard]] Result<bool> try_punch_hole(ByteRange range);

  [[nodiscard]] bool is_writable() const { return system_.is_writable; }
  [[nodiscard]] DirectAlignment alignment() const {
    return {system_.offset_alignment_bytes, system_.memory_alignment_bytes};
  }
  [[nodiscard]] int descriptor() const { return descriptor_.number(); }

 private:
  FileDescriptor descriptor_;
  std::string name_;
  SystemFile system_;
  std::atomic<bool> cannot_share_{false};  // the file system has said so
};

// Requests whose offset, length and address are aligned go straight to the device. Others go through an
// aligned buffer:
//
//   blocks     |        |        |        |        |      a write to [=====] reads both edge blocks,
//   request         [====================]                lays the bytes over them and writes whole blocks
//
// Such a write holds off every other change to the file meanwhile, since it rewrites bytes beside its own.
class PosixDirectFile final : public File {
 public:
  // `file` is open with O_DIRECT and knows the alignment this demands.
  explicit PosixDirectFile(std::unique_ptr<PosixFile> file);

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] Result<void> read(uint64_t offset, MutableBytes into) override;
  [[nodiscard]] Result<void> write(uint64_t offset, Bytes from) override;
  [[nodiscard]] Result<CopyWay> copy_from(File& source, ByteRange from, uint64_t to_offset) override;
  [[nodiscard]] Result<void> flush() override { return file_->flush(); }
  [[nodiscard]] Result<uint64_t> size_bytes() override;
  [[nodiscard]] Result<void> resize(uint64_t size_bytes) override;
  [[nodiscard]] Result<void> punch_hole(ByteRange range) override;
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(uint64_t offset) override {
    return file_->next_data(offset);
  }
  [[nodiscard]] Result<uint64_t> allocated_bytes() override { return file_->allocated_bytes(); }

  [[nodiscard]] std::optional<QueueDoor> queue_door() override { return file_->queue_door(); }

  [[nodiscard]] DirectAlignment alignment() const { return alignment_; }
  [[nodiscard]] int descriptor() const { return file_->descriptor(); }

 private:
  [[nodiscard]] bool covers_whole_blocks(uint64_t offset, size_t length) const;
  [[nodiscard]] bool is_aligned_memory(const std::byte* address) const;
  [[nodiscard]] size_t buffer_size_for(uint64_t offset, uint64_t end) const;
  [[nodiscard]] Result<void> write_locked(uint64_t offset, Bytes from);
  [[nodiscard]] Result<void> write_through_buffer(uint64_t offset, Bytes from);

  std::unique_ptr<PosixFile> file_;
  DirectAlignment alignment_;
  // Shared: writes of whole blocks. Exclusive: whatever touches part of a block, or the size.
  std::shared_mutex edges_;
};

}  // namespace vhdlab
