// A file whose requests somebody takes note of: a target that prices them later, or a device that takes its
// virtual time at once. The bytes may be kept (by another file, in memory) or not at all.
//
//   engine ─► SimulatedFile ─► RequestSink: a list, or a DeviceWait that lets virtual time pass
//                  └─► the content's file, where there is one
#pragma once

#include <memory>
#include <string>

#include "engine/io/file.h"
#include "sim/device/volume.h"

namespace vhdlab::sim {

class RequestSink {
 public:
  // `bytes` are those of a write, or the place a read goes to, for sinks that know whose they are; empty for
  // a flush.
  [[nodiscard]] virtual Result<void> take(const FileRequest& request, Bytes bytes) = 0;
  // What a system does that copies from file to file: a read there and a write here, unless the files come to
  // share the bytes. Says which.
  [[nodiscard]] virtual Result<CopyWay> copy(uint32_t source, ByteRange from, uint32_t target,
                                             uint64_t to_offset);
  // A hole is no request: the file system forgets where the range stood.
  virtual void forget(uint32_t /*file*/, ByteRange /*range*/) {}

 protected:
  ~RequestSink() = default;
};

class SimulatedFile final : public File {
 public:
  // Without `content` the file keeps nothing but its size, and read() leaves `into` as it is. `sink` outlives
  // the file and knows it by `number`.
  SimulatedFile(std::string name, uint32_t number, RequestSink& sink, std::unique_ptr<File> content,
                uint64_t size_bytes = 0)
      : name_(std::move(name)),
        number_(number),
        sink_(sink),
        content_(std::move(content)),
        size_bytes_(size_bytes) {}

  const std::string& name() const override { return name_; }
  Result<void> read(uint64_t offset, MutableBytes into) override;
  Result<void> write(uint64_t offset, Bytes from) override;
  // Asks the sink, where both files have the same one.
  Result<CopyWay> copy_from(File& source, ByteRange from, uint64_t to_offset) override;
  Result<void> flush() override;
  Result<uint64_t> size_bytes() override;
  Result<void> resize(uint64_t size_bytes) override;
  Result<void> punch_hole(ByteRange range) override;
  Result<std::optional<ByteRange>> next_data(uint64_t offset) override;
  Result<uint64_t> allocated_bytes() override;

 private:
  [[nodiscard]] Result<void> refuse_beyond_end(ByteRange range) const;

  std::string name_;
  uint32_t number_;
  RequestSink& sink_;
  std::unique_ptr<File> content_;
  uint64_t size_bytes_;
};

// Carries out each request on a device before it returns: virtual time passes, and nothing overlaps.
class DeviceWait final : public RequestSink, private EventHandler {
 public:
  DeviceWait(Volume& volume, Device& device, EventQueue& events)
      : volume_(volume), device_(device), events_(events) {}

  Result<void> take(const FileRequest& request, Bytes bytes) override;

 private:
  void on_event(VirtualTime, uint64_t) override {
    if (--waiting_ == 0) events_.stop();
  }

  Volume& volume_;
  Device& device_;
  EventQueue& events_;
  std::vector<DeviceRequest> placed_;
  size_t waiting_ = 0;
};

}  // namespace vhdlab::sim
