// A file system that breaks at a chosen moment: the n-th change (write, resize, hole, flush, removal, folder
// sync) fails, and where asked everything after it. Reads always work.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/file_system.h"

namespace vhdlab::tests {

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(FileSystem& files) : files_(files) {}

  // Change number `n`, counted from 0 from now on, fails; with `for_good` so does every later one.
  void fail_at(uint64_t n, bool for_good) {
    changes_ = 0;
    failing_ = n;
    for_good_ = for_good;
  }
  void never_fail() { fail_at(~uint64_t{0}, false); }
  [[nodiscard]] uint64_t changes() const { return changes_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, CacheMode cache) override {
    auto file = files_.open(path, mode, cache);
    if (!file) return file;
    return std::make_unique<FaultyFile>(*std::move(file), *this);
  }
  Result<std::unique_ptr<File>> create(const std::string& path, CacheMode cache) override {
    TRY(count(path));
    return std::make_unique<FaultyFile>(TRY(files_.create(path, cache)), *this);
  }
  Result<bool> is_being_written(const std::string& path) override { return files_.is_being_written(path); }
  bool exists(const std::string& path) override { return files_.exists(path); }
  Result<FileIdentity> identity(const std::string& path) override { return files_.identity(path); }
  Result<EntryStatus> status(const std::string& path) override { return files_.status(path); }
  Result<void> remove(const std::string& path) override {
    TRY(count(path));
    return files_.remove(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    TRY(count(from));
    return files_.rename(from, to);
  }
  Result<void> sync_folder(const std::string& folder) override {
    TRY(count(folder));
    return files_.sync_folder(folder);
  }
  Result<std::vector<std::string>> list(const std::string& folder) override { return files_.list(folder); }

 private:
  class FaultyFile final : public File {
   public:
    FaultyFile(std::unique_ptr<File> file, FaultyFileSystem& world) : file_(std::move(file)), world_(world) {}
    const std::string& name() const override { return file_->name(); }
    Result<void> read(uint64_t offset, MutableBytes into) override { return file_->read(offset, into); }
    Result<void> write(uint64_t offset, Bytes from) override {
      TRY(world_.count(name()));
      return file_->write(offset, from);
    }
    Result<void> flush() override {
      TRY(world_.count(name()));
      return file_->flush();
    }
    Result<uint64_t> size_bytes() override { return file_->size_bytes(); }
    Result<void> resize(uint64_t size_bytes) override {
      TRY(world_.count(name()));
      return file_->resize(size_bytes);
    }
    Result<void> punch_hole(ByteRange range) override {
      TRY(world_.count(name()));
      return file_->punch_hole(range);
    }
    Result<std::optional<ByteRange>> next_data(uint64_t offset) override { return file_->next_data(offset); }
    Result<uint64_t> allocated_bytes() override { return file_->allocated_bytes(); }

   private:
    std::unique_ptr<File> file_;
    FaultyFileSystem& world_;
  };

  Result<void> count(const std::string& name) {
    const uint64_t number = changes_++;
    if (number == failing_ || (for_good_ && number > failing_)) {
      return failure(ErrorKind::io_failed, "file-io", name + ": made to fail by the test");
    }
    return {};
  }

  FileSystem& files_;
  std::atomic<uint64_t> changes_ = 0;  // a merge writes from several threads
  uint64_t failing_ = ~uint64_t{0};
  bool for_good_ = false;
};

}  // namespace vhdlab::tests
