// The overlay behind replayed_file.h.
#include "engine/format/vhdx/replayed_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace vhdlab::vhdx {
namespace {

class ReplayedFile final : public File {
 public:
  ReplayedFile(std::unique_ptr<File> file, LogReplay replay, uint64_t size_bytes)
      : file_(std::move(file)),
        replay_(std::move(replay)),
        stored_size_(size_bytes),
        size_(std::max(size_bytes, replay_.file_size_min_bytes)) {
    for (const auto& [offset, page] : replay_.pages)
      size_ = std::max(size_, offset + page.size());
  }

  const std::string& name() const override { return file_->name(); }

  Result<void> read(uint64_t offset, MutableBytes into) override {
    if (offset > size_ || into.size() > size_ - offset) {
      return failure(ErrorKind::damaged, "file-too-short",
                     fmt::format("{}: read of {} bytes at {:#x} passes the end at {:#x}", name(), into.size(),
                                 offset, size_));
    }
    const uint64_t stored =
        offset < stored_size_ ? std::min<uint64_t>(into.size(), stored_size_ - offset) : 0;
    if (stored > 0) TRY(file_->read(offset, into.first(stored)));
    std::ranges::fill(into.subspan(stored), std::byte{0});

    const ByteRange wanted{offset, into.size()};
    for (const ByteRange& zeros : replay_.zeroed)
      lay_over(wanted, into, zeros, nullptr);
    auto page = replay_.pages.upper_bound(offset);
    if (page != replay_.pages.begin()) --page;
    for (; page != replay_.pages.end() && page->first < wanted.end(); ++page) {
      lay_over(wanted, into, {page->first, page->second.size()}, page->second.data());
    }
    return {};
  }

  Result<uint64_t> size_bytes() override { return size_; }
  Result<uint64_t> allocated_bytes() override { return file_->allocated_bytes(); }

  Result<std::optional<ByteRange>> next_data(uint64_t offset) override {
    if (offset >= size_) return std::nullopt;
    return ByteRange{offset, size_ - offset};
  }

  Result<void> flush() override { return {}; }
  Result<void> write(uint64_t, Bytes) override { return refuse(); }
  Result<void> resize(uint64_t) override { return refuse(); }
  Result<void> punch_hole(ByteRange) override { return refuse(); }

 private:
  // Copies the part of `patch` that falls into `wanted`; no data means zeros.
  static void lay_over(ByteRange wanted, MutableBytes into, ByteRange patch, const std::byte* data) {
    const uint64_t begin = std::max(wanted.offset, patch.offset);
    const uint64_t end = std::min(wanted.end(), patch.end());
    if (begin >= end) return;
    std::byte* target = into.data() + (begin - wanted.offset);
    if (data == nullptr) {
      std::memset(target, 0, end - begin);
    } else {
      std::memcpy(target, data + (begin - patch.offset), end - begin);
    }
  }

  [[nodiscard]] std::unexpected<Error> refuse() const {
    return failure(ErrorKind::permission_denied, "file-read-only",
                   name() + ": opened read-only, its log replayed in memory",
                   "open it for writing to replay the log for good");
  }

  std::unique_ptr<File> file_;
  LogReplay replay_;
  uint64_t stored_size_;
  uint64_t size_;
};

}  // namespace

std::unique_ptr<File> make_replayed_file(std::unique_ptr<File> file, LogReplay replay, uint64_t size_bytes) {
  return std::make_unique<ReplayedFile>(std::move(file), std::move(replay), size_bytes);
}

}  // namespace vhdlab::vhdx
