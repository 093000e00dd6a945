// The ring: requests go in until it is full, one system call hands them over and waits, completions come out.
#include "engine/io/uring_queue.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>

#include "engine/io/counted_file.h"
#include "engine/io/file_faults.h"
#include "engine/io/system_failure.h"

namespace vhdlab {
namespace {

// The most one request asks of the kernel, which counts in 32 bits; the rest of a longer one follows it.
constexpr uint64_t request_bytes_max = 1 * gib;

// Marks the answer to a cancellation, which belongs to no request.
constexpr uint64_t no_request = UINT64_MAX;

// From best to most widely known: completions handed over when asked for and not by interrupting the thread
// (Linux 6.1), without signalling another processor (5.19), plain.
constexpr std::array<uint32_t, 3> setup_flags = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_COOP_TASKRUN, 0};

int set_up(uint32_t depth, io_uring& ring) {
  int outcome = -EINVAL;
  for (uint32_t flags : setup_flags) {
    outcome = io_uring_queue_init(depth, &ring, flags);
    if (outcome != -EINVAL) break;
  }
  return outcome;
}

// The ring's table of files, as large as the limit on open files lets it be; 0 where there is none.
uint32_t make_file_table(io_uring& ring) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const auto size =
      static_cast<uint32_t>(std::min<uint64_t>(limit.rlim_cur, UringQueue::registered_files_max));
  return io_uring_register_files_sparse(&ring, size) == 0 ? size : 0;
}

bool lies_within(const std::byte* memory, uint64_t length, MutableBytes whole) {
  return memory >= whole.data() && memory + length <= whole.data() + whole.size();
}

}  // namespace

// ---- Making and ending ----

Result<std::unique_ptr<UringQueue>> UringQueue::make(uint32_t depth) {
  std::unique_ptr<UringQueue> queue(new UringQueue(std::clamp(depth, 1U, depth_max)));
  const int outcome = set_up(queue->depth_, queue->ring_);
  if (outcome < 0) {
    queue->ring_.ring_fd = -1;
    return failure(
        ErrorKind::unsupported, "io-uring-unsupported",
        fmt::format("cannot make an io_uring of {} requests: {}", queue->depth_,
                    system_failure("io_uring", "set up", -outcome).error().message),
        "use 'io: psync'; the setting kernel.io_uring_disabled or a container may forbid io_uring");
  }
  queue->table_size_ = make_file_table(queue->ring_);
  return queue;
}

UringQueue::UringQueue(uint32_t depth) : depth_(depth) {
  ring_.ring_fd = -1;
}

UringQueue::~UringQueue() {
  if (ring_.ring_fd < 0) return;
  if (in_ring_ > 0) {
    if (io_uring_sqe* entry = io_uring_get_sqe(&ring_)) {  // the kernel ends what it has not begun
      io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY);
      io_uring_sqe_set_data64(entry, no_request);
    }
    while (in_ring_ > 0) {  // memory of the caller's is in use until then
      if (!enter(true)) break;
      io_uring_cqe* completion = nullptr;
      while (io_uring_peek_cqe(&ring_, &completion) == 0) {
        if (completion->user_data != no_request) --in_ring_;
        io_uring_cqe_seen(&ring_, completion);
      }
    }
  }
  // The kernel takes a ring apart some time after its descriptor is closed; a file in its table would stay
  // open, and locked, until then.
  (void)io_uring_unregister_files(&ring_);
  io_uring_queue_exit(&ring_);
}

// ---- Files and memory ----

QueuedFile UringQueue::attach(File& file) {
  auto place = std::ranges::find(files_, nullptr, &AttachedFile::file);
  if (place == files_.end()) place = files_.insert(place, AttachedFile{});
  const auto number = static_cast<uint32_t>(place - files_.begin());
  *place = {.file = &file, .door = file.queue_door().value_or(QueueDoor{})};
  if (const SystemFile* system = place->door.system) {
    place->descriptor = system->descriptor;
    place->offset_alignment_bytes = static_cast<uint32_t>(system->offset_alignment_bytes);
    place->memory_alignment_bytes = static_cast<uint32_t>(system->memory_alignment_bytes);
    place->is_writable = system->is_writable;
    if (number < table_size_)
      place->is_in_table = io_uring_register_files_update(&ring_, number, &place->descriptor, 1) == 1;
  }
  return QueuedFile{number};
}

void UringQueue::detach(QueuedFile file) {
  AttachedFile& detached = attached(file);
  if (detached.is_in_table) {
    int none = -1;
    (void)io_uring_register_files_update(&ring_, static_cast<uint32_t>(file), &none, 1);
  }
  detached = {};
}

Result<void> UringQueue::register_memory(MutableBytes memory) {
  const iovec region{memory.data(), memory.size()};
  const int outcome = io_uring_register_buffers(&ring_, &region, 1);
  if (outcome != 0) {
    return failure(
        ErrorKind::unsupported, "io-memory-not-registered",
        fmt::format("the system does not register {} bytes of memory for io_uring: {}", memory.size(),
                    system_failure("io_uring", "register", -outcome).error().message),
        "raise the limit of locked memory ('ulimit -l')");
  }
  registered_memory_ = memory;
  return {};
}

// ---- Submitting ----

void UringQueue::submit_read(QueuedFile file, uint64_t offset, MutableBytes into, uint64_t tag) {
  submit({Operation::read, file, into.data(), offset, into.size(), 0, tag});
}

void UringQueue::submit_write(QueuedFile file, uint64_t offset, Bytes from, uint64_t tag) {
  // The kernel only reads from the memory of a write.
  submit({Operation::write, file, const_cast<std::byte*>(from.data()), offset, from.size(), 0, tag});
}

void UringQueue::submit_flush(QueuedFile file, uint64_t tag) {
  submit({Operation::flush, file, nullptr, 0, 0, 0, tag});
}

// Whether the kernel can be asked for this, or only the File.
bool UringQueue::fits_the_ring(const Request& request) {
  const AttachedFile& file = attached(request.file);
  if (file.door.system == nullptr) return false;
  if (request.operation == Operation::flush) return file.is_writable && !file.door.system->flush_failed;
  if (request.operation == Operation::write && !file.is_writable) return false;
  return request.length > 0 && is_file_range(request.offset, request.length) &&
         request.offset % file.offset_alignment_bytes == 0 &&
         request.length % file.offset_alignment_bytes == 0 &&
         reinterpret_cast<uintptr_t>(request.memory) % file.memory_alignment_bytes == 0;
}

void UringQueue::submit(const Request& request) {
  ++in_flight_;
  if (!fits_the_ring(request)) {
    done_here_.push_back({request.tag, through_the_file(request)});
    return;
  }
  if (free_requests_.empty()) {
    free_requests_.push_back(static_cast<RequestNumber>(requests_.size()));
    requests_.emplace_back();
  }
  const RequestNumber number = free_requests_.back();
  free_requests_.pop_back();
  requests_[number] = request;
  if (request.operation == Operation::flush)
    requests_[number].covers_size = attached(request.file).door.system->size_changed.exchange(false);
  waiting_.push_back(number);
  if (attached(request.file).is_direct() && waiting_.size() >= direct_portion) hand_over();
}

// Without waiting. What fails here fails again in wait(), which can say so.
void UringQueue::hand_over() {
  fill_ring();
  (void)enter(false);
}

void UringQueue::fill_ring() {
  size_t taken = 0;
  while (taken < waiting_.size() && in_ring_ < depth_ && put_in_ring(waiting_[taken]))
    ++taken;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(taken));
}

bool UringQueue::put_in_ring(RequestNumber number) {
  io_uring_sqe* entry = io_uring_get_sqe(&ring_);
  if (entry == nullptr) return false;
  const Request& request = requests_[number];
  const AttachedFile& file = attached(request.file);
  const int descriptor =
      file.is_in_table ? static_cast<int>(std::to_underlying(request.file)) : file.descriptor;
  std::byte* const memory = request.memory + request.done;
  const uint64_t offset = request.offset + request.done;
  const auto length = static_cast<uint32_t>(std::min(request.length - request.done, request_bytes_max));
  const bool is_registered = lies_within(memory, length, registered_memory_);
  switch (request.operation) {
    case Operation::read:
      is_registered ? io_uring_prep_read_fixed(entry, descriptor, memory, length, offset, 0)
                    : io_uring_prep_read(entry, descriptor, memory, length, offset);
      break;
    case Operation::write:
      is_registered ? io_uring_prep_write_fixed(entry, descriptor, memory, length, offset, 0)
                    : io_uring_prep_write(entry, descriptor, memory, length, offset);
      break;
    case Operation::flush:
      io_uring_prep_fsync(entry, descriptor, request.covers_size ? 0 : IORING_FSYNC_DATASYNC);
  }
  if (file.is_in_table) entry->flags |= IOSQE_FIXED_FILE;
  io_uring_sqe_set_data64(entry, number);
  ++in_ring_;
  return true;
}

// ---- Completing ----

Result<size_t> UringQueue::wait(std::span<IoCompletion> into) {
  size_t count = 0;
  while (count == 0 && in_flight_ > 0) {
    const size_t here = std::min(into.size(), done_here_.size());
    std::move(done_here_.begin(), done_here_.begin() + static_cast<ptrdiff_t>(here), into.begin());
    done_here_.erase(done_here_.begin(), done_here_.begin() + static_cast<ptrdiff_t>(here));
    count = here;
    fill_ring();
    const bool has_answers = io_uring_cq_ready(&ring_) > 0;
    if (in_ring_ > 0) TRY(enter(count == 0 && !has_answers));
    collect(into, count);
    in_flight_ -= count;
  }
  return count;
}

// Hands over what is in the ring and not yet the kernel's, and waits for one answer where asked to.
Result<void> UringQueue::enter(bool wait_for_one) {
  while (true) {
    const int outcome = wait_for_one                    ? io_uring_submit_and_wait(&ring_, 1)
                        : io_uring_sq_ready(&ring_) > 0 ? io_uring_submit(&ring_)
                                                        : 0;
    if (outcome >= 0) return {};
    // EBUSY: answers must be collected first, which the caller is about to do.
    if (outcome == -EBUSY) return {};
    if (outcome != -EINTR && outcome != -EAGAIN) return system_failure("io_uring", "wait", -outcome);
  }
}

void UringQueue::collect(std::span<IoCompletion> into, size_t& count) {
  io_uring_cqe* answer = nullptr;
  while (count < into.size() && io_uring_peek_cqe(&ring_, &answer) == 0) {
    const auto number = static_cast<RequestNumber>(answer->user_data);
    const int outcome = answer->res;
    io_uring_cqe_seen(&ring_, answer);
    --in_ring_;
    Result<void> result;
    if (!is_finished(requests_[number], outcome, result)) {
      waiting_.push_back(number);
      continue;
    }
    into[count++] = {requests_[number].tag, std::move(result)};
    free_requests_.push_back(number);
  }
}

// Judges the kernel's answer. False where a part is done and the rest must be asked for.
bool UringQueue::is_finished(Request& request, int outcome, Result<void>& result) {
  const AttachedFile& file = attached(request.file);
  // Not to be had without waiting, or interrupted: the File waits.
  if (outcome == -EAGAIN || outcome == -EINTR) {
    result = through_the_file(request);
    return true;
  }
  if (request.operation == Operation::flush) {
    if (outcome == 0) {
      count(request);
    } else {
      file.door.system->flush_failed = true;
      result = system_failure(file.file->name(), "flush", -outcome);
    }
    return true;
  }
  if (outcome < 0) {
    const bool is_read = request.operation == Operation::read;
    result = system_failure(file.file->name(), is_read ? "read" : "write", -outcome);
    return true;
  }
  request.done += static_cast<uint64_t>(outcome);
  if (request.done == request.length) {
    count(request);
    return true;
  }
  // The end of the file, or a count from which O_DIRECT could not go on: the File knows what to say.
  if (outcome == 0 || request.done % file.offset_alignment_bytes != 0) {
    result = through_the_file(request);
    return true;
  }
  return false;
}

Result<void> UringQueue::through_the_file(const Request& request) {
  File& file = *attached(request.file).file;
  switch (request.operation) {
    case Operation::read:
      return file.read(request.offset, {request.memory, request.length});
    case Operation::write:
      return file.write(request.offset, {request.memory, request.length});
    case Operation::flush:
      if (request.covers_size) attached(request.file).door.system->size_changed = true;
      return file.flush();
  }
  std::unreachable();
}

void UringQueue::count(const Request& request) {
  FileTally* tally = attached(request.file).door.tally;
  if (tally == nullptr) return;
  switch (request.operation) {
    case Operation::read:
      return tally->count_read(request.length);
    case Operation::write:
      return tally->count_write(request.length);
    case Operation::flush:
      return tally->count_flush();
  }
}

}  // namespace vhdlab
