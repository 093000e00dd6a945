// Reads: cached and direct, at depth 1 and in the deep chain, through a plain
// file, vhdlab, qemu and fio.
#include <algorithm>

#include <fmt/format.h>

#include "bench/peers/qemu_peer.h"
#include "bench/peers/questions.h"

namespace vhdlab::peers {
namespace {

constexpr uint32_t deep_queue = 32;
constexpr uint32_t sequential_depth = 32;

void add_lane(Question& question, Peer* peer, const std::string& name, const ReadWork& work) {
  if (peer == nullptr) return;
  question.lanes.push_back({.name = name,
                            .measure = [peer, work]() -> Result<Measured> {
                              return Measured{.value = TRY(peer->read(work)), .note = {}};
                            },
                            .files = peer->files(work.depth),
                            .warmth = work.direct ? Warmth::device : Warmth::page_cache});
}

// One request at a time where a thread carries each, many where a ring does.
uint32_t cached_queue(IoKind io) {
  return io == IoKind::io_uring ? deep_queue : 1;
}

std::string lane_name(std::string_view peer, uint32_t depth, IoKind io) {
  return fmt::format("{} {} {}", peer, depth, io_name(io));
}

uint32_t qemu_deepest(const Bench& bench) {
  return std::min(bench.qemu_depth_max, bench.shape.depth_max);
}

// A chain against its own files without the engine, and those against `over`: which part of what depth
// costs is the engine's, and which the system's.
void add_places(Question& question, Bench& bench, const std::string& prefix, const ReadWork& work,
                const std::string& over) {
  const std::string places = lane_name("places", work.depth, work.io);
  add_lane(question, bench.places.get(), places, work);
  question.rules.push_back(
      {.name = fmt::format("{}-engine-{}-{}", prefix, work.depth, io_name(work.io)),
       .what = fmt::format("{} scattered 4 KiB reads, {}, depth {}: vhdlab / its files read "
                           "at places looked up before",
                           prefix, io_name(work.io), work.depth),
       .numerator = lane_name("vhdlab", work.depth, work.io),
       .denominator = places});
  question.rules.push_back(
      {.name = fmt::format("{}-files-{}-{}", prefix, work.depth, io_name(work.io)),
       .what = fmt::format("{} scattered 4 KiB reads, {}: the files of depth {} read at places "
                           "looked up before / {}",
                           prefix, io_name(work.io), work.depth, over),
       .numerator = places,
       .denominator = over});
}

// Lanes "qemu raw", "qemu 1" ... and their figures, each depth over depth 1 and
// depth 1 over raw.
void add_qemu(Question& question, Bench& bench, const std::string& prefix, const ReadWork& work) {
  ReadWork at = work;
  auto add = [&](const std::string& name, uint32_t depth) {
    at.depth = depth;
    add_lane(question, bench.qemu.get(), name, at);
  };
  add("qemu raw", depth_raw);
  add("qemu 1", 1);
  question.rules.push_back(
      {.name = "qemu-" + prefix + "-plain",
       .what = "qemu: " + prefix + " scattered 4 KiB reads, queue depth 32, depth 1 / raw file",
       .numerator = "qemu 1",
       .denominator = "qemu raw"});
  std::vector<uint32_t> depths = {std::min<uint32_t>(128, qemu_deepest(bench)), qemu_deepest(bench)};
  depths.erase(std::unique(depths.begin(), depths.end()), depths.end());
  const std::string over = work.direct ? "qemu raw" : "qemu 1";
  for (const uint32_t depth : depths) {
    add(fmt::format("qemu {}", depth), depth);
    question.rules.push_back(
        {.name = fmt::format("qemu-{}-depth-{}", prefix, depth),
         .what = fmt::format("qemu: {} scattered 4 KiB reads, queue depth 32, depth {} / {}", prefix, depth,
                             work.direct ? "raw file" : "depth 1"),
         .numerator = fmt::format("qemu {}", depth),
         .denominator = over});
  }
}

}  // namespace

Question cached_reads(Bench& bench) {
  Question question{.name = "cached", .lanes = {}, .rules = {}};
  const uint32_t deep = bench.shape.depth_max;
  const std::string qemu_deep = fmt::format("qemu-cached-depth-{}", qemu_deepest(bench));
  for (const IoKind io : {IoKind::mapped, IoKind::psync, IoKind::io_uring}) {
    const ReadWork work{.io = io, .queue_depth = cached_queue(io), .duration = bench.duration};
    auto at = [&](uint32_t depth) {
      ReadWork one = work;
      one.depth = depth;
      return one;
    };
    add_lane(question, bench.plain.get(), lane_name("plain", 0, io), at(0));
    add_lane(question, bench.vhdlab.get(), lane_name("vhdlab", 1, io), at(1));
    add_lane(question, bench.vhdlab.get(), lane_name("vhdlab", deep, io), at(deep));
    const double reach = io == IoKind::mapped ? 0.95 : 0.6;
    question.rules.push_back(
        {.name = fmt::format("cached-depth-{}", io_name(io)),
         .what =
             fmt::format("cached scattered 4 KiB reads, {}, index, depth {} / depth 1", io_name(io), deep),
         .numerator = lane_name("vhdlab", deep, io),
         .denominator = lane_name("vhdlab", 1, io),
         .reach = reach,
         .qemu = qemu_deep});
    question.rules.push_back(
        {.name = fmt::format("cached-plain-{}", io_name(io)),
         .what = fmt::format("cached scattered 4 KiB reads, {}, vhdlab depth 1 / plain file", io_name(io)),
         .numerator = lane_name("vhdlab", 1, io),
         .denominator = lane_name("plain", 0, io),
         .reach = 0.87,
         .qemu = "qemu-cached-plain"});
    for (const uint32_t depth : {1U, deep})
      add_places(question, bench, "cached", at(depth), lane_name("plain", 0, io));
  }

  ReadWork work{.duration = bench.duration};
  work.depth = deep;
  work.resolve = ResolveMode::walk;
  add_lane(question, bench.vhdlab.get(), "vhdlab walk", work);
  question.rules.push_back(
      {.name = "cached-depth-walk",
       .what = fmt::format("cached scattered 4 KiB reads, psync, walk, depth {} / depth 1", deep),
       .numerator = "vhdlab walk",
       .denominator = lane_name("vhdlab", 1, IoKind::psync)});
  work.resolve = ResolveMode::index;
  work.order = ReadOrder::random;
  add_lane(question, bench.vhdlab.get(), "vhdlab random", work);
  work.depth = 1;
  add_lane(question, bench.vhdlab.get(), "vhdlab 1 random", work);
  question.rules.push_back({.name = "cached-depth-random",
                            .what = fmt::format("the same by random draws: cached 4 KiB reads, "
                                                "psync, index, depth {} / depth 1",
                                                deep),
                            .numerator = "vhdlab random",
                            .denominator = "vhdlab 1 random",
                            .reach = 0.6,
                            .qemu = qemu_deep});

  add_lane(question, bench.fio.get(), "fio",
           {.duration = std::max(bench.duration, Nanoseconds(100'000'000))});
  question.rules.push_back({.name = "judge-fio-cached",
                            .what = "judge: cached 4 KiB reads of the plain file, psync, fio / this "
                                    "program's loop",
                            .numerator = "fio",
                            .denominator = lane_name("plain", 0, IoKind::psync)});

  add_qemu(question, bench, "cached",
           {.io = IoKind::io_uring, .queue_depth = deep_queue, .duration = bench.duration});
  const uint32_t qemu_depth = std::min<uint32_t>(128, qemu_deepest(bench));
  const double passed = mean_layers_probed(bench.shape, qemu_depth) - mean_layers_probed(bench.shape, 1);
  question.rules.push_back(
      {.name = "qemu-walk",
       .what = fmt::format("qemu: cost per layer passed at depth {}, from the reads", qemu_depth),
       .numerator = fmt::format("qemu {}", qemu_depth),
       .denominator = "qemu 1",
       .unit = "ns",
       .higher_is_better = false,
       .combine = [passed](double at_depth, double at_one) {
         return (1e9 / at_depth - 1e9 / at_one) / passed;
       }});
  return question;
}

Question direct_reads(Bench& bench) {
  Question question{.name = "direct", .lanes = {}, .rules = {}};
  const uint32_t deep = bench.shape.depth_max;
  for (const IoKind io : {IoKind::psync, IoKind::io_uring}) {
    ReadWork work{.io = io, .queue_depth = deep_queue, .direct = true, .duration = bench.duration};
    add_lane(question, bench.plain.get(), lane_name("plain", 0, io), work);
    work.depth = deep;
    add_lane(question, bench.vhdlab.get(), lane_name("vhdlab", deep, io), work);
    question.rules.push_back({.name = fmt::format("direct-depth-{}", io_name(io)),
                              .what = fmt::format("direct scattered 4 KiB reads, {}, queue depth "
                                                  "32, depth {} / plain file",
                                                  io_name(io), deep),
                              .numerator = lane_name("vhdlab", deep, io),
                              .denominator = lane_name("plain", 0, io),
                              .reach = 0.95,
                              .qemu = fmt::format("qemu-direct-depth-{}", qemu_deepest(bench))});
    add_places(question, bench, "direct", work, lane_name("plain", 0, io));
  }
  add_lane(question, bench.fio.get(), "fio",
           {.io = IoKind::io_uring,
            .queue_depth = deep_queue,
            .direct = true,
            .duration = std::max(bench.duration, Nanoseconds(100'000'000))});
  question.rules.push_back({.name = "judge-fio-direct",
                            .what = "judge: direct 4 KiB reads of the plain file, io_uring, queue "
                                    "depth 32, fio / this program's loop",
                            .numerator = "fio",
                            .denominator = lane_name("plain", 0, IoKind::io_uring)});
  add_qemu(question, bench, "direct",
           {.io = IoKind::psync, .queue_depth = deep_queue, .direct = true, .duration = bench.duration});
  return question;
}

Question sequential_reads(Bench& bench) {
  Question question{.name = "sequential", .lanes = {}, .rules = {}};
  const uint32_t depth = std::min(sequential_depth, bench.shape.depth_max);
  for (const bool direct : {false, true}) {
    const std::string_view how = direct ? "direct" : "cached";
    ReadWork work{.request_bytes = mib,
                  .order = ReadOrder::sequential,
                  .queue_depth = direct ? 4U : 1U,
                  .direct = direct,
                  .duration = bench.duration};
    add_lane(question, bench.plain.get(), fmt::format("plain {}", how), work);
    work.depth = depth;
    add_lane(question, bench.vhdlab.get(), fmt::format("vhdlab {}", how), work);
    work.io = direct ? IoKind::psync : IoKind::io_uring;
    work.depth = depth_raw;
    add_lane(question, bench.qemu.get(), fmt::format("qemu raw {}", how), work);
    work.depth = std::min(depth, qemu_deepest(bench));
    add_lane(question, bench.qemu.get(), fmt::format("qemu {}", how), work);
    question.rules.push_back(
        {.name = fmt::format("sequential-{}", how),
         .what = fmt::format("{} sequential 1 MiB reads through depth {} / plain file", how, depth),
         .numerator = fmt::format("vhdlab {}", how),
         .denominator = fmt::format("plain {}", how),
         .reach = 0.9,
         .qemu = fmt::format("qemu-sequential-{}", how)});
    question.rules.push_back(
        {.name = fmt::format("qemu-sequential-{}", how),
         .what = fmt::format("qemu: {} sequential 1 MiB reads, depth {} / raw file", how, work.depth),
         .numerator = fmt::format("qemu {}", how),
         .denominator = fmt::format("qemu raw {}", how)});
  }
  return question;
}

double mean_layers_probed(const DiskShape& shape, uint32_t depth) {
  double probes = 0;
  const uint64_t units = shape.disk_bytes / shape.write_bytes;
  std::vector<uint32_t> newest(units, 0);
  for (uint32_t layer = 1; layer <= depth; ++layer) {
    for (uint32_t number = 0; number < shape.writes_per_layer; ++number)
      newest[write_of(shape, layer, number).offset / shape.write_bytes] = layer;
  }
  for (const uint32_t layer : newest)
    probes += 1 + depth - layer;
  return probes / static_cast<double>(units);
}

}  // namespace vhdlab::peers
