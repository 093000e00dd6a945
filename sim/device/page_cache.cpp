// Keeping, missing and writing back pages; see page_cache.h.
#include "sim/device/page_cache.h"

#include <algorithm>

namespace vhdlab::sim {
namespace {

// Linux makes writers wait when a fifth of the memory is dirty (vm.dirty_ratio's default, 20).
constexpr uint64_t dirty_divisor = 5;

}  // namespace

PageCache::PageCache(uint64_t size_bytes, Device& device, EventQueue& events)
    : pages_max_(size_bytes / page_bytes), device_(device), events_(events) {}

// A cache answers from memory as fast as the host copies: it has no limit of its own.
DeviceLimits PageCache::limits() const {
  constexpr double unlimited = 1e18;
  return {.read_bytes_per_s = unlimited, .write_bytes_per_s = unlimited, .operations_per_s = unlimited};
}

void PageCache::submit(const DeviceRequest& request, EventHandler& done, uint64_t token) {
  const uint32_t operation = begin(done, token);
  evicting_ = operation;
  if (request.kind == RequestKind::flush) {
    operations_[operation].then_flush = true;
    write_back(operation, 0);
    finish_if_done(operation);
    return;
  }
  const uint64_t end = divide_up(request.end_bytes(), page_bytes);
  uint64_t run_begin = 0;
  uint64_t run_length = 0;
  const auto read_run = [&] {
    if (run_length > 0)
      submit_part(operation, {RequestKind::read, run_begin * page_bytes, run_length * page_bytes});
    run_length = 0;
  };
  for (uint64_t page = request.offset_bytes / page_bytes; page < end; ++page) {
    const bool was_there = touch(page);
    if (request.kind == RequestKind::write) {
      dirty_.insert(page);
      continue;
    }
    ++(was_there ? hits_ : misses_);
    if (was_there) {
      read_run();
      continue;
    }
    if (run_length == 0) run_begin = page;
    ++run_length;
  }
  read_run();
  if (dirty_.size() > std::max<uint64_t>(pages_max_ / dirty_divisor, 1))
    write_back(operation, pages_max_ / dirty_divisor / 2);
  finish_if_done(operation);
}

void PageCache::remember(const DeviceRequest& request) {
  evicting_ = none;
  for (uint64_t page = request.offset_bytes / page_bytes; page * page_bytes < request.end_bytes(); ++page)
    (void)touch(page);
}

void PageCache::on_event(VirtualTime now, uint64_t token) {
  const auto index = static_cast<uint32_t>(token);
  Operation& operation = operations_[index];
  if (--operation.parts_left > 0) return;
  if (std::exchange(operation.then_flush, false)) {
    operation.parts_left = 1;
    device_.submit({.kind = RequestKind::flush}, *this, index);
    return;
  }
  events_.schedule(now, *operation.done, operation.token);
  unused_operations_.push_back(index);
}

uint32_t PageCache::begin(EventHandler& done, uint64_t token) {
  if (unused_operations_.empty()) {
    unused_operations_.push_back(static_cast<uint32_t>(operations_.size()));
    operations_.emplace_back();
  }
  const uint32_t operation = unused_operations_.back();
  unused_operations_.pop_back();
  operations_[operation] = {&done, token, 1, false};  // one part is submitting itself
  return operation;
}

void PageCache::submit_part(uint32_t operation, const DeviceRequest& request) {
  ++operations_[operation].parts_left;
  const uint64_t length = std::min(request.length_bytes, device_.capacity_bytes() - request.offset_bytes);
  device_.submit({request.kind, request.offset_bytes, length}, *this, operation);
}

void PageCache::finish_if_done(uint32_t operation) {
  events_.schedule(events_.now(), *this, operation);
}

// Writes the lowest dirty pages in runs until `pages_kept` are left.
void PageCache::write_back(uint32_t operation, uint64_t pages_kept) {
  while (dirty_.size() > pages_kept) {
    const uint64_t first = *dirty_.begin();
    uint64_t end = first;
    while (dirty_.size() > pages_kept && !dirty_.empty() && *dirty_.begin() == end) {
      dirty_.erase(dirty_.begin());
      ++end;
    }
    submit_part(operation, {RequestKind::write, first * page_bytes, (end - first) * page_bytes});
  }
}

bool PageCache::touch(uint64_t page) {
  const auto [found, is_new] = slot_of_.try_emplace(page, none);
  if (!is_new) {
    unlink(found->second);
    link_as_newest(found->second);
    return true;
  }
  uint32_t slot = 0;
  if (slots_.size() < pages_max_) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = oldest_;
    const uint64_t leaving = slots_[slot].page;
    unlink(slot);
    slot_of_.erase(leaving);
    if (dirty_.erase(leaving) > 0 && evicting_ != none)
      submit_part(evicting_, {RequestKind::write, leaving * page_bytes, page_bytes});
  }
  slots_[slot].page = page;
  slot_of_[page] = slot;
  link_as_newest(slot);
  return false;
}

void PageCache::unlink(uint32_t slot) {
  const Slot& leaving = slots_[slot];
  (leaving.newer == none ? newest_ : slots_[leaving.newer].older) = leaving.older;
  (leaving.older == none ? oldest_ : slots_[leaving.older].newer) = leaving.newer;
}

void PageCache::link_as_newest(uint32_t slot) {
  slots_[slot].newer = none;
  slots_[slot].older = newest_;
  if (newest_ != none) slots_[newest_].newer = slot;
  newest_ = slot;
  if (oldest_ == none) oldest_ = slot;
}

}  // namespace vhdlab::sim
