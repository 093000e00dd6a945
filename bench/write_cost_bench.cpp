// What does a guest's write of 4 KiB cost besides its 4 KiB, by what the disk held there before and by how
// many writes share a flush? Counted at the file, in memory: bytes and flushes are exact and the same on
// every machine, only the time is this one's.
//
//   metadata_bytes_per_write   all that was written to the file but the guest's own bytes: log, tables, bits
//   log_bytes_per_write        the part of it that went into the log's ring
//   flushes_per_write          flushes of the file: barriers
//   file_growth_per_write      by how much the file became longer
//
// Opening and closing are not counted, nor the session's beginning (an empty log entry and two headers,
// once).
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/chain/chain_open.h"
#include "engine/io/memory_file_system.h"

namespace vhdlab {
namespace {

constexpr uint64_t write_bytes = 4 * kib;
constexpr uint64_t disk_size_bytes = 1 * tib;
constexpr uint64_t writes_per_round = 8192;  // in a row they fill one block of 32 MiB

struct Traffic {
  uint64_t written_bytes = 0;
  uint64_t log_bytes = 0;
  uint64_t flushes = 0;
};

// Counts what is written to a file, and how much of it lies in `log`.
class MeteredFile final : public File {
 public:
  MeteredFile(std::unique_ptr<File> file, Traffic& traffic, const ByteRange& log)
      : file_(std::move(file)), traffic_(traffic), log_(log) {}

  const std::string& name() const override { return file_->name(); }
  Result<void> read(uint64_t offset, MutableBytes into) override { return file_->read(offset, into); }
  Result<void> write(uint64_t offset, Bytes from) override {
    traffic_.written_bytes += from.size();
    if (offset >= log_.offset && offset < log_.end()) traffic_.log_bytes += from.size();
    return file_->write(offset, from);
  }
  Result<void> flush() override {
    ++traffic_.flushes;
    return file_->flush();
  }
  Result<uint64_t> size_bytes() override { return file_->size_bytes(); }
  Result<void> resize(uint64_t size_bytes) override { return file_->resize(size_bytes); }
  Result<void> punch_hole(ByteRange range) override { return file_->punch_hole(range); }
  Result<std::optional<ByteRange>> next_data(uint64_t offset) override { return file_->next_data(offset); }
  Result<uint64_t> allocated_bytes() override { return file_->allocated_bytes(); }

 private:
  std::unique_ptr<File> file_;
  Traffic& traffic_;
  const ByteRange& log_;  // known once the image is open
};

enum class Disk { dynamic, differencing };
enum class Order { sequential, random };
enum class Before { nothing, written };  // whether the disk holds data already where the writes go

struct Case {
  Disk disk;
  Order order;
  Before before;
};

// A disk with Windows' block sizes. A differencing one stands alone here: a write never asks the
// parent.
vhdx::DiskMetadata metadata_of(Disk disk) {
  vhdx::DiskMetadata metadata{.disk_size_bytes = disk_size_bytes,
                              .block_size_bytes = vhdx::default_dynamic_block_size_bytes};
  if (disk == Disk::differencing) {
    metadata.block_size_bytes = vhdx::default_differencing_block_size_bytes;
    metadata.parent =
        vhdx::make_parent_locator(Guid::literal("11111111-2222-3333-4444-555555555555"), "/", "/base.vhdx");
  }
  return metadata;
}

std::vector<uint64_t> offsets_of(Order order, RandomSource& random) {
  std::vector<uint64_t> offsets(writes_per_round);
  if (order == Order::sequential) {
    for (uint64_t i = 0; i < offsets.size(); ++i)
      offsets[i] = i * write_bytes;
  } else {
    for (uint64_t& offset : offsets)
      offset = random.next_u64() % (disk_size_bytes / write_bytes - 1) * write_bytes;
  }
  return offsets;
}

// An open disk in memory whose file is metered. One write to its end has begun the session.
class MeteredDisk {
 public:
  explicit MeteredDisk(Disk disk) {
    {
      const auto file = *files_.create("/disk.vhdx");
      (void)vhdx::Image::create(*file, metadata_of(disk), random_);
    }
    auto file =
        std::make_unique<MeteredFile>(*files_.open("/disk.vhdx", OpenMode::read_write), traffic_, log_);
    auto image = *vhdx::Image::open(std::move(file), OpenMode::read_write, random_);
    log_ = {image->header().log_offset, image->header().log_length};
    std::vector<std::unique_ptr<Layer>> layers;
    layers.push_back(std::make_unique<VhdxLayer>("/disk.vhdx", std::move(image)));
    chain_ = std::make_unique<Chain>(std::move(layers));
    (void)write_all(std::vector<uint64_t>{disk_size_bytes - write_bytes}, 1);
  }

  // False where a write or a flush failed.
  [[nodiscard]] bool write_all(std::span<const uint64_t> offsets, uint64_t writes_per_flush) {
    const std::vector<std::byte> bytes(write_bytes, std::byte{0x5a});
    uint64_t waiting = 0;
    for (const uint64_t offset : offsets) {
      if (!chain_->write(offset, bytes, plan_)) return false;
      if (++waiting % writes_per_flush == 0 && !chain_->flush()) return false;
    }
    return chain_->flush().has_value();
  }

  [[nodiscard]] const Traffic& traffic() const { return traffic_; }
  [[nodiscard]] uint64_t file_size_bytes() { return *chain_->leaf().file().size_bytes(); }

 private:
  MemoryFileSystem files_;
  SeededRandom random_{1};
  Traffic traffic_;
  ByteRange log_;
  std::unique_ptr<Chain> chain_;
  WritePlan plan_;
};

void write_cost(benchmark::State& state, Case what) {
  const auto writes_per_flush = static_cast<uint64_t>(state.range(0));
  SeededRandom random(2);
  const std::vector<uint64_t> offsets = offsets_of(what.order, random);
  Traffic total;
  uint64_t growth_bytes = 0;
  uint64_t writes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto disk = std::make_unique<MeteredDisk>(what.disk);
    if (what.before == Before::written && !disk->write_all(offsets, 100)) state.SkipWithError("setup failed");
    const Traffic begin = disk->traffic();
    const uint64_t size_before_bytes = disk->file_size_bytes();
    state.ResumeTiming();
    if (!disk->write_all(offsets, writes_per_flush)) state.SkipWithError("a write failed");
    state.PauseTiming();
    total.written_bytes += disk->traffic().written_bytes - begin.written_bytes;
    total.log_bytes += disk->traffic().log_bytes - begin.log_bytes;
    total.flushes += disk->traffic().flushes - begin.flushes;
    growth_bytes += disk->file_size_bytes() - size_before_bytes;
    writes += offsets.size();
    disk.reset();
    state.ResumeTiming();
  }
  const auto per_write = [&](uint64_t count) {
    return static_cast<double>(count) / static_cast<double>(writes);
  };
  state.counters["metadata_bytes_per_write"] =
      per_write(total.written_bytes) - static_cast<double>(write_bytes);
  state.counters["log_bytes_per_write"] = per_write(total.log_bytes);
  state.counters["flushes_per_write"] = per_write(total.flushes);
  state.counters["file_growth_per_write"] = per_write(growth_bytes);
  state.SetItemsProcessed(static_cast<int64_t>(writes));
}

void by_batch(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("writes_per_flush")->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(write_cost, first_sequential_dynamic,
                  Case{Disk::dynamic, Order::sequential, Before::nothing})
    ->Apply(by_batch);
BENCHMARK_CAPTURE(write_cost, first_random_dynamic, Case{Disk::dynamic, Order::random, Before::nothing})
    ->Apply(by_batch);
BENCHMARK_CAPTURE(write_cost, first_sequential_differencing,
                  Case{Disk::differencing, Order::sequential, Before::nothing})
    ->Apply(by_batch);
BENCHMARK_CAPTURE(write_cost, first_random_differencing,
                  Case{Disk::differencing, Order::random, Before::nothing})
    ->Apply(by_batch);
BENCHMARK_CAPTURE(write_cost, overwrite_random_dynamic, Case{Disk::dynamic, Order::random, Before::written})
    ->Apply(by_batch);
BENCHMARK_CAPTURE(write_cost, overwrite_random_differencing,
                  Case{Disk::differencing, Order::random, Before::written})
    ->Apply(by_batch);

}  // namespace
}  // namespace vhdlab

BENCHMARK_MAIN();
