// Reserving addresses, mapping runs into them, and the copy out; see chain_window.h.
#include "engine/chain/chain_window.h"

#include <algorithm>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/io/counted_file.h"
#include "engine/io/guarded_copy.h"

namespace vhdlab {
namespace {

// Mapping a region costs some microseconds for each run: as much as this many reads of it.
constexpr uint8_t reads_after_change = 16;

}  // namespace

std::unique_ptr<ChainWindow> ChainWindow::make(std::span<const std::unique_ptr<Layer>> layers,
                                               size_t mappings_max) {
  const uint64_t disk_size_bytes = layers.back()->disk_size_bytes();
  void* const memory = ::mmap(nullptr, round_up(disk_size_bytes, region_bytes), PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  auto window = std::unique_ptr<ChainWindow>(
      new ChainWindow(static_cast<std::byte*>(memory), disk_size_bytes, page_bytes, mappings_max));
  for (const auto& layer : layers)
    window->add(*layer);
  return window;
}

ChainWindow::ChainWindow(std::byte* memory, uint64_t disk_size_bytes, uint64_t page_bytes,
                         size_t mappings_max)
    : memory_(memory),
      disk_size_bytes_(disk_size_bytes),
      page_bytes_(page_bytes),
      mappings_max_(mappings_max),
      regions_(divide_up(disk_size_bytes, region_bytes)) {}

ChainWindow::~ChainWindow() {
  ::munmap(memory_, regions_.size() * region_bytes);
}

void ChainWindow::add(Layer& leaf) {
  const auto door = leaf.file().queue_door();
  const bool is_cached = door && door->system->offset_alignment_bytes == 1;
  sources_.push_back(is_cached ? Source{door->system->descriptor, door->tally} : Source{});
  if (is_cached && door->tally != nullptr) counts_reads_ = true;
}

// ---- Reading ----

bool ChainWindow::read(uint64_t offset, MutableBytes into, std::span<const ReadSegment> segments) {
  const uint64_t end = offset + into.size();
  for (uint64_t number = offset / region_bytes; number < divide_up(end, region_bytes); ++number) {
    const Region* const region = regions_.find(number);
    if (region == nullptr || region->state.load(std::memory_order_acquire) != State::shown) return false;
  }
  if (!copy_from_mapping({memory_ + offset, into.size()}, into)) return false;
  if (!counts_reads_) return true;
  for (const ReadSegment& segment : segments) {
    FileTally* const tally = segment.is_zero ? nullptr : sources_[segment.layer].tally;
    if (tally != nullptr) tally->count_read(segment.length);
  }
  return true;
}

// ---- Showing ----

std::optional<ChainWindow::Version> ChainWindow::wants(uint64_t number) {
  Region& region = regions_.at(number);
  if (region.state.load(std::memory_order_relaxed) != State::hidden) return std::nullopt;
  const uint8_t reads_to_wait = region.reads_to_wait.load(std::memory_order_relaxed);
  if (reads_to_wait > 0) {  // readers that come together may count as one
    region.reads_to_wait.store(reads_to_wait - 1, std::memory_order_relaxed);
    return std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  return region.version;
}

void ChainWindow::show(uint64_t number, Version version, std::span<const ReadSegment> segments) {
  const std::lock_guard lock(mutex_);
  Region& region = regions_.at(number);
  if (region.version != version || region.state.load(std::memory_order_relaxed) != State::hidden) return;
  const size_t others = mappings_ - region.mappings;
  const bool fits = others + segments.size() <= mappings_max_;
  if (!fits || !std::ranges::all_of(segments, [&](const auto& segment) { return can_show(segment); })) {
    region.state.store(State::refused, std::memory_order_relaxed);
    return;
  }
  region.mappings = static_cast<uint32_t>(segments.size());
  mappings_ = others + region.mappings;
  const bool is_mapped = std::ranges::all_of(segments, [&](const auto& segment) { return map(segment); });
  // Reads jump about: what is around a missing page was not asked for. Advice only.
  if (is_mapped) (void)::madvise(memory_ + number * region_bytes, region_bytes, MADV_RANDOM);
  region.state.store(is_mapped ? State::shown : State::refused, std::memory_order_release);
}

bool ChainWindow::can_show(const ReadSegment& segment) const {
  const uint64_t end = segment.virtual_offset + segment.length;
  const bool is_whole_pages =
      segment.virtual_offset % page_bytes_ == 0 && (end % page_bytes_ == 0 || end == disk_size_bytes_);
  if (segment.is_zero || !is_whole_pages) return is_whole_pages;
  return segment.file_offset % page_bytes_ == 0 && sources_[segment.layer].descriptor >= 0;
}

bool ChainWindow::map(const ReadSegment& segment) {
  const uint64_t length = round_up(segment.length, page_bytes_);
  std::byte* const place = memory_ + segment.virtual_offset;
  void* const mapped =
      segment.is_zero
          ? ::mmap(place, length, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
          : ::mmap(place, length, PROT_READ, MAP_FIXED | MAP_SHARED, sources_[segment.layer].descriptor,
                   static_cast<off_t>(segment.file_offset));
  return mapped != MAP_FAILED;
}

void ChainWindow::forget(ByteRange range) {
  const std::lock_guard lock(mutex_);
  for (uint64_t number = range.offset / region_bytes; number < divide_up(range.end(), region_bytes);
       ++number) {
    Region* const region = regions_.find(number);
    if (region == nullptr) continue;  // nobody has asked for it, and so nobody is about to show it
    ++region->version;
    region->reads_to_wait.store(reads_after_change, std::memory_order_relaxed);
    region->state.store(State::hidden, std::memory_order_release);
  }
}

uint64_t ChainWindow::shown_bytes() const {
  uint64_t shown = 0;
  for (size_t number = 0; number < regions_.size(); ++number) {
    const Region* const region = regions_.find(number);
    if (region != nullptr && region->state == State::shown) shown += region_bytes;
  }
  return shown;
}

}  // namespace vhdlab
