// Counting with relaxed atomics: the numbers are sums, and nothing else is ordered by them.
#include "engine/io/counted_file.h"

namespace vhdlab {
namespace {

void add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}
uint64_t value_of(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

}  // namespace

FileCounters& FileCounters::operator+=(const FileCounters& other) {
  reads += other.reads;
  writes += other.writes;
  flushes += other.flushes;
  read_bytes += other.read_bytes;
  written_bytes += other.written_bytes;
  return *this;
}

FileCounters& FileCounters::operator-=(const FileCounters& earlier) {
  reads -= earlier.reads;
  writes -= earlier.writes;
  flushes -= earlier.flushes;
  read_bytes -= earlier.read_bytes;
  written_bytes -= earlier.written_bytes;
  return *this;
}

FileCounters FileTally::snapshot() const {
  return {.reads = value_of(reads_),
          .writes = value_of(writes_),
          .flushes = value_of(flushes_),
          .read_bytes = value_of(read_bytes_),
          .written_bytes = value_of(written_bytes_)};
}

void FileTally::count_read(uint64_t size_bytes) {
  add(reads_, 1);
  add(read_bytes_, size_bytes);
}

void FileTally::count_write(uint64_t size_bytes) {
  add(writes_, 1);
  add(written_bytes_, size_bytes);
}

void FileTally::count_flush() {
  add(flushes_, 1);
}

CountedFile::CountedFile(std::unique_ptr<File> file, std::shared_ptr<FileTally> tally)
    : file_(std::move(file)), tally_(std::move(tally)) {}

Result<void> CountedFile::read(uint64_t offset, MutableBytes into) {
  TRY(file_->read(offset, into));
  tally_->count_read(into.size());
  return {};
}

Result<void> CountedFile::write(uint64_t offset, Bytes from) {
  TRY(file_->write(offset, from));
  tally_->count_write(from.size());
  return {};
}

Result<CopyWay> CountedFile::copy_from(File& source, ByteRange from, uint64_t to_offset) {
  auto* counted = dynamic_cast<CountedFile*>(&source);
  File& inner = counted != nullptr ? *counted->file_ : source;  // or a copy through memory would count twice
  const CopyWay way = TRY(file_->copy_from(inner, from, to_offset));
  if (counted != nullptr) counted->tally_->count_read(from.length);
  tally_->count_write(from.length);
  return way;
}

Result<void> CountedFile::flush() {
  TRY(file_->flush());
  tally_->count_flush();
  return {};
}

std::optional<QueueDoor> CountedFile::queue_door() {
  auto door = file_->queue_door();
  // A door has room for one tally: what is counted twice goes through read() and write().
  if (!door || door->tally != nullptr) return std::nullopt;
  door->tally = tally_.get();
  return door;
}

}  // namespace vhdlab
