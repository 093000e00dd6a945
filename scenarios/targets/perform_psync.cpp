// The psync workers; see perform_psync.h.
#include "scenarios/targets/perform_psync.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "reports/statistics/histogram.h"
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
  Chain& chain;
  const OperationStream& stream;
  WrittenContent content;
  const PerformSettings& settings;
  OperationCursor& cursor;
  Clock::time_point begin;
  std::optional<Clock::time_point> deadline;

  std::atomic<bool> ending = false;
  std::atomic<uint32_t> workers_left = 0;
  std::mutex mutex{};
  std::condition_variable worker_done{};
  std::optional<Error> first_error{};

  void fail(Error error) {
    const std::lock_guard lock(mutex);
    if (!first_error) first_error = std::move(error);
    ending = true;
  }
};

// One operation in flight at a time. Aligned to a cache line so that two workers' counts never share one.
class alignas(64) Worker {
 public:
  explicit Worker(uint64_t buffer_bytes) : buffer_(buffer_bytes) {}

  void run(Phase& phase) {
    auto now = Clock::now();
    while (!phase.ending.load(std::memory_order_relaxed)) {
      if (phase.deadline && now >= *phase.deadline) break;
      const auto index = phase.cursor.claim();
      if (!index) break;
      if (phase.settings.as_recorded) wait_until_due(phase, *index);
      const Operation operation = phase.stream.at(*index);
      if (operation.kind == OperationKind::write) prepare(phase, operation);
      const auto started = Clock::now();
      if (auto done = carry_out(phase, operation); !done) {
        phase.fail(std::move(done).error());
        break;
      }
      now = Clock::now();
      record(operation, static_cast<uint64_t>((now - started).count()));
    }
    const std::lock_guard lock(phase.mutex);
    --phase.workers_left;
    phase.worker_done.notify_all();
  }

  void add_to(reports::Histogram& read_latency, reports::Histogram& write_latency,
              PsyncOutcome& total) const {
    read_latency.merge(read_latency_);
    write_latency.merge(write_latency_);
    total.outcome.reads.operations += reads_;
    total.outcome.reads.bytes += bytes_read_;
    total.outcome.writes.operations += writes_;
    total.outcome.writes.bytes += bytes_written_;
    total.outcome.late_operations += late_;
    total.layers_probed += layers_probed_;
    total.table_lookups += table_lookups_;
    total.table_reads += table_reads_;
  }

 private:
  void wait_until_due(const Phase& phase, uint64_t index) {
    const auto due = phase.begin + phase.stream.issued_at(index);
    std::this_thread::sleep_until(due);
    if (Clock::now() > due + late_after) ++late_;
  }

  // Making up the content is not the disk's work and not timed.
  void prepare(const Phase& phase, const Operation& operation) {
    fill_content(phase.content.seed, operation.offset_bytes, phase.content.generation,
                 buffer_.bytes().first(operation.length_bytes));
    phase.content.ledger.record(operation.range(), phase.content.generation);
  }

  Result<void> carry_out(Phase& phase, const Operation& operation) {
    const MutableBytes bytes = buffer_.bytes().first(operation.length_bytes);
    switch (operation.kind) {
      case OperationKind::read:
        TRY(phase.chain.read(operation.offset_bytes, bytes, read_plan_));
        layers_probed_ += read_plan_.layers_probed;
        count(read_plan_.tables);
        return {};
      case OperationKind::write:
        TRY(phase.chain.write(operation.offset_bytes, bytes, write_plan_));
        count(write_plan_.tables);
        return {};
      case OperationKind::flush:
        return phase.chain.flush();
      case OperationKind::trim:
        return {};  // a hint: a disk may keep the data, and this one does
    }
    return {};
  }

  void count(const TableUse& tables) {
    table_lookups_ += tables.lookups;
    table_reads_ += tables.reads.size();
  }

  void record(const Operation& operation, uint64_t latency_ns) {
    if (operation.kind == OperationKind::read) {
      read_latency_.record(latency_ns);
      ++reads_;
      bytes_read_ += operation.length_bytes;
    } else if (operation.kind == OperationKind::write) {
      write_latency_.record(latency_ns);
      ++writes_;
      bytes_written_ += operation.length_bytes;
    }
  }

  AlignedBuffer buffer_;
  ReadPlan read_plan_;
  WritePlan write_plan_;
  reports::Histogram read_latency_;
  reports::Histogram write_latency_;
  uint64_t reads_ = 0;
  uint64_t writes_ = 0;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_written_ = 0;
  uint64_t layers_probed_ = 0;
  uint64_t table_lookups_ = 0;
  uint64_t table_reads_ = 0;
  uint64_t late_ = 0;
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
  workers.reserve(settings.queue_depth);
  for (uint32_t i = 0; i < settings.queue_depth; ++i)
    workers.emplace_back(stream.longest_operation_bytes());
  return workers;
}

// Reads of the stream before anything is measured. They come from the stream's own numbers, so that the
// measured part goes on where the warm-up stopped.
Result<uint64_t> warm_up(Chain& chain, const OperationStream& stream, WrittenContent content,
                         const PerformSettings& settings, const StopRequested& stop) {
  if (settings.warm_up.count() == 0) return 0;
  OperationCursor cursor(stream.length());
  const auto begin = Clock::now();
  Phase phase{chain, stream, content, settings, cursor, begin, begin + settings.warm_up};
  auto workers = make_workers(settings, stream);
  TRY(run_phase(phase, workers, 0, endless, {}, stop));
  return std::min(cursor.position(), stream.length());
}

}  // namespace

Result<PsyncOutcome> perform_psync(Chain& chain, const OperationStream& stream, WrittenContent content,
                                   const PerformSettings& settings, const StepProgress& progress,
                                   const StopRequested& stop) {
  const uint64_t first = TRY(warm_up(chain, stream, content, settings, stop));
  const uint64_t available = stream.length() == endless ? endless : stream.length() - first;
  const uint64_t operations = std::min(available, settings.operations_max);
  OperationCursor cursor(operations == endless ? endless : first + operations, first);

  auto workers = make_workers(settings, stream);
  const Nanoseconds cpu_before = cpu_time();
  const auto begin = Clock::now();
  Phase phase{chain, stream, content, settings, cursor, begin, std::nullopt};
  if (settings.duration) phase.deadline = begin + *settings.duration;
  TRY(run_phase(phase, workers, first, operations, progress, stop));
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const Nanoseconds cpu_used = cpu_time() - cpu_before;

  PsyncOutcome total;
  reports::Histogram read_latency;
  reports::Histogram write_latency;
  for (const Worker& worker : workers)
    worker.add_to(read_latency, write_latency, total);
  PerformOutcome& outcome = total.outcome;
  outcome.duration_s = seconds;
  outcome.all.operations = outcome.reads.operations + outcome.writes.operations;
  outcome.all.bytes = outcome.reads.bytes + outcome.writes.bytes;
  if (outcome.reads.operations > 0) outcome.reads.latency = reports::latency_of(read_latency);
  if (outcome.writes.operations > 0) outcome.writes.latency = reports::latency_of(write_latency);
  read_latency.merge(write_latency);
  if (outcome.all.operations > 0) {
    outcome.all.latency = reports::latency_of(read_latency);
    outcome.cpu_ns_per_operation =
        static_cast<double>(cpu_used.count()) / static_cast<double>(outcome.all.operations);
  }
  if (outcome.reads.operations > 0) {
    outcome.layers_probed_per_read =
        static_cast<double>(total.layers_probed) / static_cast<double>(outcome.reads.operations);
  }
  return total;
}

}  // namespace vhdlab::scenarios
