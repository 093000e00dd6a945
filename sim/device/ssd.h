// A solid-state drive: dies behind channels behind an interface, a write cache, and flash that can only be
// written where it was erased.
//
//   read   ─► controller ─► die ─► channel ─► interface ─► done
//   write  ─► controller ─► interface ─► cache ─► done        (waits while the cache is full)
//                                          └─► die: program, and collect once no erased flash is left
//
// Pages are striped over the dies by address, and programmed on the dies in turn. Collecting an erase block
// moves the pages in it that still count and erases it; how many still count follows from how full the drive
// is (Menon 1995: occupied = (valid - 1) / ln valid for evenly random writes).
#pragma once

#include <deque>
#include <vector>

#include "sim/device/profile.h"
#include "sim/time/server_pool.h"

namespace vhdlab::sim {

// The share of an erase block's pages that still count when it is collected, where `occupied` is the share of
// the flash that holds data. 0 for an empty drive, near 1 for a full one.
[[nodiscard]] double valid_share_at_collection(double occupied);

class Ssd final : public Device, private EventHandler {
 public:
  Ssd(const SsdProfile& profile, EventQueue& events);

  uint64_t capacity_bytes() const override { return profile_.capacity_bytes; }
  DeviceLimits limits() const override;
  void submit(const DeviceRequest& request, EventHandler& done, uint64_t token) override;
  void remember(const DeviceRequest& request) override;

  // Erased flash left before collection begins.
  [[nodiscard]] uint64_t erased_bytes() const { return erased_bytes_; }
  // Programmed by collection for each byte programmed for the host, plus one.
  [[nodiscard]] double write_amplification() const;

 private:
  enum class Stage : uint8_t { issue, page_read, on_channel, arrived, programmed };
  struct Command {
    DeviceRequest request;
    EventHandler* done = nullptr;
    uint64_t token = 0;
    uint64_t pages_left = 0;
  };
  struct PendingFlush {
    uint64_t accepted_bytes;
    EventHandler* done;
    uint64_t token;
  };

  void on_event(VirtualTime now, uint64_t token) override;
  void schedule(VirtualTime when, Stage stage, uint32_t command, uint32_t page = 0);
  void start(uint32_t command);
  void finish(VirtualTime when, uint32_t command);
  void issue_read(uint32_t command);
  void accept_writes();
  void program_page(uint64_t bytes);
  void program_what_waits(bool partial_pages);
  void answer_flushes();
  void occupy(const DeviceRequest& request);
  [[nodiscard]] Nanoseconds collect_one_block();
  [[nodiscard]] uint32_t die_of(uint32_t command, uint32_t page) const;

  SsdProfile profile_;
  EventQueue& events_;
  std::vector<ServerPool> dies_;
  std::vector<ServerPool> channels_;
  ServerPool controller_;
  ServerPool interface_;

  std::vector<Command> commands_;
  std::vector<uint32_t> unused_commands_;
  std::deque<uint32_t> queued_;  // beyond the queue's depth
  std::deque<uint32_t> waiting_for_cache_;
  std::deque<PendingFlush> flushes_;
  uint32_t in_flight_ = 0;

  uint64_t cached_bytes_ = 0;        // accepted and not programmed yet
  uint64_t unprogrammed_bytes_ = 0;  // of these, not handed to a die
  uint64_t accepted_total_bytes_ = 0;
  uint64_t programmed_total_bytes_ = 0;
  uint64_t collected_total_bytes_ = 0;
  uint32_t next_die_ = 0;

  uint64_t erased_bytes_;
  std::vector<bool> occupied_units_;  // of occupied_unit_bytes: whether anything was ever written there
  uint64_t occupied_count_ = 0;
};

}  // namespace vhdlab::sim
