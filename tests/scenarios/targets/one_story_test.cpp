// One story: the real VHDX engine over simulated files and the simulator's layers without data send the same
// requests, ask the same layers and look at the same table pages, operation by operation.
#include <algorithm>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/chain/chain.h"
#include "engine/io/memory_file_system.h"
#include "engine/layer/extent_layer.h"
#include "engine/layer/vhdx_layer.h"
#include "engine/merge/merge_move.h"
#include "scenarios/targets/sim_merge.h"
#include "scenarios/workload/pattern_stream.h"
#include "sim/device/simulated_file.h"
#include "tests/sim/device/sample_profiles.h"

namespace vhdlab::tests {
namespace {

using namespace scenarios;

constexpr uint64_t disk_size = 96 * mib;
constexpr uint32_t block_size = 2 * mib;

class Collector final : public sim::RequestSink {
 public:
  std::vector<sim::FileRequest> requests;
  Result<void> take(const sim::FileRequest& request, Bytes) override {
    const std::lock_guard lock(mutex_);
    requests.push_back(request);
    return {};
  }

 private:
  std::mutex mutex_;
};

// The real format, its bytes in memory, its requests in the collector.
class RealWorld {
 public:
  explicit RealWorld(uint64_t size = disk_size) : size_(size) {}

  void add_layer() {
    const uint32_t number = count_;
    vhdx::DiskMetadata metadata{.disk_size_bytes = size_, .block_size_bytes = block_size};
    if (number > 0)
      metadata.parent =
          vhdx::ParentLocator{.linkage = Guid::make_random(random_), .relative_path = ".\\parent.vhdx"};
    const auto file = std::move(*files_.create(path(number)));
    const auto created = vhdx::Image::create(*file, metadata, random_);
    ASSERT_TRUE(created) << created.error().text();
    ++count_;
  }

  // What opening reads is not the story.
  std::unique_ptr<Layer> open_layer(uint32_t number, sim::RequestSink& sink, OpenMode mode) {
    auto file = std::make_unique<sim::SimulatedFile>(path(number), number, sink,
                                                     std::move(*files_.open(path(number), mode)));
    auto image = vhdx::Image::open(std::move(file), mode, random_);
    EXPECT_TRUE(image) << image.error().text();
    return std::make_unique<VhdxLayer>(path(number), std::move(*image));
  }

  Chain open(sim::RequestSink& sink, OpenMode leaf_mode = OpenMode::read_write) {
    std::vector<std::unique_ptr<Layer>> layers;
    for (uint32_t number = 0; number < count_; ++number)
      layers.push_back(open_layer(number, sink, number + 1 == count_ ? leaf_mode : OpenMode::read_only));
    return Chain(std::move(layers));
  }

 private:
  static std::string path(uint32_t number) { return fmt::format("/layer-{}", number); }

  uint64_t size_;
  MemoryFileSystem files_;
  SeededRandom random_{1};
  uint32_t count_ = 0;
};

// The same without a byte of data.
class ModelledWorld {
 public:
  void add_layer() {
    tables_.push_back(std::make_unique<ExtentTables>(ExtentDiskShape{
        .disk_size_bytes = disk_size, .block_size_bytes = block_size, .has_parent = !tables_.empty()}));
  }

  Chain open(sim::RequestSink& sink) {
    memory_ = TableMemory();
    std::vector<std::unique_ptr<Layer>> layers;
    for (size_t i = 0; i < tables_.size(); ++i) {
      const auto number = static_cast<uint32_t>(i);
      const OpenMode mode = i + 1 == tables_.size() ? OpenMode::read_write : OpenMode::read_only;
      auto file =
          std::make_unique<sim::SimulatedFile>("layer", number, sink, nullptr, tables_[i]->file_size_bytes());
      layers.push_back(
          std::make_unique<ExtentLayer>("layer", *tables_[i], std::move(file), mode, memory_, number));
    }
    return Chain(std::move(layers));
  }

 private:
  std::vector<std::unique_ptr<ExtentTables>> tables_;
  TableMemory memory_;
};

std::unique_ptr<OperationStream> operations(uint64_t ordinal, uint64_t block, uint32_t reads,
                                            uint64_t count) {
  return *make_pattern_stream({.pattern = AccessPattern::random,
                               .range = {0, disk_size},
                               .block_size_bytes = block,
                               .read_percentage = reads,
                               .flush_every = 23,
                               .operations = count},
                              stream_seeds(20260302, ordinal));
}

// What one operation did.
struct Done {
  std::vector<sim::FileRequest> requests;
  uint64_t layers_probed = 0;
  uint64_t lookups = 0;
  std::vector<TableRead> table_reads;
  friend bool operator==(const Done&, const Done&) = default;
};

Done carry_out_on(Chain& chain, const Operation& operation, Collector& collector, AlignedBuffer& buffer) {
  collector.requests.clear();
  const MutableBytes bytes = buffer.bytes().first(operation.length_bytes);
  Done done;
  if (operation.kind == OperationKind::read) {
    ReadPlan plan;
    EXPECT_TRUE(chain.read(operation.offset_bytes, bytes, plan));
    done = {.layers_probed = plan.layers_probed,
            .lookups = plan.tables.lookups,
            .table_reads = plan.tables.reads};
  } else if (operation.kind == OperationKind::write) {
    WritePlan plan;
    EXPECT_TRUE(chain.write(operation.offset_bytes, bytes, plan));
    done = {.lookups = plan.tables.lookups, .table_reads = plan.tables.reads};
  } else {
    EXPECT_TRUE(chain.flush());
  }
  done.requests = collector.requests;
  return done;
}

TEST(OneStory, RealEngineAndModelSendTheSameRequests) {
  // Goal: DESIGN's promise that execution and simulation are one story. Method: a base and five layers, each
  // written at random in pieces smaller and larger than a block, with flushes; then a mixed load. Every
  // operation of both worlds is compared: files, offsets, lengths, order, probes, table pages.
  RealWorld real;
  ModelledWorld modelled;
  AlignedBuffer buffer(8 * mib);
  for (uint64_t layer = 0; layer < 6; ++layer) {
    real.add_layer();
    modelled.add_layer();
    Collector real_requests;
    Collector modelled_requests;
    Chain real_chain = real.open(real_requests);
    Chain modelled_chain = modelled.open(modelled_requests);
    const std::pair<uint64_t, uint64_t> loads[] = {{64 * kib, 120}, {3 * mib, 4}, {4 * kib, 200}};
    for (const auto& [block, count] : loads) {
      const auto stream = operations(layer * 10 + block, block, layer == 0 ? 20 : 50, count);
      for (uint64_t i = 0; i < stream->length(); ++i) {
        const Operation operation = stream->at(i);
        const Done really = carry_out_on(real_chain, operation, real_requests, buffer);
        const Done modelled_so = carry_out_on(modelled_chain, operation, modelled_requests, buffer);
        ASSERT_EQ(really.layers_probed, modelled_so.layers_probed)
            << "layer " << layer << ", operation " << i;
        ASSERT_EQ(really.requests.size(), modelled_so.requests.size())
            << "layer " << layer << ", operation " << i;
        ASSERT_EQ(really, modelled_so) << "layer " << layer << ", operation " << i;
      }
    }
    real_requests.requests.clear();
    modelled_requests.requests.clear();
    ASSERT_TRUE(real_chain.close());
    ASSERT_TRUE(modelled_chain.close());
    EXPECT_EQ(real_requests.requests, modelled_requests.requests) << "closing layer " << layer;
  }
}

// The same history in both worlds, and the merge of all its layers into the base: what the engine asks of
// files, and what the simulator takes down.
struct TwoMerges {
  std::vector<sim::FileRequest> real;
  std::vector<sim::FileRequest> priced;
  std::vector<BatchCost> batches;
};

// Writes of one layer: from where on, how large, how many, and how far apart (0: at random places).
struct History {
  uint64_t block = 0;
  uint64_t count = 0;
  uint64_t stride = 0;
};

TwoMerges merge_both(uint64_t size, const std::vector<std::vector<History>>& layers, uint32_t in_flight) {
  RealWorld real(size);
  SimChain modelled;
  const sim::DeviceProfile profile = profile_of("volume", small_volume());
  SimHost host(profile);
  modelled.begin({.size_bytes = size,
                  .block_size_bytes = block_size,
                  .logical_sector_size_bytes = 512,
                  .physical_sector_size_bytes = 4096});
  AlignedBuffer buffer(8 * mib);
  Collector unasked;
  SeededRandom random(11);
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    real.add_layer();
    if (layer > 0) modelled.add_checkpoint();
    TableMemory memory;
    Chain real_chain = real.open(unasked);
    Chain modelled_chain = modelled.open(OpenMode::read_write, memory);
    WritePlan plan;
    for (const History& each : layers[layer]) {
      for (uint64_t i = 0; i < each.count; ++i) {
        const uint64_t place =
            each.stride > 0 ? i * each.stride : random.next_u64() % (size / each.block) * each.block;
        EXPECT_TRUE(real_chain.write(place, buffer.bytes().first(each.block), plan));
        EXPECT_TRUE(modelled.write(modelled_chain, {place, each.block}, plan));
      }
    }
    EXPECT_TRUE(real_chain.close());
    EXPECT_TRUE(modelled_chain.close());
  }

  TwoMerges both;
  const MergeRange range{.target = 0, .top = static_cast<LayerIndex>(layers.size() - 1)};
  Collector asked;
  const Chain sources = real.open(asked, OpenMode::read_only);
  const auto target = real.open_layer(0, asked, OpenMode::read_write);
  asked.requests.clear();
  const MoveWatch watch{.stop_or_go_on = [] { return Result<void>{}; },
                        .moved = [](const MoveTotals&) {},
                        .durable = [](uint64_t, const MoveTotals&) { return Result<void>{}; }};
  EXPECT_TRUE(move_union(sources.layers(), range, {}, *target, {.requests_in_flight = in_flight}, watch,
                         system_clock()));
  EXPECT_TRUE(target->close());
  both.real = std::move(asked.requests);

  SimMerge merge(modelled, host, range, batch_bytes_max);
  EarlyFlushCourse early;
  for (bool is_last = false; !is_last;) {
    auto batch = merge.next();
    EXPECT_TRUE(batch);
    if (!batch) break;
    is_last = batch->is_last();
    const auto add = [&](const OperationCost& cost) {
      both.priced.insert(both.priced.end(), cost.requests.begin(), cost.requests.end());
    };
    add(batch->planning);
    std::ranges::for_each(batch->tasks, add);
    add(batch->publishing);
    if (batch->early_flush && early.is_due_after(batch->bytes_copied, false))
      both.priced.push_back(*batch->early_flush);
    both.batches.push_back(*std::move(batch));
  }
  return both;
}

auto in_order_of_files(const sim::FileRequest& request) {
  return std::tuple(request.file, request.kind, request.offset_bytes, request.length_bytes);
}

TEST(OneStory, MergesSendTheSameRequests) {
  // Goal: the simulator prices the engine's merge, request by request. Method: three layers with scattered
  // sectors, pieces that are gathered, blocks and runs over several blocks; one thread, so that order counts.
  const TwoMerges both = merge_both(disk_size,
                                    {{{2 * mib, 20}},
                                     {{4 * kib, 200}, {3 * mib, 3}},
                                     {{64 * kib, 60}, {512, 100}},
                                     {{16 * kib, 150}, {2 * mib, 4}}},
                                    1);
  ASSERT_EQ(both.batches.size(), 2U) << "one batch, and the end";
  ASSERT_EQ(both.real.size(), both.priced.size());
  for (size_t i = 0; i < both.real.size(); ++i)
    ASSERT_EQ(both.real[i], both.priced[i]) << "request " << i;
}

TEST(OneStory, MergesPassOverTheHolesOfALargeDiskAlike) {
  // Goal: a merge reads no table page in which nothing stands, and the simulator prices none. Method: three
  // layers of a disk whose table is 1,025 pages long, each with a few writes far apart; every page that is
  // read, in order.
  const uint64_t size = uint64_t{1} << 40;
  const TwoMerges both = merge_both(
      size, {{}, {{4 * kib, 9, 120'000 * mib}}, {{64 * kib, 3, 300'000 * mib}}, {{2 * mib, 5}}}, 1);
  ASSERT_EQ(both.real.size(), both.priced.size());
  for (size_t i = 0; i < both.real.size(); ++i)
    ASSERT_EQ(both.real[i], both.priced[i]) << "request " << i;
}

TEST(OneStory, LargeMergesGoInTheSameBatchesByAsManyThreads) {
  // Goal: batches, tasks, threads and the flush beside them are the engine's. Method: 100 MiB in runs and
  // scattered pieces; what the engine's four threads ask, in any order, is what was taken down.
  TwoMerges both =
      merge_both(160 * mib, {{{2 * mib, 10}}, {{1 * mib, 100, 1 * mib}}, {{4 * kib, 300}, {512, 100}}}, 4);
  std::ranges::sort(both.real, {}, in_order_of_files);
  std::ranges::sort(both.priced, {}, in_order_of_files);
  EXPECT_EQ(both.real, both.priced);
  ASSERT_EQ(both.batches.size(), 3U);
  EXPECT_EQ(both.batches[0].threads, 4U);
  EXPECT_GE(both.batches[0].bytes_copied, 64 * mib);
  for (const OperationCost& task : both.batches[0].tasks) {
    for (const sim::FileRequest& request : task.requests)
      EXPECT_LE(request.length_bytes, 4 * mib);
  }
  EXPECT_TRUE(both.batches[2].is_last());
}

TEST(OneStory, RealEngineTakesVirtualTimeOnADevice) {
  // Goal: the engine itself can run on a modelled device. Method: the same random reads through the real
  // format over a hard disk and over a flash volume; content right, time as the devices take.
  const auto time_on = [](const sim::DeviceProfile& profile) {
    sim::EventQueue events;
    const auto device = sim::make_device(profile, events, 1);
    sim::Volume volume(device->capacity_bytes());
    sim::DeviceWait wait(volume, *device, events);
    RealWorld real;
    real.add_layer();
    Chain chain = real.open(wait);
    std::vector<std::byte> data(mib, std::byte{7});
    WritePlan write_plan;
    for (uint64_t offset = 0; offset < disk_size; offset += mib)
      EXPECT_TRUE(chain.write(offset, data, write_plan));
    EXPECT_TRUE(chain.flush());
    const sim::VirtualTime begin = events.now();
    ReadPlan plan;
    std::vector<std::byte> found(4 * kib);
    SeededRandom random(3);
    for (int i = 0; i < 200; ++i) {
      EXPECT_TRUE(chain.read(random.next_u64() % (disk_size / 4096) * 4096, found, plan));
      EXPECT_EQ(found, std::vector<std::byte>(4 * kib, std::byte{7}));
    }
    return sim::seconds(events.now() - begin) / 200;
  };
  EXPECT_GT(time_on(profile_of("hdd", small_hdd())), 0.002);
  auto volume = small_volume();
  volume.operations_per_s_max.reset();
  EXPECT_NEAR(time_on(profile_of("volume", volume)), 704e-6, 5e-6);  // round trip, service, 4 KiB at 1 GB/s
}

}  // namespace
}  // namespace vhdlab::tests
