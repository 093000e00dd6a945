// A file that remembers every change made to it and can show what a power cut would have left: everything up
// to the last flush, and of what came after it any part, in units of 512-byte sectors.
//
//   write A | write B | flush | write C | write D      cut here: A and B stand; C and D each whole, in part,
//                                                      or not at all, D perhaps without C
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {

// The changes of one file, in order. Outlives the file.
struct ChangeHistory {
  enum class Kind { write, resize, punch, flush };
  struct Change {
    Kind kind;
    uint64_t offset = 0;  // for resize: the new size
    uint64_t length = 0;
    std::vector<std::byte> data;
  };
  std::vector<Change> changes;
  std::function<void()> after_flush;  // what another thread does just then; once

  // Applies to `file`, a copy of what stood before the first change, what survives a cut after `cut` changes.
  // `coin` decides for what was not flushed.
  void survive(File& file, size_t cut, RandomSource& coin) const {
    size_t durable = 0;
    for (size_t i = 0; i < cut; ++i) {
      if (changes[i].kind == Kind::flush) durable = i + 1;
    }
    const uint64_t mood = coin.next_u64() % 4;  // all of it, none of it, or a mixture
    for (size_t i = 0; i < cut; ++i) {
      const bool certain = i < durable || mood == 0;
      if (certain) apply(file, changes[i], nullptr, coin);
      if (certain || mood == 1) continue;
      if (coin.next_u64() % 2 == 0) apply(file, changes[i], &coin, coin);
    }
  }

 private:
  static void apply(File& file, const Change& change, RandomSource* torn, RandomSource& coin) {
    switch (change.kind) {
      case Kind::flush:
        return;
      case Kind::resize:
        must(file.resize(change.offset));
        return;
      case Kind::punch:
        must(file.punch_hole({change.offset, change.length}));
        return;
      case Kind::write:
        if (torn != nullptr && coin.next_u64() % 2 == 0) torn = nullptr;  // whole all the same
        for (uint64_t at = 0; at < change.data.size();) {
          const uint64_t step = std::min<uint64_t>(512 - (change.offset + at) % 512, change.data.size() - at);
          if (torn == nullptr || coin.next_u64() % 4 != 0)
            must(file.write(change.offset + at, Bytes(change.data).subspan(at, step)));
          at += step;
        }
    }
  }
};

class PowerCutFile final : public File {
 public:
  PowerCutFile(std::unique_ptr<File> file, ChangeHistory& history)
      : file_(std::move(file)), history_(history) {}

  const std::string& name() const override { return file_->name(); }
  Result<void> read(uint64_t offset, MutableBytes into) override { return file_->read(offset, into); }
  Result<void> write(uint64_t offset, Bytes from) override {
    history_.changes.push_back(
        {ChangeHistory::Kind::write, offset, from.size(), std::vector<std::byte>(from.begin(), from.end())});
    return file_->write(offset, from);
  }
  Result<void> flush() override {
    history_.changes.push_back({ChangeHistory::Kind::flush, 0, 0, {}});
    auto flushed = file_->flush();
    if (const auto others = std::exchange(history_.after_flush, nullptr)) others();
    return flushed;
  }
  Result<uint64_t> size_bytes() override { return file_->size_bytes(); }
  Result<void> resize(uint64_t size_bytes) override {
    history_.changes.push_back({ChangeHistory::Kind::resize, size_bytes, 0, {}});
    return file_->resize(size_bytes);
  }
  Result<void> punch_hole(ByteRange range) override {
    history_.changes.push_back({ChangeHistory::Kind::punch, range.offset, range.length, {}});
    return file_->punch_hole(range);
  }
  Result<std::optional<ByteRange>> next_data(uint64_t offset) override { return file_->next_data(offset); }
  Result<uint64_t> allocated_bytes() override { return file_->allocated_bytes(); }

 private:
  std::unique_ptr<File> file_;
  ChangeHistory& history_;
};

}  // namespace vhdlab::tests
