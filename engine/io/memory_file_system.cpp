// Three parts: Space (what the device has left), Contents (one file's pages, shared by all who have it open),
// OpenFile (one opening of it, with its mode and its share of the lock).
#include "engine/io/memory_file_system.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <set>
#include <shared_mutex>
#include <utility>

#include <fmt/format.h>

#include "engine/io/file_faults.h"
#include "engine/io/system_failure.h"

namespace vhdlab {
namespace {

constexpr uint64_t page_size = MemoryFileSystem::page_size_bytes;

std::string resolve(const std::string& path) {
  return (std::filesystem::path("/") / path).lexically_normal().generic_string();
}

}  // namespace

class MemoryFileSystem::Space {
 public:
  explicit Space(uint64_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

  [[nodiscard]] bool try_take(uint64_t pages) {
    std::lock_guard lock(mutex_);
    if (used_bytes_ > capacity_bytes_ || pages > (capacity_bytes_ - used_bytes_) / page_size) return false;
    used_bytes_ += pages * page_size;
    return true;
  }

  void give_back(uint64_t pages) {
    std::lock_guard lock(mutex_);
    used_bytes_ -= pages * page_size;
  }

  void limit_to(uint64_t capacity_bytes) {
    std::lock_guard lock(mutex_);
    capacity_bytes_ = capacity_bytes;
  }

  [[nodiscard]] uint64_t used_bytes() const {
    std::lock_guard lock(mutex_);
    return used_bytes_;
  }

 private:
  mutable std::mutex mutex_;
  uint64_t capacity_bytes_;
  uint64_t used_bytes_ = 0;
};

// Safe to use from several threads. Bytes of a page at or past the end of the file are always zero.
class MemoryFileSystem::Contents {
 public:
  Contents(std::shared_ptr<Space> space, uint64_t number) : inode(number), space_(std::move(space)) {}
  ~Contents() { space_->give_back(pages_.size()); }
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;

  const uint64_t inode;
  std::atomic<bool> has_writer{false};

  [[nodiscard]] uint64_t size_bytes() const {
    std::shared_lock lock(mutex_);
    return size_bytes_;
  }

  [[nodiscard]] uint64_t allocated_bytes() const {
    std::shared_lock lock(mutex_);
    return pages_.size() * page_size;
  }

  // False where the range passes the end.
  [[nodiscard]] bool try_read(uint64_t offset, MutableBytes into) const {
    std::shared_lock lock(mutex_);
    if (offset > size_bytes_ || into.size() > size_bytes_ - offset) return into.empty();
    for_each_page({offset, into.size()}, [&](uint64_t page, size_t first, size_t length, size_t at) {
      auto found = pages_.find(page);
      if (found == pages_.end()) {
        std::memset(into.data() + at, 0, length);
      } else {
        std::memcpy(into.data() + at, found->second.get() + first, length);
      }
    });
    return true;
  }

  // False where the device is full; then nothing has changed.
  [[nodiscard]] bool try_write(uint64_t offset, Bytes from) {
    if (from.empty()) return true;
    std::unique_lock lock(mutex_);
    uint64_t missing = 0;
    for_each_page({offset, from.size()},
                  [&](uint64_t page, size_t, size_t, size_t) { missing += pages_.contains(page) ? 0 : 1; });
    if (!space_->try_take(missing)) return false;
    for_each_page({offset, from.size()}, [&](uint64_t page, size_t first, size_t length, size_t at) {
      Page& target = pages_[page];
      if (!target) target = std::make_unique<std::byte[]>(page_size);
      std::memcpy(target.get() + first, from.data() + at, length);
    });
    size_bytes_ = std::max(size_bytes_, offset + from.size());
    return true;
  }

  void resize(uint64_t size_bytes) {
    std::unique_lock lock(mutex_);
    if (size_bytes < size_bytes_) clear({size_bytes, size_bytes_ - size_bytes});
    size_bytes_ = size_bytes;
  }

  void punch_hole(ByteRange range) {
    std::unique_lock lock(mutex_);
    if (range.offset < size_bytes_) clear({range.offset, std::min(range.length, size_bytes_ - range.offset)});
  }

  [[nodiscard]] std::optional<ByteRange> next_data(uint64_t offset) const {
    std::shared_lock lock(mutex_);
    auto page = pages_.lower_bound(offset / page_size);
    if (offset >= size_bytes_ || page == pages_.end()) return std::nullopt;
    uint64_t begin = std::max(offset, page->first * page_size);
    uint64_t end_page = page->first;
    for (; page != pages_.end() && page->first == end_page; ++page)
      ++end_page;
    return ByteRange{begin, std::min(end_page * page_size, size_bytes_) - begin};
  }

 private:
  using Page = std::unique_ptr<std::byte[]>;

  // Calls visit(page number, first byte in the page, length, position in the range) for each piece of the
  // range.
  template <typename Visit>
  static void for_each_page(ByteRange range, Visit visit) {
    for (uint64_t at = 0; at < range.length;) {
      uint64_t first = (range.offset + at) % page_size;
      uint64_t length = std::min(page_size - first, range.length - at);
      visit((range.offset + at) / page_size, first, length, at);
      at += length;
    }
  }

  // Zeros a range inside the file and drops the pages that hold nothing else. Walks the pages there are, not
  // the range: a hole of terabytes costs nothing.
  void clear(ByteRange range) {
    uint64_t dropped = 0;
    for (auto page = pages_.lower_bound(range.offset / page_size);
         page != pages_.end() && page->first * page_size < range.end();) {
      uint64_t page_begin = page->first * page_size;
      uint64_t begin = std::max(range.offset, page_begin);
      uint64_t end = std::min(range.end(), page_begin + page_size);
      bool covers_all_data = begin == page_begin && end >= std::min(page_begin + page_size, size_bytes_);
      if (covers_all_data) {
        page = pages_.erase(page);
        ++dropped;
      } else {
        std::memset(page->second.get() + (begin - page_begin), 0, end - begin);
        ++page;
      }
    }
    space_->give_back(dropped);
  }

  std::shared_ptr<Space> space_;
  mutable std::shared_mutex mutex_;  // guards what follows
  std::map<uint64_t, Page> pages_;   // by page number; an absent page is zeros
  uint64_t size_bytes_ = 0;
};

class MemoryFileSystem::OpenFile final : public File {
 public:
  // For read_write the caller has claimed contents->has_writer; this object gives it back.
  OpenFile(std::shared_ptr<Contents> contents, std::string name, OpenMode mode)
      : contents_(std::move(contents)), name_(std::move(name)), mode_(mode) {}
  ~OpenFile() override {
    if (is_writable()) contents_->has_writer = false;
  }

  [[nodiscard]] const std::string& name() const override { return name_; }

  [[nodiscard]] Result<void> read(uint64_t offset, MutableBytes into) override {
    if (contents_->try_read(offset, into)) return {};
    return file_too_short(name_, offset, into.size(), contents_->size_bytes());
  }

  [[nodiscard]] Result<void> write(uint64_t offset, Bytes from) override {
    if (!is_writable()) return file_read_only(name_, "write");
    if (!is_file_range(offset, from.size())) return file_too_large(name_, offset, from.size());
    if (!contents_->try_write(offset, from)) return system_failure(name_, "write", ENOSPC);
    return {};
  }

  [[nodiscard]] Result<void> flush() override { return {}; }

  [[nodiscard]] Result<uint64_t> size_bytes() override { return contents_->size_bytes(); }

  [[nodiscard]] Result<void> resize(uint64_t size_bytes) override {
    if (!is_writable()) return file_read_only(name_, "resize");
    if (!is_file_range(size_bytes, 0)) return file_too_large(name_, size_bytes, 0);
    contents_->resize(size_bytes);
    return {};
  }

  [[nodiscard]] Result<void> punch_hole(ByteRange range) override {
    if (!is_writable()) return file_read_only(name_, "punch a hole");
    contents_->punch_hole(range);
    return {};
  }

  [[nodiscard]] Result<std::optional<ByteRange>> next_data(uint64_t offset) override {
    return contents_->next_data(offset);
  }

  [[nodiscard]] Result<uint64_t> allocated_bytes() override { return contents_->allocated_bytes(); }

 private:
  [[nodiscard]] bool is_writable() const { return mode_ == OpenMode::read_write; }

  std::shared_ptr<Contents> contents_;
  std::string name_;
  OpenMode mode_;
};

MemoryFileSystem::MemoryFileSystem(std::optional<uint64_t> capacity_bytes)
    : space_(std::make_shared<Space>(capacity_bytes.value_or(std::numeric_limits<uint64_t>::max()))) {}

void MemoryFileSystem::limit_to(std::optional<uint64_t> capacity_bytes) {
  space_->limit_to(capacity_bytes.value_or(std::numeric_limits<uint64_t>::max()));
}

MemoryFileSystem::~MemoryFileSystem() = default;

Result<std::unique_ptr<File>> MemoryFileSystem::open(const std::string& path, OpenMode mode,
                                                     CacheMode /*cache*/) {
  std::lock_guard lock(names_mutex_);
  auto found = files_.find(resolve(path));
  if (found == files_.end()) return system_failure(path, "open", ENOENT);
  if (mode == OpenMode::read_write && found->second->has_writer.exchange(true)) return file_in_use(path);
  return std::make_unique<OpenFile>(found->second, path, mode);
}

Result<std::unique_ptr<File>> MemoryFileSystem::create(const std::string& path, CacheMode /*cache*/) {
  std::lock_guard lock(names_mutex_);
  std::shared_ptr<Contents>& contents = files_[resolve(path)];
  if (contents) return system_failure(path, "create", EEXIST);
  contents = std::make_shared<Contents>(space_, next_inode_++);
  contents->has_writer = true;
  return std::make_unique<OpenFile>(contents, path, OpenMode::read_write);
}

Result<bool> MemoryFileSystem::is_being_written(const std::string& path) {
  std::lock_guard lock(names_mutex_);
  auto found = files_.find(resolve(path));
  if (found == files_.end()) return system_failure(path, "look at", ENOENT);
  return found->second->has_writer.load();
}

bool MemoryFileSystem::exists(const std::string& path) {
  std::lock_guard lock(names_mutex_);
  return files_.contains(resolve(path));
}

Result<FileIdentity> MemoryFileSystem::identity(const std::string& path) {
  std::lock_guard lock(names_mutex_);
  auto found = files_.find(resolve(path));
  if (found == files_.end()) return system_failure(path, "identify", ENOENT);
  return FileIdentity{0, found->second->inode};
}

Result<EntryStatus> MemoryFileSystem::status(const std::string& path) {
  std::lock_guard lock(names_mutex_);
  const std::string name = resolve(path);
  if (files_.contains(name)) return EntryStatus{.kind = EntryKind::file};
  const std::string prefix = name.ends_with('/') ? name : name + "/";
  const auto below = files_.lower_bound(prefix);
  if (below != files_.end() && below->first.starts_with(prefix))
    return EntryStatus{.kind = EntryKind::folder};
  return system_failure(path, "look at", ENOENT);
}

Result<void> MemoryFileSystem::remove(const std::string& path) {
  std::lock_guard lock(names_mutex_);
  if (files_.erase(resolve(path)) == 0) return system_failure(path, "remove", ENOENT);
  return {};
}

Result<void> MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(names_mutex_);
  auto found = files_.find(resolve(from));
  if (found == files_.end()) return system_failure(from, fmt::format("rename to {}", to), ENOENT);
  std::shared_ptr<Contents> contents = found->second;
  files_.erase(found);
  files_[resolve(to)] = std::move(contents);
  return {};
}

Result<void> MemoryFileSystem::sync_folder(const std::string& /*folder*/) {
  return {};
}

Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& folder) {
  std::lock_guard lock(names_mutex_);
  std::string prefix = resolve(folder);
  if (!prefix.ends_with('/')) prefix.push_back('/');
  std::set<std::string> names;
  for (const auto& [path, contents] : files_) {
    if (!path.starts_with(prefix)) continue;
    std::string rest = path.substr(prefix.size());
    names.insert(rest.substr(0, rest.find('/')));  // of a file further down, the folder
  }
  return std::vector<std::string>(names.begin(), names.end());
}

uint64_t MemoryFileSystem::used_bytes() const {
  return space_->used_bytes();
}

}  // namespace vhdlab
