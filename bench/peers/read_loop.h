// The loop every reader in this process runs, so that only what lies inside
// differs: claim a number, look up its offset, read, take the time, record it.
// As many threads as the queue is deep.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "bench/peers/peer.h"
#include "reports/statistics/histogram.h"
#include "scenarios/workload/operation_stream.h"

namespace vhdlab::peers {

// The reads of `work` over a disk of `disk_bytes`, without an end.
[[nodiscard]] Result<std::unique_ptr<scenarios::OperationStream>> reads_of(const ReadWork& work,
                                                                           uint64_t disk_bytes,
                                                                           uint64_t seed);

// `make_reader()` is called once in each thread and gives a function (offset,
// bytes) -> Result<void>.
template <typename MakeReader>
Result<double> reads_per_second(const scenarios::OperationStream& stream, const ReadWork& work,
                                MakeReader make_reader) {
  using Clock = std::chrono::steady_clock;
  scenarios::OperationCursor cursor(scenarios::endless);
  std::atomic<uint64_t> reads = 0;
  std::vector<std::optional<Error>> errors(work.queue_depth);
  const auto begin = Clock::now();
  const auto deadline = begin + work.duration;
  auto run = [&](std::optional<Error>& error) {
    AlignedBuffer buffer(stream.longest_operation_bytes());
    reports::Histogram latency;
    auto reader = make_reader();
    for (auto now = Clock::now(); now < deadline;) {
      const scenarios::Operation operation = stream.at(*cursor.claim());
      const auto started = Clock::now();
      if (auto done = reader(operation.offset_bytes, buffer.bytes().first(operation.length_bytes)); !done) {
        error = std::move(done).error();
        break;
      }
      now = Clock::now();
      latency.record(static_cast<uint64_t>((now - started).count()));
    }
    reads += latency.count();
  };
  {
    std::vector<std::jthread> threads;
    for (std::optional<Error>& error : errors)
      threads.emplace_back([&] { run(error); });
  }
  for (std::optional<Error>& error : errors) {
    if (error) return std::unexpected(*std::move(error));
  }
  return static_cast<double>(reads) / std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace vhdlab::peers
