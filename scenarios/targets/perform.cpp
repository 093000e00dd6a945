// The workers; see perform.h.
#include "scenarios/targets/perform.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "engine/chain/chain_queue.h"
#include "engine/io/uring_queue.h"
#include "reports/statistics/histogram.h"
#include "scenarios/targets/overload.h"
#include "scenarios/workload/content.h"

namespace vhdlab::scenarios {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds watch_interval{50};
constexpr std::chrono::milliseconds late_after{1};

// Processor time this process has used, user and system.
Nanoseconds cpu_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto nanoseconds = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

// One part of a step, warm-up or measured: what all its workers share.
struct Phase {
  Chain* chain;     // where there is no gate
  PauseGate* gate;  // or none
  const OperationStream& stream;
  WrittenContent content;
  const PerformSettings& settings;
  OperationCursor& cursor;
  Clock::time_point begin;
  std::optional<Clock::time_point> deadline;
  Nanoseconds times_from{0};  // what the stream's times count from

  std::atomic<bool> ending = false;
  std::atomic<uint32_t> workers_left = 0;
  std::mutex mutex{};
  std::condition_variable worker_done{};
  std::optional<Error> first_error{};

  [[nodiscard]] Clock::time_point time_of(uint64_t number) const {
    return begin + (stream.issued_at(number) - times_from);
  }

  [[nodiscard]] bool must_hold() const { return gate != nullptr && gate->is_closed(); }

  [[nodiscard]] bool is_over(Clock::time_point now) const {
    return ending.load(std::memory_order_relaxed) || (deadline && now >= *deadline) ||
           (gate != nullptr && gate->is_over());
  }

  void fail(Error error) {
    const std::lock_guard lock(mutex);
    if (!first_error) first_error = std::move(error);
    ending = true;
  }
};

// How many workers there are, and how deep each one's queue is.
struct Division {
  uint32_t workers = 1;
  uint32_t depth = 1;
};

Division divide(const PerformSettings& settings) {
  // An operation that must wait for its time keeps its worker from collecting others: one worker for each.
  const bool one_each = settings.io != IoKind::io_uring || settings.has_times();
  return one_each ? Division{settings.jobs * settings.queue_depth, 1}
                  : Division{settings.jobs, settings.queue_depth};
}

// `depth` operations in flight at a time. Aligned to a cache line so that two workers' counts never share
// one.
class alignas(64) Worker {
 public:
  Worker(uint32_t depth, uint64_t operation_bytes_max)
      : stride_(round_up(operation_bytes_max, AlignedBuffer::alignment_bytes)),
        buffer_(depth * stride_),
        in_flight_(depth),
        completions_(depth) {
    for (uint32_t place = depth; place > 0; --place)
      free_places_.push_back(place - 1);
  }

  void run(Phase& phase) {
    if (auto done = perform(phase); !done) phase.fail(std::move(done).error());
    const std::lock_guard lock(phase.mutex);
    --phase.workers_left;
    phase.worker_done.notify_all();
  }

  void add_to(reports::Histogram& read_latency, reports::Histogram& write_latency,
              ChainOutcome& total) const {
    read_latency.merge(read_latency_);
    write_latency.merge(write_latency_);
    total.outcome.reads.operations += reads_;
    total.outcome.reads.bytes += bytes_read_;
    total.outcome.writes.operations += writes_;
    total.outcome.writes.bytes += bytes_written_;
    total.outcome.late_operations += late_;
    total.last_due = std::max(total.last_due, last_due_);
    total.layers_probed += use_.layers_probed;
    total.table_lookups += use_.table_lookups;
    total.table_reads += use_.table_reads;
  }

 private:
  struct InFlight {
    Operation operation;
    Clock::time_point started;
  };

  // The queue belongs to the thread that makes it, so it is made here.
  [[nodiscard]] Result<std::unique_ptr<IoQueue>> make_io_queue(const PerformSettings& settings) {
    if (settings.io != IoKind::io_uring) return nullptr;
    std::unique_ptr<IoQueue> queue = TRY(UringQueue::make(static_cast<uint32_t>(in_flight_.size())));
    (void)queue->register_memory(buffer_.bytes());  // a refusal costs speed only
    return queue;
  }

  Result<void> perform(Phase& phase) {
    if (phase.gate == nullptr) {
      TRY(perform_on(*phase.chain, phase));
      return {};
    }
    for (Chain* chain = phase.gate->enter(); chain != nullptr; chain = phase.gate->hold()) {
      auto is_over = perform_on(*chain, phase);
      if (!is_over || *is_over) {
        phase.gate->leave();
        TRY(is_over);
        return {};
      }
      held_since_ = Clock::now();
      held_left_ = in_flight_.size();
    }
    return {};
  }

  // Until nothing more is to be done, or, with the answer false, until the gate closes.
  Result<bool> perform_on(Chain& chain, Phase& phase) {
    ChainQueue queue(chain, TRY(make_io_queue(phase.settings)), static_cast<uint32_t>(in_flight_.size()));
    auto now = Clock::now();
    bool is_held = false;
    for (bool more = true; more || queue.in_flight() > 0;) {
      while (more && !free_places_.empty()) {
        more = !phase.must_hold() && !phase.is_over(now);
        if (more && !claimed_) claimed_ = phase.cursor.claim();
        more = more && claimed_.has_value();
        if (more && phase.settings.has_times()) more = wait_until_due(phase, *claimed_);
        if (more) start(phase, *std::exchange(claimed_, std::nullopt), queue);
        is_held = !more && phase.must_hold();
      }
      const size_t count = TRY(queue.wait(completions_));
      now = Clock::now();
      for (size_t i = 0; i < count; ++i) {
        TRY(completions_[i].result);
        record(in_flight_[completions_[i].tag], now);
        free_places_.push_back(static_cast<uint32_t>(completions_[i].tag));
      }
    }
    use_.layers_probed += queue.use().layers_probed;
    use_.table_lookups += queue.use().table_lookups;
    use_.table_reads += queue.use().table_reads;
    return !is_held;
  }

  void start(Phase& phase, uint64_t index, ChainQueue& queue) {
    const uint32_t place = free_places_.back();
    free_places_.pop_back();
    InFlight& next = in_flight_[place];
    next.operation = phase.stream.at(index);
    const MutableBytes bytes = buffer_.bytes().subspan(place * stride_, next.operation.length_bytes);
    if (next.operation.kind == OperationKind::write) prepare(phase, next.operation, bytes);
    if (next.operation.kind == OperationKind::write && phase.gate != nullptr)
      phase.gate->count_written(bytes.size());
    next.started = start_of(phase, index);
    switch (next.operation.kind) {
      case OperationKind::read:
        return queue.submit_read(next.operation.offset_bytes, bytes, place);
      case OperationKind::write:
        return queue.submit_write(next.operation.offset_bytes, bytes, place);
      case OperationKind::flush:
        return queue.submit_flush(place);
      case OperationKind::trim:
        free_places_.push_back(place);  // a hint: a disk may keep the data, and this one does
    }
  }

  // False where the phase ends first. Sleeps in short parts, so that a request to stop is heard.
  bool wait_until_due(const Phase& phase, uint64_t index) {
    const auto due = phase.time_of(index);
    if (phase.deadline && due >= *phase.deadline && phase.settings.arrivals_per_s) return false;
    for (auto now = Clock::now(); now < due; now = Clock::now()) {
      if (phase.ending.load(std::memory_order_relaxed)) return false;
      const auto until = std::min(due, now + watch_interval);
      if (phase.gate == nullptr) {
        std::this_thread::sleep_until(until);
      } else if (phase.gate->wait_until(until)) {
        return false;
      }
    }
    last_due_ = std::max(last_due_, due - phase.begin);
    if (!phase.settings.arrivals_per_s && Clock::now() > due + late_after) ++late_;
    return true;
  }

  // From when an operation's time counts: its arrival, or when the gate held up its worker, or now.
  [[nodiscard]] Clock::time_point start_of(const Phase& phase, uint64_t index) {
    if (phase.settings.arrivals_per_s) return phase.time_of(index);
    if (held_left_ == 0) return Clock::now();
    --held_left_;
    return held_since_;
  }

  // Making up the content is not the disk's work and not timed.
  static void prepare(const Phase& phase, const Operation& operation, MutableBytes bytes) {
    fill_content(phase.content.seed, operation.offset_bytes, phase.content.generation, bytes);
    phase.content.ledger.record(operation.range(), phase.content.generation);
  }

  void record(const InFlight& done, Clock::time_point now) {
    const auto latency_ns = static_cast<uint64_t>((now - done.started).count());
    if (done.operation.kind == OperationKind::read) {
      read_latency_.record(latency_ns);
      ++reads_;
      bytes_read_ += done.operation.length_bytes;
    } else if (done.operation.kind == OperationKind::write) {
      write_latency_.record(latency_ns);
      ++writes_;
      bytes_written_ += done.operation.length_bytes;
    }
  }

  uint64_t stride_;
  AlignedBuffer buffer_;             // a part for each place
  std::vector<InFlight> in_flight_;  // by place
  std::vector<uint32_t> free_places_;
  std::vector<ChainCompletion> completions_;
  ChainQueueUse use_;
  std::optional<uint64_t> claimed_;  // a number of the stream whose operation has not begun
  Clock::time_point held_since_;     // at the gate
  size_t held_left_ = 0;             // operations that would have begun then
  reports::Histogram read_latency_;
  reports::Histogram write_latency_;
  uint64_t reads_ = 0;
  uint64_t writes_ = 0;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_written_ = 0;
  uint64_t late_ = 0;
  Nanoseconds last_due_{0};
};

// Watches over the workers: tells progress, and passes a request to stop on to them.
void watch(Phase& phase, const OperationCursor& cursor, uint64_t first, uint64_t operations,
           const StepProgress& progress, const StopRequested& stop) {
  std::unique_lock lock(phase.mutex);
  while (!phase.worker_done.wait_for(lock, watch_interval, [&] { return phase.workers_left == 0; })) {
    lock.unlock();
    if (stop && stop() && !phase.ending.load()) {
      phase.fail({ErrorKind::interrupted, "perform-interrupted", "stopped on request", {}});
    }
    if (progress && phase.deadline) {
      progress(static_cast<uint64_t>((Clock::now() - phase.begin).count()),
               static_cast<uint64_t>((*phase.deadline - phase.begin).count()));
    } else if (progress && operations != endless) {
      progress(std::min(cursor.position() - first, operations), operations);
    }
    lock.lock();
  }
}

Result<void> run_phase(Phase& phase, std::vector<Worker>& workers, uint64_t first, uint64_t operations,
                       const StepProgress& progress, const StopRequested& stop) {
  phase.workers_left = static_cast<uint32_t>(workers.size());
  std::vector<std::jthread> threads;
  threads.reserve(workers.size());
  for (Worker& worker : workers)
    threads.emplace_back([&] { worker.run(phase); });
  watch(phase, phase.cursor, first, operations, progress, stop);
  threads.clear();  // joins
  if (phase.first_error) return std::unexpected(*std::move(phase.first_error));
  return {};
}

std::vector<Worker> make_workers(const PerformSettings& settings, const OperationStream& stream) {
  std::vector<Worker> workers;
  const Division division = divide(settings);
  workers.reserve(division.workers);
  for (uint32_t i = 0; i < division.workers; ++i)
    workers.emplace_back(division.depth, stream.longest_operation_bytes());
  return workers;
}

// Reads of the stream before anything is measured. They come from the stream's own numbers, so that the
// measured part goes on where the warm-up stopped.
Result<uint64_t> warm_up(Chain& chain, const OperationStream& stream, WrittenContent content,
                         const PerformSettings& settings, const StopRequested& stop) {
  if (settings.warm_up.count() == 0) return 0;
  OperationCursor cursor(stream.length());
  const auto begin = Clock::now();
  Phase phase{&chain, nullptr, stream, content, settings, cursor, begin, begin + settings.warm_up};
  auto workers = make_workers(settings, stream);
  TRY(run_phase(phase, workers, 0, endless, {}, stop));
  return std::min(cursor.position(), stream.length());
}

// What all workers have done, as one outcome.
ChainOutcome sum_of(const std::vector<Worker>& workers, Nanoseconds took, Nanoseconds cpu_used) {
  ChainOutcome total;
  reports::Histogram read_latency;
  reports::Histogram write_latency;
  for (const Worker& worker : workers)
    worker.add_to(read_latency, write_latency, total);
  PerformOutcome& outcome = total.outcome;
  outcome.duration_s = std::chrono::duration<double>(took).count();
  outcome.all.operations = outcome.reads.operations + outcome.writes.operations;
  outcome.all.bytes = outcome.reads.bytes + outcome.writes.bytes;
  if (outcome.reads.operations > 0) {
    outcome.reads.latency = reports::latency_of(read_latency);
    outcome.layers_probed_per_read =
        static_cast<double>(total.layers_probed) / static_cast<double>(outcome.reads.operations);
  }
  if (outcome.writes.operations > 0) outcome.writes.latency = reports::latency_of(write_latency);
  read_latency.merge(write_latency);
  if (outcome.all.operations > 0) {
    outcome.all.latency = reports::latency_of(read_latency);
    outcome.cpu_ns_per_operation =
        static_cast<double>(cpu_used.count()) / static_cast<double>(outcome.all.operations);
  }
  return total;
}

// The measured part: operations from number `first` on, on a chain or through a gate.
Result<ChainOutcome> measure(Chain* chain, PauseGate* gate, const OperationStream& stream,
                             WrittenContent content, const PerformSettings& settings, uint64_t first,
                             const StepProgress& progress, const StopRequested& stop) {
  const uint64_t available = stream.length() == endless ? endless : stream.length() - first;
  const uint64_t operations = std::min(available, settings.operations_max);
  OperationCursor cursor(operations == endless ? endless : first + operations, first);

  auto workers = make_workers(settings, stream);
  const Nanoseconds cpu_before = cpu_time();
  const auto begin = Clock::now();
  Phase phase{chain, gate, stream, content, settings, cursor, begin, std::nullopt};
  if (settings.duration) phase.deadline = begin + *settings.duration;
  if (settings.arrivals_per_s && first > 0) phase.times_from = stream.issued_at(first - 1);
  TRY(run_phase(phase, workers, first, operations, progress, stop));
  const Nanoseconds took = Clock::now() - begin;
  const Nanoseconds cpu_used = cpu_time() - cpu_before;

  ChainOutcome total = sum_of(workers, took, cpu_used);
  if (settings.arrivals_per_s) {
    ArrivalsSeen seen{.per_second = *settings.arrivals_per_s,
                      .done = total.outcome.all.operations,
                      .last_done = took,
                      .deadline = settings.duration,
                      .last_due = total.last_due};
    const uint64_t next = cursor.position();
    if (operations == endless || next < first + operations) seen.next_due = phase.time_of(next) - begin;
    total.outcome.operations_behind = operations_behind(seen);
  }
  return total;
}

}  // namespace

Result<ChainOutcome> perform_on_chain(Chain& chain, const OperationStream& stream, WrittenContent content,
                                      const PerformSettings& settings, const StepProgress& progress,
                                      const StopRequested& stop) {
  const uint64_t first = TRY(warm_up(chain, stream, content, settings, stop));
  return measure(&chain, nullptr, stream, content, settings, first, progress, stop);
}

Result<ChainOutcome> perform_through_gate(PauseGate& gate, const OperationStream& stream,
                                          WrittenContent content, const PerformSettings& settings,
                                          const StopRequested& stop) {
  return measure(nullptr, &gate, stream, content, settings, 0, {}, stop);
}

}  // namespace vhdlab::scenarios
