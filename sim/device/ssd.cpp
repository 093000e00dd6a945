// Commands, pages and collection; see ssd.h.
#include "sim/device/ssd.h"

#include <algorithm>

namespace vhdlab::sim {
namespace {

constexpr uint64_t occupied_unit_bytes = 1 * mib;

// The natural logarithm of 0 < x <= 1 from the four basic operations, which every machine rounds alike:
// ln x = 2 artanh((x - 1) / (x + 1)), halving the range until the series is short.
double portable_log(double x) {
  double halvings = 0;
  while (x < 0.5) {
    x *= 2;
    ++halvings;
  }
  const auto series = [](double value) {
    const double ratio = (value - 1) / (value + 1);
    double power = ratio;
    double sum = 0;
    for (int term = 1; term < 60; term += 2, power *= ratio * ratio)
      sum += power / term;
    return 2 * sum;
  };
  return series(x) + halvings * series(0.5);
}

}  // namespace

double valid_share_at_collection(double occupied) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 50; ++i) {
    const double middle = (low + high) / 2;
    ((middle - 1) / portable_log(middle) < occupied ? low : high) = middle;
  }
  return low;
}

Ssd::Ssd(const SsdProfile& profile, EventQueue& events)
    : profile_(profile),
      events_(events),
      dies_(size_t{profile.channels} * profile.dies_per_channel),
      channels_(profile.channels),
      erased_bytes_(profile.capacity_bytes + profile.over_provisioned_bytes),
      occupied_units_(divide_up(profile.capacity_bytes, occupied_unit_bytes)) {}

DeviceLimits Ssd::limits() const {
  const auto interface = static_cast<double>(profile_.interface_bytes_per_s);
  const auto dies = static_cast<double>(dies_.size());
  const auto page = static_cast<double>(profile_.page_bytes);
  const double channels = static_cast<double>(profile_.channel_bytes_per_s) * profile_.channels;
  return {.read_bytes_per_s = std::min({interface, channels, dies * page / seconds(profile_.read)}),
          .write_bytes_per_s = std::min({interface, channels, dies * page / seconds(profile_.program)}),
          .operations_per_s = 1 / seconds(profile_.command)};
}

double Ssd::write_amplification() const {
  if (programmed_total_bytes_ == 0) return 1;
  return 1 + static_cast<double>(collected_total_bytes_) / static_cast<double>(programmed_total_bytes_);
}

void Ssd::submit(const DeviceRequest& request, EventHandler& done, uint64_t token) {
  uint32_t command = 0;
  if (unused_commands_.empty()) {
    command = static_cast<uint32_t>(commands_.size());
    commands_.emplace_back();
  } else {
    command = unused_commands_.back();
    unused_commands_.pop_back();
  }
  commands_[command] = {request, &done, token};
  if (in_flight_ < profile_.queue_depth) {
    start(command);
  } else {
    queued_.push_back(command);
  }
}

void Ssd::remember(const DeviceRequest& request) {
  if (request.kind != RequestKind::write) return;
  occupy(request);
  erased_bytes_ -= std::min(erased_bytes_, request.length_bytes);
}

void Ssd::start(uint32_t command) {
  ++in_flight_;
  schedule(controller_.serve(events_.now(), profile_.command) + profile_.latency, Stage::issue, command);
}

void Ssd::finish(VirtualTime when, uint32_t command) {
  events_.schedule(when, *commands_[command].done, commands_[command].token);
  unused_commands_.push_back(command);
  --in_flight_;
  if (queued_.empty()) return;
  const uint32_t next = queued_.front();
  queued_.pop_front();
  start(next);
}

void Ssd::schedule(VirtualTime when, Stage stage, uint32_t command, uint32_t page) {
  events_.schedule(when, *this, uint64_t{page} << 36 | uint64_t{command} << 4 | static_cast<uint64_t>(stage));
}

void Ssd::on_event(VirtualTime now, uint64_t token) {
  const auto stage = static_cast<Stage>(token & 15);
  const auto command = static_cast<uint32_t>(token >> 4);
  const auto page = static_cast<uint32_t>(token >> 36);
  switch (stage) {
    case Stage::issue:
      if (commands_[command].request.kind == RequestKind::read) {
        issue_read(command);
      } else if (commands_[command].request.kind == RequestKind::write) {
        const uint64_t length = commands_[command].request.length_bytes;
        schedule(interface_.serve(now, time_for(length, profile_.interface_bytes_per_s)), Stage::arrived,
                 command);
      } else {
        program_what_waits(true);
        flushes_.push_back({profile_.cache_survives_power_loss ? 0 : accepted_total_bytes_,
                            commands_[command].done, commands_[command].token});
        unused_commands_.push_back(command);
        --in_flight_;
        answer_flushes();
      }
      return;
    case Stage::page_read: {
      const uint32_t channel = die_of(command, page) % profile_.channels;
      const uint64_t bytes = std::min(profile_.page_bytes, commands_[command].request.length_bytes);
      schedule(channels_[channel].serve(now, time_for(bytes, profile_.channel_bytes_per_s)),
               Stage::on_channel, command, page);
      return;
    }
    case Stage::on_channel: {
      const uint64_t bytes = std::min(profile_.page_bytes, commands_[command].request.length_bytes);
      const VirtualTime end = interface_.serve(now, time_for(bytes, profile_.interface_bytes_per_s));
      if (--commands_[command].pages_left == 0) finish(end, command);
      return;
    }
    case Stage::arrived:
      waiting_for_cache_.push_back(command);
      accept_writes();
      return;
    case Stage::programmed: {
      const uint64_t bytes = token >> 4;
      cached_bytes_ -= bytes;
      programmed_total_bytes_ += bytes;
      accept_writes();
      answer_flushes();
      return;
    }
  }
}

uint32_t Ssd::die_of(uint32_t command, uint32_t page) const {
  const uint64_t first = commands_[command].request.offset_bytes / profile_.page_bytes;
  return static_cast<uint32_t>((first + page) % dies_.size());
}

void Ssd::issue_read(uint32_t command) {
  const DeviceRequest& request = commands_[command].request;
  const uint64_t first = request.offset_bytes / profile_.page_bytes;
  const uint64_t pages = (request.end_bytes() - 1) / profile_.page_bytes - first + 1;
  commands_[command].pages_left = pages;
  for (uint32_t page = 0; page < pages; ++page) {
    schedule(dies_[die_of(command, page)].serve(events_.now(), profile_.read), Stage::page_read, command,
             page);
  }
}

// Writes enter the cache in the order they came. One that is larger than the cache enters when it is empty.
void Ssd::accept_writes() {
  while (!waiting_for_cache_.empty()) {
    const uint32_t command = waiting_for_cache_.front();
    const DeviceRequest request = commands_[command].request;
    const bool has_room =
        cached_bytes_ == 0 || cached_bytes_ + request.length_bytes <= profile_.write_cache_bytes;
    if (!has_room) {
      program_what_waits(true);
      return;
    }
    waiting_for_cache_.pop_front();
    cached_bytes_ += request.length_bytes;
    unprogrammed_bytes_ += request.length_bytes;
    accepted_total_bytes_ += request.length_bytes;
    occupy(request);
    finish(events_.now(), command);
    program_what_waits(false);
  }
}

void Ssd::program_what_waits(bool partial_pages) {
  while (unprogrammed_bytes_ >= profile_.page_bytes)
    program_page(profile_.page_bytes);
  if (partial_pages && unprogrammed_bytes_ > 0) program_page(unprogrammed_bytes_);
}

void Ssd::program_page(uint64_t bytes) {
  unprogrammed_bytes_ -= bytes;
  Nanoseconds work = time_for(profile_.page_bytes, profile_.channel_bytes_per_s) + profile_.program;
  while (erased_bytes_ < profile_.page_bytes)
    work += collect_one_block();
  erased_bytes_ -= profile_.page_bytes;
  const VirtualTime end = dies_[next_die_].serve(events_.now(), work);
  next_die_ = static_cast<uint32_t>((next_die_ + 1) % dies_.size());
  events_.schedule(end, *this, bytes << 4 | static_cast<uint64_t>(Stage::programmed));
}

// Moves what still counts out of one erase block and erases it; the flash this gains is at least a page.
Nanoseconds Ssd::collect_one_block() {
  const auto flash = static_cast<double>(profile_.capacity_bytes + profile_.over_provisioned_bytes);
  const double occupied = static_cast<double>(occupied_count_ * occupied_unit_bytes) / flash;
  const auto pages = static_cast<double>(profile_.pages_per_block);
  const auto still_valid =
      std::min<uint64_t>(static_cast<uint64_t>(valid_share_at_collection(std::min(occupied, 0.999)) * pages),
                         profile_.pages_per_block - 1);
  erased_bytes_ += (profile_.pages_per_block - still_valid) * profile_.page_bytes;
  collected_total_bytes_ += still_valid * profile_.page_bytes;
  return static_cast<int64_t>(still_valid) * (profile_.read + profile_.program) + profile_.erase;
}

void Ssd::answer_flushes() {
  while (!flushes_.empty() && programmed_total_bytes_ >= flushes_.front().accepted_bytes) {
    events_.schedule(events_.now(), *flushes_.front().done, flushes_.front().token);
    flushes_.pop_front();
  }
}

void Ssd::occupy(const DeviceRequest& request) {
  for (uint64_t unit = request.offset_bytes / occupied_unit_bytes;
       unit <= (request.end_bytes() - 1) / occupied_unit_bytes; ++unit) {
    if (occupied_units_[unit]) continue;
    occupied_units_[unit] = true;
    ++occupied_count_;
  }
}

}  // namespace vhdlab::sim
