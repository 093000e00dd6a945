// Two levels above the entries keep an untouched 64 TiB disk at half a megabyte:
//   directories (one pointer a GiB) ─► 1024 pages (one pointer a MiB) ─► 2048 entries (one a sector)
// Pages are published with a compare-and-swap; entries need no order among themselves, so they are relaxed.
#include "scenarios/workload/content_ledger.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "engine/base/random.h"

namespace vhdlab::scenarios {
namespace {

constexpr uint64_t page_span_bytes = mib;
constexpr uint64_t sectors_per_page = page_span_bytes / content_sector_bytes;
constexpr uint64_t pages_per_directory = 1024;
constexpr uint64_t directory_span_bytes = page_span_bytes * pages_per_directory;

// The object `slot` points to, made on first use; of several threads at once, one object stays.
template <typename T>
T& present_or_made(std::atomic<T*>& slot) {
  T* present = slot.load(std::memory_order_acquire);
  if (present != nullptr) return *present;
  auto made = std::make_unique<T>();
  if (slot.compare_exchange_strong(present, made.get(), std::memory_order_acq_rel, std::memory_order_acquire))
    return *made.release();
  return *present;
}

}  // namespace

struct ContentLedger::Page {
  std::array<std::atomic<uint16_t>, sectors_per_page> generations{};
};

struct ContentLedger::Directory {
  ~Directory() {
    for (std::atomic<Page*>& page : pages)
      delete page.load(std::memory_order_relaxed);
  }
  std::array<std::atomic<Page*>, pages_per_directory> pages{};
};

ContentLedger::ContentLedger(uint64_t disk_size_bytes)
    : disk_size_bytes_(disk_size_bytes),
      directory_count_(divide_up(disk_size_bytes, directory_span_bytes)),
      directories_(std::make_unique<std::atomic<Directory*>[]>(directory_count_)) {
  assert(disk_size_bytes % content_sector_bytes == 0 && disk_size_bytes <= 64 * tib);
}

ContentLedger::~ContentLedger() {
  for (size_t i = 0; i < directory_count_; ++i)
    delete directories_[i].load(std::memory_order_relaxed);
}

ContentLedger::Page* ContentLedger::find_page(uint64_t page_index) const {
  const Directory* directory = directories_[page_index / pages_per_directory].load(std::memory_order_acquire);
  if (directory == nullptr) return nullptr;
  return directory->pages[page_index % pages_per_directory].load(std::memory_order_acquire);
}

ContentLedger::Page& ContentLedger::page_for_writing(uint64_t page_index) {
  Directory& directory = present_or_made(directories_[page_index / pages_per_directory]);
  return present_or_made(directory.pages[page_index % pages_per_directory]);
}

void ContentLedger::record(ByteRange range, uint32_t generation) {
  assert(range.offset % content_sector_bytes == 0 && range.length % content_sector_bytes == 0);
  assert(range.offset <= disk_size_bytes_ && range.length <= disk_size_bytes_ - range.offset);
  assert(generation >= 1 && generation <= generation_max);

  const auto entry_value = static_cast<uint16_t>(generation);
  uint64_t sector = range.offset / content_sector_bytes;
  const uint64_t end = range.end() / content_sector_bytes;
  while (sector < end) {
    Page& page = page_for_writing(sector / sectors_per_page);
    const uint64_t page_end = std::min(end, round_down(sector, sectors_per_page) + sectors_per_page);
    for (; sector < page_end; ++sector) {
      std::atomic<uint16_t>& entry = page.generations[sector % sectors_per_page];
      uint16_t present = entry.load(std::memory_order_relaxed);
      while (present < entry_value &&
             !entry.compare_exchange_weak(present, entry_value, std::memory_order_relaxed)) {
      }
    }
  }
}

uint32_t ContentLedger::generation_at(uint64_t offset_bytes) const {
  assert(offset_bytes < disk_size_bytes_);
  const uint64_t sector = offset_bytes / content_sector_bytes;
  const Page* page = find_page(sector / sectors_per_page);
  return page == nullptr ? 0 : page->generations[sector % sectors_per_page].load(std::memory_order_relaxed);
}

void ContentLedger::expected_content(uint64_t seed, ByteRange range, MutableBytes into) const {
  assert(into.size() == range.length);
  for (uint64_t at = 0; at < range.length; at += content_sector_bytes)
    fill_content(seed, range.offset + at, generation_at(range.offset + at),
                 into.subspan(at, content_sector_bytes));
}

std::optional<ContentFault> ContentLedger::check(uint64_t seed, ByteRange range, Bytes found) const {
  assert(found.size() == range.length);
  for (uint64_t at = 0; at < range.length; at += content_sector_bytes) {
    const uint64_t offset = range.offset + at;
    if (auto fault =
            check_content(seed, offset, generation_at(offset), found.subspan(at, content_sector_bytes)))
      return fault;
  }
  return std::nullopt;
}

std::vector<ByteRange> ContentLedger::sample(uint64_t seed, size_t count, uint64_t length_bytes) const {
  std::vector<ByteRange> ranges;
  const uint64_t length = std::min(round_down(length_bytes, content_sector_bytes), disk_size_bytes_);
  if (length == 0) return ranges;

  std::vector<uint64_t> written_pages;
  for (uint64_t page = 0; page < divide_up(disk_size_bytes_, page_span_bytes); ++page) {
    if (directories_[page / pages_per_directory].load(std::memory_order_acquire) == nullptr) {
      page += pages_per_directory - 1 - page % pages_per_directory;
    } else if (find_page(page) != nullptr) {
      written_pages.push_back(page);
    }
  }

  // Near a random place of a written page, the next sector of it that was written, or the first one.
  const auto written_place = [&](uint64_t page_index, uint64_t random) {
    const Page& page = *find_page(page_index);
    const uint64_t start = random % sectors_per_page;
    for (uint64_t step = 0; step < sectors_per_page; ++step) {
      const uint64_t sector = (start + step) % sectors_per_page;
      if (page.generations[sector].load(std::memory_order_relaxed) != 0)
        return page_index * page_span_bytes + sector * content_sector_bytes;
    }
    return page_index * page_span_bytes;
  };

  const uint64_t sectors = disk_size_bytes_ / content_sector_bytes;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t first = mix64(seed ^ mix64(2 * i));
    const uint64_t second = mix64(seed ^ mix64(2 * i + 1));
    const bool where_written = !written_pages.empty() && i % 4 != 3;
    const uint64_t offset = where_written ? written_place(written_pages[first % written_pages.size()], second)
                                          : first % sectors * content_sector_bytes;
    ranges.push_back({offset, std::min(length, disk_size_bytes_ - offset)});
  }
  std::ranges::sort(ranges, {}, &ByteRange::offset);
  return ranges;
}

uint64_t ContentLedger::written_sectors() const {
  uint64_t written = 0;
  for_each_written_sector([&](uint64_t, uint32_t) { ++written; });
  return written;
}

void ContentLedger::for_each_written_sector(
    const std::function<void(uint64_t offset_bytes, uint32_t generation)>& visit) const {
  for (size_t i = 0; i < directory_count_; ++i) {
    const Directory* directory = directories_[i].load(std::memory_order_acquire);
    if (directory == nullptr) continue;
    for (size_t p = 0; p < pages_per_directory; ++p) {
      const Page* page = directory->pages[p].load(std::memory_order_acquire);
      if (page == nullptr) continue;
      const uint64_t first = (i * pages_per_directory + p) * page_span_bytes;
      for (size_t sector = 0; sector < sectors_per_page; ++sector) {
        const uint32_t generation = page->generations[sector].load(std::memory_order_relaxed);
        if (generation != 0) visit(first + sector * content_sector_bytes, generation);
      }
    }
  }
}

}  // namespace vhdlab::scenarios
