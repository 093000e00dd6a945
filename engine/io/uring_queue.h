// A queue on Linux io_uring: one system call hands over any number of requests and collects any number of
// completions. Files lie in the ring's table and memory is registered where the system allows, so that the
// kernel looks neither up for each request.
//
// Requests of direct files are handed over in portions while more are being submitted: a device that takes a
// batch, and answers all of it at once, would else stand still while the next batch is prepared.
//
// What the ring cannot carry goes through the File itself, by the submitting thread: files without a door,
// requests O_DIRECT would refuse for their shape, and what the kernel hands back undone.
#pragma once

#include <memory>
#include <vector>

#include <liburing.h>

#include "engine/io/io_queue.h"

namespace vhdlab {

class UringQueue final : public IoQueue {
 public:
  static constexpr uint32_t depth_max = 4096;
  static constexpr uint32_t registered_files_max = 4096;
  static constexpr uint32_t direct_portion = 4;  // requests; a system call each

  // A queue that keeps up to `depth` requests (1 to depth_max) in the kernel at once.
  // Faults: io-uring-unsupported, where the kernel has none, forbids it, or has no room for another.
  [[nodiscard]] static Result<std::unique_ptr<UringQueue>> make(uint32_t depth);
  ~UringQueue() override;
  UringQueue(const UringQueue&) = delete;
  UringQueue& operator=(const UringQueue&) = delete;

  [[nodiscard]] QueuedFile attach(File& file) override;
  void detach(QueuedFile file) override;
  [[nodiscard]] Result<void> register_memory(MutableBytes memory) override;
  void submit_read(QueuedFile file, uint64_t offset, MutableBytes into, uint64_t tag) override;
  void submit_write(QueuedFile file, uint64_t offset, Bytes from, uint64_t tag) override;
  void submit_flush(QueuedFile file, uint64_t tag) override;
  [[nodiscard]] Result<size_t> wait(std::span<IoCompletion> into) override;
  [[nodiscard]] size_t in_flight() const override { return in_flight_; }

 private:
  enum class Operation : uint8_t { read, write, flush };

  // What each request asks about its file stands here, for all files side by side: of a thousand files' own
  // SystemFiles no request would find one in the processor's cache.
  struct AttachedFile {
    File* file = nullptr;  // null where detached
    QueueDoor door;        // without a system where the file has none
    int descriptor = -1;
    uint32_t offset_alignment_bytes = 1;
    uint32_t memory_alignment_bytes = 1;
    bool is_writable = false;
    bool is_in_table = false;  // of the ring, at this file's number

    [[nodiscard]] bool is_direct() const { return offset_alignment_bytes > 1; }
  };

  // A request from its submission until its completion is collected. Its place in requests_ is what the
  // kernel knows it by.
  struct Request {
    Operation operation = Operation::read;
    QueuedFile file{};
    std::byte* memory = nullptr;  // written through for reads only
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t done = 0;  // bytes of it, where the kernel did a part
    uint64_t tag = 0;
    bool covers_size = false;  // a flush after a resize
  };
  using RequestNumber = uint32_t;

  explicit UringQueue(uint32_t depth);
  [[nodiscard]] AttachedFile& attached(QueuedFile file) { return files_[static_cast<uint32_t>(file)]; }
  [[nodiscard]] bool fits_the_ring(const Request& request);
  void submit(const Request& request);
  void hand_over();
  void fill_ring();
  [[nodiscard]] bool put_in_ring(RequestNumber number);
  [[nodiscard]] Result<void> enter(bool wait_for_one);
  void collect(std::span<IoCompletion> into, size_t& count);
  [[nodiscard]] bool is_finished(Request& request, int outcome, Result<void>& result);
  [[nodiscard]] Result<void> through_the_file(const Request& request);
  void count(const Request& request);

  io_uring ring_{};
  uint32_t depth_;
  uint32_t table_size_ = 0;  // files the ring's table has room for
  MutableBytes registered_memory_;

  std::vector<AttachedFile> files_;  // by QueuedFile
  std::vector<Request> requests_;
  std::vector<RequestNumber> free_requests_;
  std::vector<RequestNumber> waiting_;   // for room in the ring
  std::vector<IoCompletion> done_here_;  // by the submitting thread
  uint32_t in_ring_ = 0;
  size_t in_flight_ = 0;
};

}  // namespace vhdlab
