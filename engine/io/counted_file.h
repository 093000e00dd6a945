// Counts what goes through a file: operations and bytes, read, written, flushed. A run takes a snapshot
// before and after and reports the difference per backing file.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "engine/io/file.h"

namespace vhdlab {

// Only what succeeded counts, once per call however many system calls it took. A copy from file to file
// counts as a read there and a write here, also where the file system moved no byte.
struct FileCounters {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t flushes = 0;
  uint64_t read_bytes = 0;
  uint64_t written_bytes = 0;

  FileCounters& operator+=(const FileCounters& other);
  FileCounters& operator-=(const FileCounters& earlier);
  friend FileCounters operator+(FileCounters left, const FileCounters& right) { return left += right; }
  friend FileCounters operator-(FileCounters later, const FileCounters& earlier) { return later -= earlier; }
  friend bool operator==(const FileCounters&, const FileCounters&) = default;
};

// Where a CountedFile counts; kept apart from it, so that the counts outlive the open file. Safe to use from
// several threads; a snapshot taken meanwhile may hold an operation and not yet its bytes.
class FileTally {
 public:
  [[nodiscard]] FileCounters snapshot() const;

  void count_read(uint64_t size_bytes);
  void count_write(uint64_t size_bytes);
  void count_flush();

 private:
  std::atomic<uint64_t> reads_{0};
  std::atomic<uint64_t> writes_{0};
  std::atomic<uint64_t> flushes_{0};
  std::atomic<uint64_t> read_bytes_{0};
  std::atomic<uint64_t> written_bytes_{0};
};

class CountedFile final : public File {
 public:
  explicit CountedFile(std::unique_ptr<File> file,
                       std::shared_ptr<FileTally> tally = std::make_shared<FileTally>());

  [[nodiscard]] FileCounters counters() const { return tally_->snapshot(); }

  [[nodiscard]] const std::string& name() const override { return file_->name(); }
  [[nodiscard]] Result<void> read(uint64_t offset, MutableBytes into) override;
  [[nodiscard]] Result<void> write(uint64_t offset, Bytes from) override;
  [[nodiscard]] Result<CopyWay> copy_from(File& source, ByteRange from, uint64_t to_offset) override;
  [[nodiscard]] Result<void> flush() override;
  [[nodiscard]] Result<uint64_t> size_bytes() override { return file_->size_bytes(); }
  [[nodiscard]] Result<void> resize(uint64_t size_bytes) override { return file_->resize(size_bytes); }
  [[nodiscard]] Result<void> punch_hole(ByteRange range) override { return file_->punch_hole(range); }
  [[nodiscard]] Result<std::optional<ByteRange>> next_data(uint64_t offset) override {
    return file_->next_data(offset);
  }
  [[nodiscard]] Result<uint64_t> allocated_bytes() override { return file_->allocated_bytes(); }
  [[nodiscard]] std::optional<QueueDoor> queue_door() override;

 private:
  std::unique_ptr<File> file_;
  std::shared_ptr<FileTally> tally_;
};

}  // namespace vhdlab
