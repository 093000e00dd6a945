// One story: the real VHDX engine over simulated files and the simulator's layers without data send the same
// requests, ask the same layers and look at the same table pages, operation by operation.
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/base/random.h"
#include "engine/chain/chain.h"
#include "engine/io/memory_file_system.h"
#include "engine/layer/extent_layer.h"
#include "engine/layer/vhdx_layer.h"
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
    requests.push_back(request);
    return {};
  }
};

// The real format, its bytes in memory, its requests in the collector.
class RealWorld {
 public:
  void add_layer() {
    const auto number = static_cast<uint32_t>(count_);
    vhdx::DiskMetadata metadata{.disk_size_bytes = disk_size, .block_size_bytes = block_size};
    if (number > 0)
      metadata.parent =
          vhdx::ParentLocator{.linkage = Guid::make_random(random_), .relative_path = ".\\parent.vhdx"};
    const auto file = std::move(*files_.create(path(number)));
    const auto created = vhdx::Image::create(*file, metadata, random_);
    ASSERT_TRUE(created) << created.error().text();
    ++count_;
  }

  // The chain with its leaf open for writing; what opening reads is not the story.
  Chain open(sim::RequestSink& sink) {
    std::vector<std::unique_ptr<Layer>> layers;
    for (size_t i = 0; i < count_; ++i) {
      const auto number = static_cast<uint32_t>(i);
      const OpenMode mode = i + 1 == count_ ? OpenMode::read_write : OpenMode::read_only;
      auto file = std::make_unique<sim::SimulatedFile>(path(number), number, sink,
                                                       std::move(*files_.open(path(number), mode)));
      auto image = vhdx::Image::open(std::move(file), mode, random_);
      EXPECT_TRUE(image) << image.error().text();
      layers.push_back(std::make_unique<VhdxLayer>(path(number), std::move(*image)));
    }
    return Chain(std::move(layers));
  }

 private:
  static std::string path(uint32_t number) { return fmt::format("/layer-{}", number); }

  MemoryFileSystem files_;
  SeededRandom random_{1};
  size_t count_ = 0;
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
