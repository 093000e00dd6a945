// pread, copies out of mappings, or io_uring; see plain_loop.h.
#include "bench/peers/plain_loop.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/peers/read_loop.h"
#include "engine/io/system_failure.h"
#include "engine/io/uring_queue.h"

namespace vhdlab::peers {
namespace {

// Direct requests handed over at once, as the engine's ring has it: a device that is given all of them
// together stands still while the next are prepared, and the loop is as slow as both one after the other.
constexpr unsigned direct_portion = UringQueue::direct_portion;

std::unexpected<Error> short_read(const PlainFiles& files, const Place& place, ssize_t length) {
  return system_failure(files.paths[place.file], fmt::format("read at {:#x}", place.offset),
                        length < 0 ? errno : EIO);
}

Result<double> read_psync(const PlainFiles& files, const scenarios::OperationStream& stream,
                          const ReadWork& work) {
  return reads_per_second(stream, work, [&] {
    return [&](uint64_t offset, MutableBytes into) -> Result<void> {
      const Place place = files.place_of(offset);
      const ssize_t length = ::pread(files.descriptors[place.file].number(), into.data(), into.size(),
                                     static_cast<off_t>(place.offset));
      if (length != static_cast<ssize_t>(into.size())) return short_read(files, place, length);
      return {};
    };
  });
}

// The mappings of all files, given back at the end.
class Mappings {
 public:
  Mappings() = default;
  Mappings(const Mappings&) = delete;
  Mappings& operator=(const Mappings&) = delete;
  ~Mappings() {
    for (const Bytes mapping : mappings_)
      ::munmap(const_cast<std::byte*>(mapping.data()), mapping.size());
  }

  // Only what is read is populated: a layer's file is mostly holes.
  Result<void> map(const PlainFiles& files, uint64_t disk_bytes) {
    for (size_t i = 0; i < files.paths.size(); ++i) {
      const off_t size = ::lseek(files.descriptors[i].number(), 0, SEEK_END);
      void* mapping =
          ::mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_SHARED, files.descriptors[i].number(), 0);
      if (mapping == MAP_FAILED) return system_failure(files.paths[i], "map", errno);
      (void)::madvise(mapping, static_cast<size_t>(size), MADV_RANDOM);
      mappings_.emplace_back(static_cast<const std::byte*>(mapping), static_cast<size_t>(size));
    }
    std::vector<std::byte> bytes(files.request_bytes);
    for (uint64_t offset = 0; offset < disk_bytes; offset += bytes.size())
      std::memcpy(bytes.data(), at(files.place_of(offset)), bytes.size());
    return {};
  }

  [[nodiscard]] const std::byte* at(const Place& place) const {
    return mappings_[place.file].data() + place.offset;
  }

 private:
  std::vector<Bytes> mappings_;
};

Result<double> read_mapped(const PlainFiles& files, uint64_t disk_bytes,
                           const scenarios::OperationStream& stream, const ReadWork& work) {
  Mappings mappings;
  TRY(mappings.map(files, disk_bytes));
  return reads_per_second(stream, work, [&] {
    return [&](uint64_t offset, MutableBytes into) -> Result<void> {
      std::memcpy(into.data(), mappings.at(files.place_of(offset)), into.size());
      return {};
    };
  });
}

// As many requests in flight as the queue is deep, each timed from its
// submission; the files and the memory are registered, so that the kernel looks
// neither up per request.
Result<double> read_uring(const PlainFiles& files, const scenarios::OperationStream& stream,
                          const ReadWork& work) {
  using Clock = std::chrono::steady_clock;
  io_uring ring{};
  if (const int error = ::io_uring_queue_init(work.queue_depth, &ring, 0); error < 0) {
    return failure(ErrorKind::unsupported, "peer-io-unsupported",
                   fmt::format("io_uring is refused: {}", std::strerror(-error)));
  }
  struct Exit {
    io_uring* ring;
    ~Exit() { ::io_uring_queue_exit(ring); }
  } const exit{&ring};
  const uint64_t request_bytes = stream.longest_operation_bytes();
  AlignedBuffer memory(request_bytes * work.queue_depth);
  const iovec whole{memory.bytes().data(), memory.size()};
  std::vector<int> numbers;
  for (const FileDescriptor& descriptor : files.descriptors)
    numbers.push_back(descriptor.number());
  const bool fixed = ::io_uring_register_files(&ring, numbers.data(), numbers.size()) == 0 &&
                     ::io_uring_register_buffers(&ring, &whole, 1) == 0;

  std::vector<Clock::time_point> started(work.queue_depth);
  std::vector<Place> places(work.queue_depth);
  uint64_t next = 0;
  auto submit = [&](uint64_t slot) {
    const Place place = places[slot] = files.place_of(stream.at(next++).offset_bytes);
    io_uring_sqe* request = ::io_uring_get_sqe(&ring);
    std::byte* into = memory.bytes().data() + slot * request_bytes;
    if (fixed) {
      ::io_uring_prep_read_fixed(request, static_cast<int>(place.file), into,
                                 static_cast<unsigned>(request_bytes), place.offset, 0);
      request->flags |= IOSQE_FIXED_FILE;
    } else {
      ::io_uring_prep_read(request, numbers[place.file], into, static_cast<unsigned>(request_bytes),
                           place.offset);
    }
    request->user_data = slot;
    started[slot] = Clock::now();
    if (work.direct && ::io_uring_sq_ready(&ring) >= direct_portion) ::io_uring_submit(&ring);
  };
  reports::Histogram latency;
  const auto begin = Clock::now();
  const auto deadline = begin + work.duration;
  for (uint64_t slot = 0; slot < work.queue_depth; ++slot)
    submit(slot);
  uint64_t in_flight = work.queue_depth;
  std::vector<io_uring_cqe*> completions(work.queue_depth);
  while (in_flight > 0) {
    ::io_uring_submit_and_wait(&ring, 1);
    const unsigned count = ::io_uring_peek_batch_cqe(&ring, completions.data(), work.queue_depth);
    const auto now = Clock::now();
    for (unsigned i = 0; i < count; ++i) {
      const uint64_t slot = completions[i]->user_data;
      if (completions[i]->res != static_cast<int>(request_bytes)) {
        errno = -std::min(completions[i]->res, 0);
        return short_read(files, places[slot], completions[i]->res < 0 ? -1 : 0);
      }
      latency.record(static_cast<uint64_t>((now - started[slot]).count()));
      if (now < deadline) {
        submit(slot);
      } else {
        --in_flight;
      }
    }
    ::io_uring_cq_advance(&ring, count);
  }
  return static_cast<double>(latency.count()) / std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

Result<PlainFiles> open_plain_files(std::vector<std::string> paths, const ReadWork& work) {
  PlainFiles files{
      .paths = std::move(paths), .descriptors = {}, .table = {}, .request_bytes = work.request_bytes};
  for (const std::string& path : files.paths) {
    files.descriptors.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (work.direct ? O_DIRECT : 0)));
    if (!files.descriptors.back().is_open()) return system_failure(path, "open", errno);
  }
  return files;
}

Result<double> read_plain_files(const PlainFiles& files, const ReadWork& work, uint64_t disk_bytes,
                                uint64_t seed) {
  const auto stream = TRY(reads_of(work, disk_bytes, seed));
  switch (work.io) {
    case IoKind::psync:
      return read_psync(files, *stream, work);
    case IoKind::mapped:
      return read_mapped(files, disk_bytes, *stream, work);
    case IoKind::io_uring:
      return read_uring(files, *stream, work);
  }
  return 0;
}

}  // namespace vhdlab::peers
