// Loads for device tests: as many requests in flight as asked for (closed), or requests at random times
// whatever the device does (open). Both count what they see with arithmetic of their own.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "sim/device/device.h"
#include "sim/time/random_stream.h"

namespace vhdlab::tests {

struct LoadOutcome {
  uint64_t completed = 0;
  uint64_t bytes = 0;
  sim::VirtualTime end{};
  double latency_ns_sum = 0;
  double in_system_ns = 0;               // the number of requests in the device, integrated over time
  std::vector<uint64_t> completions_of;  // by request
  std::vector<int64_t> completion_times_ns;
  bool time_ran_backwards = false;

  [[nodiscard]] double latency_ns_mean() const { return latency_ns_sum / static_cast<double>(completed); }
  [[nodiscard]] double operations_per_s() const {
    return static_cast<double>(completed) / sim::seconds(end.time_since_epoch());
  }
  [[nodiscard]] double bytes_per_s() const {
    return static_cast<double>(bytes) / sim::seconds(end.time_since_epoch());
  }
  // The rate of the second half, when what was saved up or cached is used up.
  [[nodiscard]] double sustained_operations_per_s() const {
    const size_t half = completion_times_ns.size() / 2;
    const int64_t time_ns = completion_times_ns.back() - completion_times_ns[half];
    return static_cast<double>(completion_times_ns.size() - 1 - half) * 1e9 / static_cast<double>(time_ns);
  }
};

class Load final : public sim::EventHandler {
 public:
  using NextRequest = std::function<sim::DeviceRequest(uint64_t index)>;

  Load(sim::EventQueue& events, sim::Device& device, uint64_t operations, NextRequest next)
      : events_(events), device_(device), operations_(operations), next_(std::move(next)) {
    outcome_.completions_of.resize(operations);
  }

  // Keeps `depth` requests in flight until all are done.
  LoadOutcome closed(uint32_t depth) {
    is_closed_ = true;
    for (uint32_t i = 0; i < depth && issued_ < operations_; ++i)
      issue();
    events_.run();
    return outcome_;
  }

  // Issues requests at exponential intervals of this mean.
  LoadOutcome open(Nanoseconds interval, uint64_t seed) {
    arrivals_.emplace(seed, "arrivals");
    interval_ = interval;
    events_.schedule(sim::VirtualTime{} + arrivals_->exponential(interval_), *this, arrival_token);
    events_.run();
    return outcome_;
  }

  void on_event(sim::VirtualTime now, uint64_t token) override {
    if (token == arrival_token) {
      issue();
      if (issued_ < operations_)
        events_.schedule(now + arrivals_->exponential(interval_), *this, arrival_token);
      return;
    }
    advance();
    --in_system_;
    outcome_.time_ran_backwards = outcome_.time_ran_backwards || now < outcome_.end;
    outcome_.end = now;
    ++outcome_.completed;
    ++outcome_.completions_of[token];
    outcome_.bytes += requests_[token].length_bytes;
    outcome_.latency_ns_sum += static_cast<double>((now - issued_at_[token]).count());
    outcome_.completion_times_ns.push_back(now.time_since_epoch().count());
    if (is_closed_ && issued_ < operations_) issue();
  }

 private:
  static constexpr uint64_t arrival_token = UINT64_MAX;

  void advance() {
    outcome_.in_system_ns +=
        static_cast<double>((events_.now() - last_change_).count()) * static_cast<double>(in_system_);
    last_change_ = events_.now();
  }

  void issue() {
    advance();
    ++in_system_;
    requests_.push_back(next_(issued_));
    issued_at_.push_back(events_.now());
    device_.submit(requests_.back(), *this, issued_++);
  }

  sim::EventQueue& events_;
  sim::Device& device_;
  uint64_t operations_;
  NextRequest next_;
  bool is_closed_ = false;
  std::optional<sim::RandomStream> arrivals_;  // of an open load
  Nanoseconds interval_{0};
  uint64_t issued_ = 0;
  uint64_t in_system_ = 0;
  sim::VirtualTime last_change_{};
  std::vector<sim::DeviceRequest> requests_;
  std::vector<sim::VirtualTime> issued_at_;
  LoadOutcome outcome_;
};

// Requests of one kind and length at random places of the device, aligned to their length.
inline Load::NextRequest at_random(const sim::Device& device, sim::RequestKind kind, uint64_t length_bytes,
                                   uint64_t seed = 1) {
  return [&device, kind, length_bytes, random = sim::RandomStream(seed, "load")](uint64_t) mutable {
    return sim::DeviceRequest{kind, random.below(device.capacity_bytes() / length_bytes) * length_bytes,
                              length_bytes};
  };
}

inline Load::NextRequest in_sequence(sim::RequestKind kind, uint64_t length_bytes) {
  return [=](uint64_t index) { return sim::DeviceRequest{kind, index * length_bytes, length_bytes}; };
}

}  // namespace vhdlab::tests
