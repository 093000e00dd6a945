// A file that is only read, mapped into memory: a read is a copy, without a call to the system. For chains
// whose lower layers nobody writes any more; the fastest way to bytes the page cache holds.
//
// The map covers the file as long as it was when opened; what lies past that goes through the file. Pages
// come in as they are first read. Nothing is read ahead of need: a layer is sparse, and filling its holes
// with memory would cost more than it holds.
//
// Readers take no lock, so another program may cut the file short meanwhile. A read of a part that is gone is
// the fault file-too-short, as without a map (guarded_copy.h).
#pragma once

#include <memory>
#include <string>

#include "engine/io/file.h"
#include "engine/io/posix_file.h"

namespace vhdlab {

class MappedFile final : public File {
 public:
  // Maps `file`, open for reading only. Faults: file-map-unsupported.
  [[nodiscard]] static Result<std::unique_ptr<MappedFile>> make(std::unique_ptr<PosixFile> file);
  ~MappedFile() override;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] Result<void> read(uint64_t offset, MutableBytes into) override;
  [[nodiscard]] Result<void> write(uint64_t offset, Bytes from) override {
    return file_->write(offset, from);
  }
  [[nodiscard]] Result<void> flush() override { return file_->flush(); }
  [[nodiscard]] Result<uint64_t> size_bytes() override { return file_->size_bytes(); }
  [[nodiscard]] Result<void> resize(uint64_t size_bytes) override { return file_->resize(size_bytes); }
  [[nodiscard]] Result<void> punch_hole(ByteRange range) override { return file_->punch_hole(range); }
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(uint64_t offset) override {
    return file_->next_data(offset);
  }
  [[nodiscard]] std::optional<QueueDoor> queue_door() override { return file_->queue_door(); }
  [[nodiscard]] Result<uint64_t> allocated_bytes() override { return file_->allocated_bytes(); }

 private:
  MappedFile(std::unique_ptr<PosixFile> file, Bytes mapped) : file_(std::move(file)), mapped_(mapped) {}

  std::unique_ptr<PosixFile> file_;
  Bytes mapped_;
};

}  // namespace vhdlab
