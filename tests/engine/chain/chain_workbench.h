// A chain and, beside it, the plain array of bytes it must read as. Every change goes to both; the model
// knows nothing of layers, which is the point.
#pragma once

#include <array>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/chain/chain_queue.h"
#include "engine/merge/merge_run.h"
#include "tests/engine/format/image_workbench.h"

namespace vhdlab::tests {

class ChainWorkbench {
 public:
  struct BaseOptions {
    uint64_t disk_size_bytes = 12 * mib;
    uint32_t block_size_bytes = 1 * mib;
    uint32_t sector_size_bytes = 512;
    bool fixed = false;
  };

  // How chains are opened to find their data.
  struct Finding {
    ResolveMode resolve = ResolveMode::walk;
    std::optional<uint64_t> metadata_cache_bytes;
    std::optional<uint64_t> index_memory_bytes;
    CacheMode cache = CacheMode::buffered;
    size_t mappings_max = mappings_of_one_chain_max;
  };

  // Files are made in `folder` of `files`, which must outlive the workbench.
  ChainWorkbench(FileSystem& file_system, std::string folder, uint64_t seed)
      : files(file_system), random(seed), folder_(std::move(folder)) {}

  void create_base(const BaseOptions& options) {
    vhdx::DiskMetadata metadata;
    metadata.disk_size_bytes = options.disk_size_bytes;
    metadata.block_size_bytes = options.block_size_bytes;
    metadata.logical_sector_size_bytes = options.sector_size_bytes;
    metadata.leave_blocks_allocated = options.fixed;
    paths = {next_path()};
    must(create_disk(files, paths.back(), metadata, random));
    model.assign(options.disk_size_bytes, std::byte{0});
    open();
  }

  void checkpoint(const ChildOptions& options = {.block_size_bytes = 1 * mib, .disk_size_bytes = 0}) {
    const std::string path = next_path();
    must(take_checkpoint(files, *chain, path, options, finding.cache, random));
    paths.push_back(path);
    if (options.disk_size_bytes != 0) model.resize(options.disk_size_bytes, std::byte{0});
  }

  // Closes what is open, then opens.
  void open(OpenMode mode = OpenMode::read_write) {
    close();
    chain.emplace(must(open_chain(files, paths.back(),
                                  {.mode = mode,
                                   .cache = finding.cache,
                                   .resolve = finding.resolve,
                                   .metadata_cache_bytes = finding.metadata_cache_bytes,
                                   .index_memory_bytes = finding.index_memory_bytes,
                                   .mappings_max = finding.mappings_max},
                                  random)));
  }

  void close() {
    if (!chain) return;
    must(chain->close());
    chain.reset();
  }

  // What was flushed must be there after it: flushes, and drops the chain as a power cut would.
  void flush_and_cut_power() {
    must(chain->flush());
    chain.reset();
    open();
  }

  void write(uint64_t offset, Bytes data) {
    if (make_queue) {
      write_queued(offset, data);
    } else {
      must(chain->write(offset, data, plan_));
    }
    std::memcpy(model.data() + offset, data.data(), data.size());
  }

  void fill(ByteRange range, uint8_t value) { write(range.offset, filled(range.length, value)); }

  void zero(ByteRange range) {
    must(chain->zero(range, plan_));
    std::memset(model.data() + range.offset, 0, range.length);
  }

  // Merges with the chain closed, and opens it again.
  Result<MergeOutcome> merge(MergeRange range, const MergeOptions& options = {}) {
    close();
    auto outcome = vhdlab::merge(files, paths.back(), range, options, random);
    if (outcome) forget(range);
    open();
    return outcome;
  }

  // Takes the merged layers out of the list of paths.
  void forget(MergeRange range) {
    paths.erase(paths.begin() + range.target + 1, paths.begin() + range.top + 1);
  }

  [[nodiscard]] std::vector<std::byte> read(ByteRange range) {
    std::vector<std::byte> data(range.length, std::byte{0xcc});
    if (make_queue) {
      read_queued(range.offset, data);
    } else {
      ReadPlan plan;
      must(chain->read(range.offset, data, plan));
    }
    return data;
  }

  // "" where the chain reads as the model, else where it does not.
  [[nodiscard]] std::string difference() {
    if (chain->disk_size_bytes() != model.size()) {
      return fmt::format("the disk has {} bytes, expected {}", chain->disk_size_bytes(), model.size());
    }
    const auto data = read({0, model.size()});
    if (std::memcmp(data.data(), model.data(), model.size()) == 0) return "";
    const auto at = std::ranges::mismatch(data, model).in1 - data.begin();
    return fmt::format("byte {:#x} reads as {:#x}, expected {:#x}", at,
                       static_cast<int>(data[static_cast<size_t>(at)]),
                       static_cast<int>(model[static_cast<size_t>(at)]));
  }

  FileSystem& files;
  Finding finding;
  SeededRandom random;
  std::vector<std::string> paths;  // base first
  std::vector<std::byte> model;
  std::optional<Chain> chain;
  // Where set, guest reads and writes go through such a queue, four in flight; else by calls.
  std::function<Result<std::unique_ptr<IoQueue>>()> make_queue;

 private:
  static constexpr uint32_t in_flight_max = 4;

  // In pieces of whole sectors that are in flight together.
  void write_queued(uint64_t offset, Bytes data) {
    queued(data.size(), [&](ChainQueue& queue, ByteRange piece) {
      queue.submit_write(offset + piece.offset, data.subspan(piece.offset, piece.length), piece.offset);
    });
  }
  void read_queued(uint64_t offset, MutableBytes data) {
    queued(data.size(), [&](ChainQueue& queue, ByteRange piece) {
      queue.submit_read(offset + piece.offset, data.subspan(piece.offset, piece.length), piece.offset);
    });
  }
  template <typename Submit>
  void queued(uint64_t length, Submit submit) {
    ChainQueue queue(*chain, must(make_queue()), in_flight_max);
    const uint64_t piece = round_up(divide_up(length, uint64_t{7}), uint64_t{4096});
    std::array<ChainCompletion, in_flight_max> done;
    for (uint64_t at = 0; at < length || queue.in_flight() > 0;) {
      while (at < length && queue.in_flight() < in_flight_max) {
        const ByteRange next{at, std::min(piece, length - at)};
        submit(queue, next);
        at = next.end();
      }
      const size_t count = must(queue.wait(done));
      for (size_t i = 0; i < count; ++i)
        must(done[i].result);
    }
  }

  [[nodiscard]] std::string next_path() { return fmt::format("{}/layer-{}.vhdx", folder_, made_++); }

  std::string folder_;
  int made_ = 0;
  WritePlan plan_;
};

}  // namespace vhdlab::tests
