// pread, a mapping, or io_uring on one file; see plain_peer.h.
#include "bench/peers/plain_peer.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/peers/read_loop.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/posix_file_system.h"
#include "engine/io/system_failure.h"

namespace vhdlab::peers {
namespace {

std::unexpected<Error> short_read(const std::string& path, uint64_t offset, ssize_t length) {
  return system_failure(path, fmt::format("read at {:#x}", offset), length < 0 ? errno : EIO);
}

Result<double> read_psync(const std::string& path, int descriptor, const scenarios::OperationStream& stream,
                          const ReadWork& work) {
  return reads_per_second(stream, work, [&] {
    return [&](uint64_t offset, MutableBytes into) -> Result<void> {
      const ssize_t length = ::pread(descriptor, into.data(), into.size(), static_cast<off_t>(offset));
      if (length != static_cast<ssize_t>(into.size())) return short_read(path, offset, length);
      return {};
    };
  });
}

Result<double> read_mapped(const std::string& path, int descriptor, uint64_t size_bytes,
                           const scenarios::OperationStream& stream, const ReadWork& work) {
  void* mapping = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  if (mapping == MAP_FAILED) return system_failure(path, "map", errno);
  auto rate = reads_per_second(stream, work, [&] {
    return [&](uint64_t offset, MutableBytes into) -> Result<void> {
      std::memcpy(into.data(), static_cast<const std::byte*>(mapping) + offset, into.size());
      return {};
    };
  });
  ::munmap(mapping, size_bytes);
  return rate;
}

// As many requests in flight as the queue is deep, each timed from its
// submission; the file and the memory are registered, so that the kernel looks
// neither up per request.
Result<double> read_uring(const std::string& path, int descriptor, const scenarios::OperationStream& stream,
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
  const bool fixed = ::io_uring_register_files(&ring, &descriptor, 1) == 0 &&
                     ::io_uring_register_buffers(&ring, &whole, 1) == 0;

  std::vector<Clock::time_point> started(work.queue_depth);
  std::vector<uint64_t> offsets(work.queue_depth);
  uint64_t next = 0;
  auto submit = [&](uint64_t slot) {
    offsets[slot] = stream.at(next++).offset_bytes;
    io_uring_sqe* request = ::io_uring_get_sqe(&ring);
    std::byte* into = memory.bytes().data() + slot * request_bytes;
    if (fixed) {
      ::io_uring_prep_read_fixed(request, 0, into, static_cast<unsigned>(request_bytes), offsets[slot], 0);
      request->flags |= IOSQE_FIXED_FILE;
    } else {
      ::io_uring_prep_read(request, descriptor, into, static_cast<unsigned>(request_bytes), offsets[slot]);
    }
    request->user_data = slot;
    started[slot] = Clock::now();
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
        return short_read(path, offsets[slot], completions[i]->res < 0 ? -1 : 0);
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

class PlainPeer final : public Peer {
 public:
  explicit PlainPeer(const std::string& folder)
      : path_((std::filesystem::path(folder) / "plain.raw").string()) {}

  std::string_view name() const override { return "plain"; }
  std::vector<std::string> files(uint32_t) const override { return {path_}; }

  Result<void> build(const DiskShape& shape) override {
    shape_ = shape;
    if (files_.exists(path_)) return {};
    const auto file = TRY(files_.create(path_));
    std::vector<std::byte> block(shape.base_block_bytes);
    for (uint64_t offset = 0; offset < shape.disk_bytes; offset += block.size()) {
      std::memset(block.data(), base_content(shape, offset), block.size());
      TRY(file->write(offset, block));
    }
    for (uint32_t layer = 1; layer <= shape.depth_max; ++layer) {
      for (uint32_t number = 0; number < shape.writes_per_layer; ++number) {
        const ShapeWrite write = write_of(shape, layer, number);
        std::memset(block.data(), write.content, shape.write_bytes);
        TRY(file->write(write.offset, Bytes(block).first(shape.write_bytes)));
      }
    }
    return file->flush();
  }

  Result<void> check(uint32_t) override { return {}; }  // one file: there is nothing to find

  Result<double> read(const ReadWork& work) override {
    const auto stream = TRY(reads_of(work, shape_.disk_bytes, shape_.seed));
    const FileDescriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | (work.direct ? O_DIRECT : 0)));
    if (!file.is_open()) return system_failure(path_, "open", errno);
    switch (work.io) {
      case IoKind::psync:
        return read_psync(path_, file.number(), *stream, work);
      case IoKind::mapped:
        return read_mapped(path_, file.number(), shape_.disk_bytes, *stream, work);
      case IoKind::io_uring:
        return read_uring(path_, file.number(), *stream, work);
    }
    return 0;
  }

 private:
  std::string path_;
  PosixFileSystem files_;
  DiskShape shape_;
};

}  // namespace

std::unique_ptr<Peer> make_plain_peer(const std::string& folder) {
  return std::make_unique<PlainPeer>(folder);
}

}  // namespace vhdlab::peers
