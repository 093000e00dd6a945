// Workers whose time is virtual; see perform_virtual.h.
#include "scenarios/targets/perform_virtual.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "reports/statistics/histogram.h"
#include "scenarios/targets/overload.h"

namespace vhdlab::scenarios {
namespace {

using sim::VirtualTime;

constexpr uint64_t operations_between_questions = 256;
// Longer than any question about a disk, and far from where nanoseconds in 64 bits end (292 years).
constexpr Nanoseconds virtual_time_max = std::chrono::hours(24 * 365 * 10);
constexpr Nanoseconds late_after = std::chrono::milliseconds(1);

// The workers of one part of a step. A worker's number is the token of its events.
class Performance final : public sim::EventHandler, public VirtualLoad {
 public:
  Performance(const VirtualMachineRoom& room, OperationPricer& pricer, const OperationStream& stream,
              uint64_t first, uint64_t operations, const PerformSettings& settings,
              std::optional<Nanoseconds> duration, const StepProgress& progress, const StopRequested& stop)
      : room_(room),
        pricer_(pricer),
        stream_(stream),
        settings_(settings),
        progress_(progress),
        stop_(stop),
        cursor_(operations == endless ? endless : first + operations, first),
        first_(first),
        operations_(operations),
        times_from_(settings.arrivals_per_s && first > 0 ? stream.issued_at(first - 1) : Nanoseconds(0)),
        begin_(room.events.now()),
        end_(begin_),
        last_change_(begin_),
        last_due_(begin_),
        workers_(size_t{settings.queue_depth} * settings.jobs) {
    if (duration) deadline_ = begin_ + *duration;
  }

  Result<VirtualOutcome> run(uint64_t events_max, BesideLoad* beside) {
    if (beside != nullptr) beside->begin(*this);
    for (uint64_t worker = 0; worker < workers_.size(); ++worker)
      begin_operation(worker);
    const sim::RunEnd end = room_.events.run(
        {.events_max = room_.events.events_handled() + events_max, .time_max = begin_ + virtual_time_max});
    if (error_) {
      drain(beside);
      return std::unexpected(*std::move(error_));
    }
    const bool is_bounded = end == sim::RunEnd::events_exhausted || end == sim::RunEnd::time_exhausted;
    if (is_bounded) {  // what is in flight still ends, so that the next step meets a device at rest
      is_ending_ = true;
      room_.events.run();
    }
    VirtualOutcome result{.outcome = outcome(), .operations_begun = cursor_.position() - first_};
    if (is_bounded) result.ended_early = end;
    if (in_system_ns_ != latency_ns_sum_) {
      return failure(ErrorKind::wrong_data, "sim-little",
                     fmt::format("operations spent {} ns in the system by one count and {} ns by another",
                                 in_system_ns_, latency_ns_sum_),
                     "this is a fault of the simulator: report it");
    }
    return result;
  }

  void on_event(VirtualTime now, uint64_t token) override {
    if (error_) return;
    Worker& worker = workers_[token];
    if (worker.is_waiting_for_its_time) {
      worker.is_waiting_for_its_time = false;
      if (!is_ending_) start_operation(token);
      return;
    }
    if (worker.parts_left > 0 && --worker.parts_left > 0) return;
    if (worker.next_request < worker.cost.requests.size()) {
      send(token);
      return;
    }
    finish_operation(now, token);
  }

  void pause(sim::EventHandler& told, uint64_t token) override {
    is_paused_ = true;
    told_ = &told;
    told_token_ = token;
    tell_if_still();
  }

  void resume() override {
    is_paused_ = false;
    const std::vector<Held> held = std::exchange(held_, {});
    for (const Held& each : held) {
      if (is_ending_) return;
      catch_up(room_.events.now() - each.since);
      launch(each.worker);
    }
  }

  void end() override { is_ending_ = true; }

  void fail(Error error) override {
    if (!error_) error_ = std::move(error);
    is_ending_ = true;
    room_.events.stop();
  }

 private:
  struct Worker {
    OperationCost cost;
    Operation operation;
    VirtualTime started{};
    size_t next_request = 0;
    size_t parts_left = 0;
    bool is_waiting_for_its_time = false;
  };

  // A worker whose operation waits for the end of a pause.
  struct Held {
    uint64_t worker = 0;
    VirtualTime since;
  };

  // After a failure: what is in flight ends, so that no event is left for who is gone by then.
  void drain(BesideLoad* beside) {
    if (beside != nullptr) beside->abandon();
    while (room_.events.run() == sim::RunEnd::stopped) {
    }
  }

  void tell_if_still() {
    if (is_paused_ && in_system_ == 0 && told_ != nullptr)
      room_.events.schedule(room_.events.now(), *std::exchange(told_, nullptr), told_token_);
  }

  void begin_operation(uint64_t index) {
    if (is_ending_) return;
    if (deadline_ && room_.events.now() >= *deadline_) return;
    if (begun_++ % operations_between_questions == 0) ask();
    if (is_ending_) return;
    const auto number = cursor_.claim();
    if (!number) return;
    Worker& worker = workers_[index];
    worker.operation = stream_.at(*number);
    if (settings_.has_times()) {
      const VirtualTime due = time_of(*number);
      if (settings_.arrivals_per_s) {
        if (deadline_ && due >= *deadline_) return;
        worker.started = due;
        last_due_ = due;
        if (due <= room_.events.now()) catch_up(room_.events.now() - due);
      }
      if (due > room_.events.now()) {
        worker.is_waiting_for_its_time = true;
        room_.events.schedule(due, *this, index);
        return;
      }
      if (!settings_.arrivals_per_s && room_.events.now() > due + late_after) ++late_;
    }
    start_operation(index);
  }

  void start_operation(uint64_t index) {
    if (is_ending_) return;
    if (!settings_.arrivals_per_s) workers_[index].started = room_.events.now();
    if (is_paused_) {
      held_.push_back({index, room_.events.now()});
      return;
    }
    launch(index);
  }

  void launch(uint64_t index) {
    Worker& worker = workers_[index];
    worker.cost.requests.clear();
    worker.cost.processor = Nanoseconds(0);
    worker.next_request = 0;
    worker.parts_left = 0;
    if (auto priced = pricer_.price(worker.operation, worker.cost); !priced) {
      fail(std::move(priced).error());
      return;
    }
    count_in_system();
    ++in_system_;
    processor_ns_ += worker.cost.processor.count();
    room_.events.schedule(room_.processors.serve(room_.events.now(), worker.cost.processor), *this, index);
  }

  [[nodiscard]] VirtualTime time_of(uint64_t number) const {
    return begin_ + (stream_.issued_at(number) - times_from_);
  }

  // An arrival that waited for its turn has been in the system since.
  void catch_up(Nanoseconds waited) { in_system_ns_ += static_cast<uint64_t>(waited.count()); }

  void send(uint64_t index) {
    Worker& worker = workers_[index];
    placed_.clear();
    if (auto placed = room_.volume.place(worker.cost.requests[worker.next_request++], placed_); !placed) {
      fail(std::move(placed).error());
      return;
    }
    worker.parts_left = placed_.size();
    for (const sim::DeviceRequest& request : placed_)
      room_.device.submit(request, *this, index);
  }

  void finish_operation(VirtualTime now, uint64_t index) {
    const Worker& worker = workers_[index];
    count_in_system();
    --in_system_;
    end_ = now;
    const auto latency_ns = static_cast<uint64_t>((now - worker.started).count());
    latency_ns_sum_ += latency_ns;
    if (worker.operation.kind == OperationKind::read) {
      read_latency_.record(latency_ns);
      ++reads_.operations;
      reads_.bytes += worker.operation.length_bytes;
    } else if (worker.operation.kind == OperationKind::write) {
      write_latency_.record(latency_ns);
      ++writes_.operations;
      writes_.bytes += worker.operation.length_bytes;
    }
    begin_operation(index);
    tell_if_still();
  }

  [[nodiscard]] ArrivalsSeen arrivals_seen() const {
    ArrivalsSeen seen{.per_second = *settings_.arrivals_per_s,
                      .done = reads_.operations + writes_.operations,
                      .last_done = end_ - begin_,
                      .last_due = last_due_ - begin_};
    if (deadline_) seen.deadline = *deadline_ - begin_;
    const uint64_t next = cursor_.position();
    if (operations_ == endless || next < first_ + operations_) seen.next_due = time_of(next) - begin_;
    return seen;
  }

  void count_in_system() {
    const VirtualTime now = room_.events.now();
    in_system_ns_ += static_cast<uint64_t>((now - last_change_).count()) * in_system_;
    last_change_ = now;
  }

  void ask() {
    if (stop_ && stop_()) fail({ErrorKind::interrupted, "perform-interrupted", "stopped on request", {}});
    if (!progress_) return;
    if (deadline_) {
      progress_(static_cast<uint64_t>((room_.events.now() - begin_).count()),
                static_cast<uint64_t>((*deadline_ - begin_).count()));
    } else if (operations_ != endless) {
      progress_(std::min(cursor_.position() - first_, operations_), operations_);
    }
  }

  PerformOutcome outcome() {
    PerformOutcome outcome;
    outcome.duration_s = sim::seconds(end_ - begin_);
    outcome.reads = reads_;
    outcome.writes = writes_;
    outcome.late_operations = late_;
    if (settings_.arrivals_per_s) outcome.operations_behind = operations_behind(arrivals_seen());
    outcome.all.operations = reads_.operations + writes_.operations;
    outcome.all.bytes = reads_.bytes + writes_.bytes;
    if (reads_.operations > 0) outcome.reads.latency = reports::latency_of(read_latency_);
    if (writes_.operations > 0) outcome.writes.latency = reports::latency_of(write_latency_);
    if (outcome.all.operations == 0) return outcome;
    reports::Histogram all = read_latency_;
    all.merge(write_latency_);
    outcome.all.latency = reports::latency_of(all);
    outcome.cpu_ns_per_operation =
        static_cast<double>(processor_ns_) / static_cast<double>(outcome.all.operations);
    return outcome;
  }

  VirtualMachineRoom room_;
  OperationPricer& pricer_;
  const OperationStream& stream_;
  const PerformSettings& settings_;
  const StepProgress& progress_;
  const StopRequested& stop_;
  OperationCursor cursor_;
  uint64_t first_;
  uint64_t operations_;
  Nanoseconds times_from_;  // what the stream's times count from
  VirtualTime begin_;
  VirtualTime end_;
  std::optional<VirtualTime> deadline_;
  VirtualTime last_change_;
  VirtualTime last_due_;  // of the arrivals that were begun
  std::vector<Worker> workers_;
  std::vector<sim::DeviceRequest> placed_;
  std::optional<Error> error_;
  bool is_ending_ = false;
  bool is_paused_ = false;
  std::vector<Held> held_;
  sim::EventHandler* told_ = nullptr;  // once nothing is in flight
  uint64_t told_token_ = 0;
  uint64_t begun_ = 0;
  uint64_t in_system_ = 0;
  uint64_t in_system_ns_ = 0;
  uint64_t latency_ns_sum_ = 0;
  int64_t processor_ns_ = 0;
  uint64_t late_ = 0;
  reports::OperationTotals reads_;
  reports::OperationTotals writes_;
  reports::Histogram read_latency_;
  reports::Histogram write_latency_;
};

// One operation's requests, one after the other.
class Alone final : public sim::EventHandler {
 public:
  Alone(const VirtualMachineRoom& room, const OperationCost& cost) : room_(room), cost_(cost) {}

  Result<void> run() {
    room_.events.schedule(room_.processors.serve(room_.events.now(), cost_.processor), *this);
    room_.events.run();
    if (error_) return std::unexpected(*std::move(error_));
    return {};
  }

  void on_event(VirtualTime, uint64_t) override {
    if (parts_left_ > 0 && --parts_left_ > 0) return;
    if (next_ == cost_.requests.size()) return;
    placed_.clear();
    if (auto placed = room_.volume.place(cost_.requests[next_++], placed_); !placed) {
      error_ = std::move(placed).error();
      return;
    }
    parts_left_ = placed_.size();
    for (const sim::DeviceRequest& request : placed_)
      room_.device.submit(request, *this, 0);
  }

 private:
  VirtualMachineRoom room_;
  const OperationCost& cost_;
  std::vector<sim::DeviceRequest> placed_;
  size_t next_ = 0;
  size_t parts_left_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<VirtualOutcome> perform_virtual(const VirtualMachineRoom& room, OperationPricer& pricer,
                                       const OperationStream& stream, uint64_t first, uint64_t operations_max,
                                       const PerformSettings& settings, std::optional<Nanoseconds> duration,
                                       uint64_t events_max, const StepProgress& progress,
                                       const StopRequested& stop, BesideLoad* beside) {
  const uint64_t available = stream.length() == endless ? endless : stream.length() - first;
  return Performance(room, pricer, stream, first, std::min(available, operations_max), settings, duration,
                     progress, stop)
      .run(events_max, beside);
}

Result<void> perform_alone(const VirtualMachineRoom& room, const OperationCost& cost) {
  return Alone(room, cost).run();
}

}  // namespace vhdlab::scenarios
