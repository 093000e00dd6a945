// Building the deep chain with the engine and reading through it; see
// vhdlab_peer.h.
#include "bench/peers/vhdlab_peer.h"

#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "bench/peers/plain_loop.h"
#include "bench/peers/read_loop.h"
#include "engine/base/random.h"
#include "engine/chain/chain_open.h"
#include "engine/io/posix_file_system.h"
#include "scenarios/targets/perform.h"
#include "scenarios/workload/content_ledger.h"

namespace vhdlab::peers {
namespace {

constexpr uint32_t checked_places = 256;
constexpr uint64_t warm_step_bytes = mib;

CacheMode cache_mode(const ReadWork& work) {
  if (work.direct) return CacheMode::direct;
  return work.io == IoKind::mapped ? CacheMode::mapped : CacheMode::buffered;
}

// As a scenario with `io: io_uring` reads.
Result<double> read_through_ring(Chain& chain, const scenarios::OperationStream& stream,
                                 const ReadWork& work) {
  scenarios::ContentLedger nothing_written(chain.disk_size_bytes());
  const auto done = TRY(scenarios::perform_on_chain(chain, stream, {0, 1, nothing_written},
                                                    {.queue_depth = work.queue_depth,
                                                     .io = scenarios::IoKind::io_uring,
                                                     .direct = work.direct,
                                                     .only_reads = true,
                                                     .lookup = {.resolve = work.resolve},
                                                     .duration = work.duration},
                                                    {}, {}));
  return static_cast<double>(done.outcome.reads.operations) / done.outcome.duration_s;
}

class VhdlabPeer final : public Peer {
 public:
  explicit VhdlabPeer(std::string folder) : folder_(std::move(folder)) {}

  std::string_view name() const override { return "vhdlab"; }

  std::vector<std::string> files(uint32_t depth) const override {
    std::vector<std::string> paths;
    for (uint32_t layer = 0; layer <= depth; ++layer)
      paths.push_back(vhdlab_leaf(folder_, layer));
    return paths;
  }

  Result<void> build(const DiskShape& shape) override {
    shape_ = shape;
    if (files_.exists(vhdlab_leaf(folder_, shape.depth_max))) return {};
    TRY(create_disk(files_, vhdlab_leaf(folder_, 0),
                    {.disk_size_bytes = shape.disk_bytes, .block_size_bytes = shape.base_block_bytes},
                    random_));
    Chain chain = TRY(open_chain(files_, vhdlab_leaf(folder_, 0), {.mode = OpenMode::read_write}, random_));
    WritePlan plan;
    std::vector<std::byte> block(shape.base_block_bytes);
    for (uint64_t offset = 0; offset < shape.disk_bytes; offset += block.size()) {
      std::memset(block.data(), base_content(shape, offset), block.size());
      TRY(chain.write(offset, block, plan));
    }
    for (uint32_t layer = 1; layer <= shape.depth_max; ++layer) {
      TRY(take_checkpoint(files_, chain, vhdlab_leaf(folder_, layer), {}, CacheMode::buffered, random_));
      for (uint32_t number = 0; number < shape.writes_per_layer; ++number) {
        const ShapeWrite write = write_of(shape, layer, number);
        std::memset(block.data(), write.content, shape.write_bytes);
        TRY(chain.write(write.offset, Bytes(block).first(shape.write_bytes), plan));
      }
    }
    return chain.close();
  }

  Result<void> check(uint32_t depth) override {
    const Chain chain = TRY(open_chain(files_, vhdlab_leaf(folder_, depth), {}, random_));
    ReadPlan plan;
    std::vector<std::byte> found(4096);
    SeededRandom places(shape_.seed);
    for (uint32_t i = 0; i < checked_places; ++i) {
      const uint64_t offset = places.next_u64() % (shape_.disk_bytes / found.size()) * found.size();
      TRY(chain.read(offset, found, plan));
      const auto expected = static_cast<std::byte>(expected_content(shape_, depth, offset));
      if (found.front() == expected && found.back() == expected) continue;
      return failure(ErrorKind::wrong_data, "peer-wrong-data",
                     fmt::format("vhdlab at depth {}: byte {:#x} is {}, expected {}", depth, offset,
                                 std::to_integer<int>(found.front()), std::to_integer<int>(expected)));
    }
    return {};
  }

  Result<double> read(const ReadWork& work) override {
    const auto stream = TRY(reads_of(work, shape_.disk_bytes, shape_.seed));
    Chain chain = TRY(open_chain(files_, vhdlab_leaf(folder_, work.depth),
                                 {.cache = cache_mode(work), .resolve = work.resolve}, random_));
    // Tables, and the pages of mappings: the plain file's mapping is populated before it is read, too.
    ReadPlan plan;
    AlignedBuffer buffer(warm_step_bytes);
    for (uint64_t offset = 0; offset < shape_.disk_bytes; offset += warm_step_bytes) {
      TRY(chain.resolve({offset, warm_step_bytes}, plan));
      if (work.io == IoKind::mapped) TRY(chain.read(offset, buffer.bytes(), plan));
    }
    if (work.io == IoKind::io_uring) return read_through_ring(chain, *stream, work);
    return reads_per_second(*stream, work, [&] {
      return [&chain, thread_plan = ReadPlan()](uint64_t offset, MutableBytes into) mutable {
        return chain.read(offset, into, thread_plan);
      };
    });
  }

 private:
  std::string folder_;
  PosixFileSystem files_;
  SeededRandom random_{1};
  DiskShape shape_;
};

// The same files without the engine: where each request stands was looked up before the clock started.
class PlacesPeer final : public Peer {
 public:
  explicit PlacesPeer(const std::string& folder) : chain_(folder) {}

  std::string_view name() const override { return "places"; }
  std::vector<std::string> files(uint32_t depth) const override { return chain_.files(depth); }

  Result<void> build(const DiskShape& shape) override {
    shape_ = shape;
    return chain_.build(shape);
  }
  Result<void> check(uint32_t depth) override { return chain_.check(depth); }

  Result<double> read(const ReadWork& work) override {
    PosixFileSystem file_system;
    SeededRandom random(1);
    PlainFiles files = TRY(open_plain_files(chain_.files(work.depth), work));
    {
      const Chain chain =
          TRY(open_chain(file_system, files.paths.back(), {.resolve = ResolveMode::index}, random));
      ReadPlan plan;
      for (uint64_t offset = 0; offset < shape_.disk_bytes; offset += work.request_bytes) {
        TRY(chain.resolve({offset, work.request_bytes}, plan));
        if (plan.segments.size() != 1 || plan.segments[0].is_zero) {
          return failure(ErrorKind::unsupported, "peer-io-unsupported",
                         "a request that stands in two files, or in none, has no one place");
        }
        files.table.push_back({plan.segments[0].layer, plan.segments[0].file_offset});
      }
    }
    return read_plain_files(files, work, shape_.disk_bytes, shape_.seed);
  }

 private:
  VhdlabPeer chain_;
  DiskShape shape_;
};

}  // namespace

std::string vhdlab_leaf(const std::string& folder, uint32_t depth) {
  const std::string name = depth == 0 ? "base.vhdx" : fmt::format("layer{}.avhdx", depth);
  return (std::filesystem::path(folder) / name).string();
}

std::unique_ptr<Peer> make_vhdlab_peer(const std::string& folder) {
  return std::make_unique<VhdlabPeer>(folder);
}

std::unique_ptr<Peer> make_places_peer(const std::string& folder) {
  return std::make_unique<PlacesPeer>(folder);
}

}  // namespace vhdlab::peers
