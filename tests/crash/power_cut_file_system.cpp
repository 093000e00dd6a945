// Contents hold a file twice, live and durable, in shared pages that are copied when one side changes; so a
// flush and a state after a cut cost little more than a list of pages.
#include "tests/crash/power_cut_file_system.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "engine/io/file_faults.h"
#include "engine/io/system_failure.h"
#include "tests/support/same_bytes.h"

namespace vhdlab::tests {
namespace {

constexpr uint64_t page_bytes = 4 * kib;

using Sector = std::array<std::byte, device_sector_bytes>;
using Page = std::array<std::byte, page_bytes>;

std::string resolve(const std::string& path) {
  return (std::filesystem::path("/") / path).lexically_normal().generic_string();
}

// Bytes by page; what no page holds is zeros. Copies share their pages until one of them changes.
class SparseBytes {
 public:
  void read(uint64_t offset, MutableBytes into) const {
    for (uint64_t at = 0; at < into.size();) {
      const uint64_t within = (offset + at) % page_bytes;
      const uint64_t length = std::min(page_bytes - within, into.size() - at);
      const auto found = pages_.find((offset + at) / page_bytes);
      if (found == pages_.end()) {
        std::memset(into.data() + at, 0, length);
      } else {
        std::memcpy(into.data() + at, found->second->data() + within, length);
      }
      at += length;
    }
  }

  [[nodiscard]] Sector sector(uint64_t index) const {
    Sector sector;
    read(index * device_sector_bytes, sector);
    return sector;
  }

  void put_sector(uint64_t index, const Sector& sector) {
    const uint64_t offset = index * device_sector_bytes;
    std::shared_ptr<Page>& page = pages_[offset / page_bytes];
    if (page == nullptr) {
      page = std::make_shared<Page>();
    } else if (page.use_count() > 1) {
      page = std::make_shared<Page>(*page);
    }
    std::ranges::copy(sector, page->begin() + static_cast<ptrdiff_t>(offset % page_bytes));
  }

  // Zeroes everything from `end` on.
  void truncate(uint64_t end) {
    pages_.erase(pages_.lower_bound(divide_up(end, page_bytes)), pages_.end());
    if (end % page_bytes == 0) return;
    const auto last = pages_.find(end / page_bytes);
    if (last == pages_.end()) return;
    auto page = std::make_shared<Page>(*last->second);
    std::fill(page->begin() + static_cast<ptrdiff_t>(end % page_bytes), page->end(), std::byte{0});
    last->second = std::move(page);
  }

  [[nodiscard]] uint64_t stored_bytes() const { return pages_.size() * page_bytes; }

  // The first run of pages that hold something at or after `offset`.
  [[nodiscard]] std::optional<ByteRange> next_stored(uint64_t offset) const {
    auto page = pages_.lower_bound(offset / page_bytes);
    if (page == pages_.end()) return std::nullopt;
    const uint64_t begin = std::max(offset, page->first * page_bytes);
    uint64_t end_page = page->first;
    for (; page != pages_.end() && page->first == end_page; ++page)
      ++end_page;
    return ByteRange{begin, end_page * page_bytes - begin};
  }

  // The sectors with a page behind them in [begin, end), by index.
  template <typename Visit>
  void for_each_stored_sector(uint64_t begin, uint64_t end, Visit visit) const {
    constexpr uint64_t sectors_per_page = page_bytes / device_sector_bytes;
    std::vector<uint64_t> pages;
    for (auto page = pages_.lower_bound(begin / sectors_per_page);
         page != pages_.end() && page->first * sectors_per_page < end; ++page) {
      pages.push_back(page->first);
    }
    for (uint64_t page : pages) {
      const uint64_t last = std::min(end, (page + 1) * sectors_per_page);
      for (uint64_t sector = std::max(begin, page * sectors_per_page); sector < last; ++sector)
        visit(sector);
    }
  }

 private:
  std::map<uint64_t, std::shared_ptr<Page>> pages_;
};

struct NameChange {
  enum class Kind { create, remove, rename } kind;
  std::string path;
  std::string to;      // of a rename
  uint64_t inode = 0;  // of a creation
};

using Names = std::map<std::string, uint64_t>;

void carry_over(const NameChange& change, Names& names) {
  switch (change.kind) {
    case NameChange::Kind::create:
      names[change.path] = change.inode;
      return;
    case NameChange::Kind::remove:
      names.erase(change.path);
      return;
    case NameChange::Kind::rename:
      names[change.to] = names.at(change.path);
      names.erase(change.path);
  }
}

}  // namespace

class PowerCutFileSystem::Contents {
 public:
  explicit Contents(uint64_t number) : inode(number) {}

  // Everything on it is durable.
  Contents(uint64_t number, SparseBytes bytes, uint64_t size_bytes)
      : inode(number),
        live_(bytes),
        durable_(std::move(bytes)),
        live_size_(size_bytes),
        durable_size_(size_bytes) {}

  const uint64_t inode;
  bool has_writer = false;

  [[nodiscard]] uint64_t size_bytes() const { return live_size_; }
  [[nodiscard]] const SparseBytes& bytes() const { return live_; }
  [[nodiscard]] bool is_durable() const { return waiting_.empty() && waiting_sizes_.empty(); }

  void write(uint64_t offset, Bytes from) {
    for (uint64_t at = 0; at < from.size();) {
      const uint64_t within = (offset + at) % device_sector_bytes;
      const uint64_t length = std::min(device_sector_bytes - within, from.size() - at);
      const uint64_t index = (offset + at) / device_sector_bytes;
      Sector sector = live_.sector(index);
      std::memcpy(sector.data() + within, from.data() + at, length);
      change(index, sector);
      at += length;
    }
    if (!from.empty() && offset + from.size() > live_size_) set_size(offset + from.size());
  }

  void punch_hole(ByteRange range) {
    const uint64_t end = std::min(range.end(), live_size_);
    if (range.offset >= end) return;
    live_.for_each_stored_sector(range.offset / device_sector_bytes, divide_up(end, device_sector_bytes),
                                 [&](uint64_t index) {
                                   const uint64_t begin = index * device_sector_bytes;
                                   Sector sector = live_.sector(index);
                                   const uint64_t first = std::max(begin, range.offset) - begin;
                                   const uint64_t last = std::min(begin + device_sector_bytes, end) - begin;
                                   std::fill(sector.begin() + static_cast<ptrdiff_t>(first),
                                             sector.begin() + static_cast<ptrdiff_t>(last), std::byte{0});
                                   change(index, sector);
                                 });
  }

  void resize(uint64_t size_bytes) {
    if (size_bytes == live_size_) return;
    if (size_bytes < live_size_) punch_hole({size_bytes, live_size_ - size_bytes});
    set_size(size_bytes);
  }

  void flush() {
    durable_ = live_;
    durable_size_ = live_size_;
    waiting_.clear();
    waiting_sizes_.clear();
  }

  void add_questions(std::vector<uint32_t>& questions) const {
    if (!waiting_sizes_.empty()) questions.push_back(static_cast<uint32_t>(waiting_sizes_.size() + 1));
    for (const auto& [index, versions] : waiting_)
      questions.push_back(static_cast<uint32_t>(versions.size() + 1));
  }

  // Takes this file's answers from the front of `answers`.
  [[nodiscard]] std::shared_ptr<Contents> after_cut(std::span<const uint32_t>& answers) const {
    auto next = [&] {
      const uint32_t answer = answers.front();
      answers = answers.subspan(1);
      return answer;
    };
    uint64_t size = durable_size_;
    if (!waiting_sizes_.empty()) {
      const uint32_t answer = next();
      if (answer > 0) size = waiting_sizes_[answer - 1];
    }
    SparseBytes bytes = durable_;
    for (const auto& [index, versions] : waiting_) {
      const uint32_t answer = next();
      if (answer > 0) bytes.put_sector(index, versions[answer - 1]);
    }
    bytes.truncate(size);
    return std::make_shared<Contents>(inode, std::move(bytes), size);
  }

 private:
  void change(uint64_t index, const Sector& sector) {
    if (same_bytes(live_.sector(index), sector)) return;
    live_.put_sector(index, sector);
    waiting_[index].push_back(sector);
  }

  void set_size(uint64_t size_bytes) {
    live_size_ = size_bytes;
    waiting_sizes_.push_back(size_bytes);
  }

  SparseBytes live_;
  SparseBytes durable_;
  uint64_t live_size_ = 0;
  uint64_t durable_size_ = 0;
  std::map<uint64_t, std::vector<Sector>> waiting_;  // versions since the last flush, oldest first
  std::vector<uint64_t> waiting_sizes_;              // likewise
};

struct PowerCutFileSystem::State {
  std::mutex mutex;  // held by every operation on an open file; never while before_barrier runs
  Names names;
  Names durable_names;
  std::vector<NameChange> waiting_names;
  std::map<uint64_t, std::shared_ptr<Contents>> files;  // by inode, also those that have no name any more
  uint64_t next_inode = 1;
  std::function<void()> before_barrier;

  void change_names(NameChange change) {
    carry_over(change, names);
    waiting_names.push_back(std::move(change));
  }

  void reach_barrier(bool makes_a_difference) const {
    if (makes_a_difference && before_barrier) before_barrier();
  }
};

class PowerCutFileSystem::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<State> state, std::shared_ptr<Contents> contents, std::string name, OpenMode mode)
      : state_(std::move(state)), contents_(std::move(contents)), name_(std::move(name)), mode_(mode) {}
  ~OpenFile() override {
    if (is_writable()) contents_->has_writer = false;
  }

  const std::string& name() const override { return name_; }

  Result<void> read(uint64_t offset, MutableBytes into) override {
    if (into.empty()) return {};
    const std::lock_guard lock(state_->mutex);
    const uint64_t size = contents_->size_bytes();
    if (offset > size || into.size() > size - offset) return file_too_short(name_, offset, into.size(), size);
    contents_->bytes().read(offset, into);
    return {};
  }

  Result<void> write(uint64_t offset, Bytes from) override {
    if (!is_writable()) return file_read_only(name_, "write");
    if (!is_file_range(offset, from.size())) return file_too_large(name_, offset, from.size());
    const std::lock_guard lock(state_->mutex);
    contents_->write(offset, from);
    return {};
  }

  Result<void> flush() override {
    if (!is_writable()) return {};
    state_->reach_barrier(!contents_->is_durable());
    const std::lock_guard lock(state_->mutex);
    contents_->flush();
    return {};
  }

  Result<uint64_t> size_bytes() override {
    const std::lock_guard lock(state_->mutex);
    return contents_->size_bytes();
  }

  Result<void> resize(uint64_t size_bytes) override {
    if (!is_writable()) return file_read_only(name_, "resize");
    if (!is_file_range(size_bytes, 0)) return file_too_large(name_, size_bytes, 0);
    const std::lock_guard lock(state_->mutex);
    contents_->resize(size_bytes);
    return {};
  }

  Result<void> punch_hole(ByteRange range) override {
    if (!is_writable()) return file_read_only(name_, "punch a hole");
    const std::lock_guard lock(state_->mutex);
    contents_->punch_hole(range);
    return {};
  }

  Result<std::optional<ByteRange>> next_data(uint64_t offset) override {
    const std::lock_guard lock(state_->mutex);
    const uint64_t size = contents_->size_bytes();
    auto stored = contents_->bytes().next_stored(offset);
    if (!stored || stored->offset >= size) return std::nullopt;
    stored->length = std::min(stored->end(), size) - stored->offset;
    return stored;
  }

  Result<uint64_t> allocated_bytes() override {
    const std::lock_guard lock(state_->mutex);
    return contents_->bytes().stored_bytes();
  }

 private:
  [[nodiscard]] bool is_writable() const { return mode_ == OpenMode::read_write; }

  std::shared_ptr<State> state_;
  std::shared_ptr<Contents> contents_;
  std::string name_;
  OpenMode mode_;
};

PowerCutFileSystem::PowerCutFileSystem() : state_(std::make_shared<State>()) {}

PowerCutFileSystem::~PowerCutFileSystem() = default;

void PowerCutFileSystem::set_before_barrier(std::function<void()> before_barrier) {
  state_->before_barrier = std::move(before_barrier);
}

std::vector<uint32_t> PowerCutFileSystem::open_questions() const {
  std::vector<uint32_t> questions;
  if (!state_->waiting_names.empty())
    questions.push_back(static_cast<uint32_t>(state_->waiting_names.size() + 1));
  for (const auto& [inode, contents] : state_->files)
    contents->add_questions(questions);
  return questions;
}

std::unique_ptr<PowerCutFileSystem> PowerCutFileSystem::after_cut(const Cut& cut) const {
  std::span<const uint32_t> answers(cut);
  auto disk = std::make_unique<PowerCutFileSystem>();
  State& found = *disk->state_;
  found.names = state_->durable_names;
  if (!state_->waiting_names.empty()) {
    for (uint32_t i = 0; i < answers.front(); ++i)
      carry_over(state_->waiting_names[i], found.names);
    answers = answers.subspan(1);
  }
  found.durable_names = found.names;
  found.next_inode = state_->next_inode;
  std::set<uint64_t> named;
  for (const auto& [path, inode] : found.names)
    named.insert(inode);
  for (const auto& [inode, contents] : state_->files) {
    auto found_contents = contents->after_cut(answers);
    if (named.contains(inode)) found.files.emplace(inode, std::move(found_contents));
  }
  assert(answers.empty());
  return disk;
}

std::unique_ptr<PowerCutFileSystem> PowerCutFileSystem::copy() const {
  Cut everything = open_questions();
  for (uint32_t& answer : everything)
    --answer;
  return after_cut(everything);
}

Result<std::unique_ptr<File>> PowerCutFileSystem::open(const std::string& path, OpenMode mode, CacheMode) {
  const auto found = state_->names.find(resolve(path));
  if (found == state_->names.end()) return system_failure(path, "open", ENOENT);
  const auto& contents = state_->files.at(found->second);
  if (mode == OpenMode::read_write && std::exchange(contents->has_writer, true)) return file_in_use(path);
  return std::make_unique<OpenFile>(state_, contents, path, mode);
}

Result<std::unique_ptr<File>> PowerCutFileSystem::create(const std::string& path, CacheMode) {
  if (exists(path)) return system_failure(path, "create", EEXIST);
  auto contents = std::make_shared<Contents>(state_->next_inode++);
  contents->has_writer = true;
  state_->files.emplace(contents->inode, contents);
  state_->change_names({NameChange::Kind::create, resolve(path), {}, contents->inode});
  return std::make_unique<OpenFile>(state_, contents, path, OpenMode::read_write);
}

Result<bool> PowerCutFileSystem::is_being_written(const std::string& path) {
  const auto found = state_->names.find(resolve(path));
  if (found == state_->names.end()) return system_failure(path, "look at", ENOENT);
  return state_->files.at(found->second)->has_writer;
}

bool PowerCutFileSystem::exists(const std::string& path) {
  return state_->names.contains(resolve(path));
}

Result<FileIdentity> PowerCutFileSystem::identity(const std::string& path) {
  const auto found = state_->names.find(resolve(path));
  if (found == state_->names.end()) return system_failure(path, "identify", ENOENT);
  return FileIdentity{0, found->second};
}

Result<EntryStatus> PowerCutFileSystem::status(const std::string& path) {
  const std::string name = resolve(path);
  if (state_->names.contains(name)) return EntryStatus{.kind = EntryKind::file};
  if (!TRY(list(path)).empty()) return EntryStatus{.kind = EntryKind::folder};
  return system_failure(path, "look at", ENOENT);
}

Result<void> PowerCutFileSystem::remove(const std::string& path) {
  if (!exists(path)) return system_failure(path, "remove", ENOENT);
  state_->change_names({NameChange::Kind::remove, resolve(path), {}, 0});
  return {};
}

Result<void> PowerCutFileSystem::rename(const std::string& from, const std::string& to) {
  if (!exists(from)) return system_failure(from, fmt::format("rename to {}", to), ENOENT);
  if (resolve(from) == resolve(to)) return {};
  state_->change_names({NameChange::Kind::rename, resolve(from), resolve(to), 0});
  return {};
}

Result<void> PowerCutFileSystem::sync_folder(const std::string&) {
  state_->reach_barrier(!state_->waiting_names.empty());
  state_->durable_names = state_->names;
  state_->waiting_names.clear();
  return {};
}

Result<std::vector<std::string>> PowerCutFileSystem::list(const std::string& folder) {
  std::string prefix = resolve(folder);
  if (!prefix.ends_with('/')) prefix.push_back('/');
  std::set<std::string> names;
  for (const auto& [path, inode] : state_->names) {
    if (!path.starts_with(prefix)) continue;
    const std::string rest = path.substr(prefix.size());
    names.insert(rest.substr(0, rest.find('/')));  // of a file further down, the folder
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace vhdlab::tests
