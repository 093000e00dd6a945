// The vocabulary of the scenario language: each step's keys, defaults and limits stand here once.
#include "scenarios/language/bind.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "scenarios/language/bind_arrivals.h"
#include "scenarios/language/bind_checkpoints.h"
#include "scenarios/language/bind_live_merge.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

using Keys = std::vector<std::string_view>;
using Hints = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr uint64_t disk_bytes_min = 3 * mib;   // the smallest disk Hyper-V makes
constexpr uint64_t disk_bytes_max = 64 * tib;  // MS-VHDX 2.6.2.2: maximum virtual disk size
constexpr uint64_t workload_block_bytes_max = 256 * mib;
constexpr uint64_t buffers_bytes_max = 4 * gib;  // queue depth times block size
constexpr Nanoseconds duration_max = std::chrono::hours(24 * 30);
constexpr uint64_t operations_max = uint64_t{1} << 40;

constexpr std::array<Word<AccessPattern>, 3> pattern_words = {{{"random", AccessPattern::random},
                                                               {"sequential", AccessPattern::sequential},
                                                               {"zipf", AccessPattern::zipf}}};
constexpr std::array<Word<DiskType>, 2> disk_type_words = {
    {{"dynamic", DiskType::dynamic}, {"fixed", DiskType::fixed}}};
constexpr std::array<Word<bool>, 1> disk_format_words = {{{"vhdx", true}}};
constexpr std::array<Word<IoKind>, 3> io_kind_words = {
    {{"psync", IoKind::psync}, {"io_uring", IoKind::io_uring}, {"mapped", IoKind::mapped}}};
constexpr std::array<Word<TraceFormat>, 3> trace_format_words = {
    {{"auto", TraceFormat::detect},
     {"cloudphysics-csv", TraceFormat::cloudphysics_csv},
     {"fio-iolog", TraceFormat::fio_iolog}}};
constexpr std::array<Word<ReplayTiming>, 2> timing_words = {
    {{"as-fast-as-possible", ReplayTiming::as_fast_as_possible}, {"recorded", ReplayTiming::recorded}}};
constexpr std::array<Word<MergeOrder>, 3> order_words = {
    {{"one-pass", MergeOrder::one_pass},
     {"pairwise-oldest-first", MergeOrder::pairwise_oldest_first},
     {"pairwise-newest-first", MergeOrder::pairwise_newest_first}}};

class PointBinder {
 public:
  PointBinder(const Node& root, Judge& judge, const std::string& folder)
      : root_(root), judge_(judge), folder_(folder) {}

  ScenarioPoint bind() {
    bind_disk();
    bind_io();
    bind_sim();
    bind_setup();
    bind_measure();
    if (judge_.findings().empty()) tell_story(root_, point_, judge_);
    return std::move(point_);
  }

 private:
  // --- the disk ---

  void bind_disk() {
    DiskSettings& disk = point_.disk;
    disk = {.type = DiskType::dynamic,
            .size_bytes = 1 * gib,
            .block_size_bytes = 32 * mib,  // what Hyper-V gives a new disk
            .logical_sector_size_bytes = 512,
            .physical_sector_size_bytes = 4096};
    const Node* node = root_.find("disk");
    if (node == nullptr) {
      judge_.add(root_, "the scenario has no 'disk'", "say at least disk: { size: 1GiB }");
      return;
    }
    const Keys keys = {"format", "type", "size", "block_size", "logical_sector_size", "physical_sector_size"};
    Settings settings(judge_, *node, "disk", keys);
    (void)settings.word<bool>("format", disk_format_words);
    disk.type = settings.word<DiskType>("type", disk_type_words).value_or(disk.type);
    disk.logical_sector_size_bytes =
        sector_size(settings, "logical_sector_size", disk.logical_sector_size_bytes);
    disk.physical_sector_size_bytes =
        sector_size(settings, "physical_sector_size", disk.physical_sector_size_bytes);

    if (const auto size = settings.size("block_size", mib, 256 * mib)) {
      if (std::has_single_bit(*size)) {
        disk.block_size_bytes = static_cast<uint32_t>(*size);
      } else {
        judge_.add(*settings.find("block_size"),
                   fmt::format("'block_size' of 'disk' is {}, expected a power of two", format_size(*size)),
                   fmt::format("the nearest are {} and {}", format_size(std::bit_floor(*size)),
                               format_size(std::bit_ceil(*size))));
      }
    }
    (void)settings.required("size", "say how large the disk is, as in size: 1GiB");
    if (const auto size = settings.size("size", disk_bytes_min, disk_bytes_max)) {
      disk_size_known_ = true;
      disk.size_bytes = *size;
      if (*size % disk.logical_sector_size_bytes != 0) {
        disk.size_bytes = round_down(*size, disk.logical_sector_size_bytes);
        judge_.add(*settings.find("size"),
                   fmt::format("'size' of 'disk' is {} bytes, not whole sectors of {}", *size,
                               disk.logical_sector_size_bytes));
      }
    }
  }

  uint32_t sector_size(Settings& settings, std::string_view key, uint32_t otherwise) {
    const auto size = settings.size(key, 512, 4096);
    if (!size) return otherwise;
    if (*size == 512 || *size == 4096) return static_cast<uint32_t>(*size);
    judge_.add(*settings.find(key),
               fmt::format("{} is {}, expected 512 or 4096", settings.name_of(key), *size));
    return otherwise;
  }

  void bind_io() {
    const Node* node = root_.find("io");
    if (node == nullptr) return;
    if (node->kind == Node::Kind::scalar) {  // io: io_uring
      point_.io = judge_.word<IoKind>(*node, "'io'", io_kind_words).value_or(IoKind::psync);
      return;
    }
    const Keys keys = {"kind", "engine", "direct", "resolve", "metadata_cache"};
    Settings settings(judge_, *node, "io", keys);
    const bool by_older_name = settings.find("kind") == nullptr;
    point_.io =
        settings.word<IoKind>(by_older_name ? "engine" : "kind", io_kind_words).value_or(IoKind::psync);
    if (const Node* engine = settings.find("engine"); engine != nullptr && !by_older_name)
      judge_.add(*engine, "'engine' of 'io' is the older name of 'kind', and both are given", "remove it");
    direct_default_ = settings.boolean("direct").value_or(false);
    const std::array<Word<ResolveMode>, 2> modes = {
        {{"walk", ResolveMode::walk}, {"index", ResolveMode::index}}};
    point_.lookup.resolve = settings.word<ResolveMode>("resolve", modes).value_or(ResolveMode::walk);
    point_.lookup.metadata_cache_bytes = metadata_cache(settings);
  }

  // A size, or the word that says there is no limit.
  std::optional<uint64_t> metadata_cache(Settings& settings) {
    const Node* node = settings.find("metadata_cache");
    if (node == nullptr) return std::nullopt;
    const auto value = judge_.resolve(*node);
    const bool is_scalar = value && value->resolved->kind == Node::Kind::scalar;
    if (is_scalar && value->resolved->text == "unlimited") return std::nullopt;
    return settings.size("metadata_cache", table_page_length, 64 * gib);
  }

  void bind_sim() {
    const Node* node = root_.find("sim");
    if (node == nullptr) return;
    const Keys keys = {"device"};
    Settings settings(judge_, *node, "sim", keys);
    if (const Node* device = settings.find("device")) point_.sim.device = device_name(*device, settings);
  }

  // A profile's path that stands in the file counts from the file's folder, as a trace's does.
  std::optional<std::string> device_name(const Node& node, Settings& settings) {
    const auto text = settings.text("device");
    const bool is_path = text && (text->find('/') != std::string::npos || text->ends_with(".yaml"));
    return is_path ? path_in_file(node, settings.name_of("device")) : text;
  }

  // --- setup ---

  void bind_setup() {
    const Node* node = root_.find("setup");
    if (node == nullptr) {
      judge_.add(root_, "the scenario has no 'setup'", "begin it with '- create: base'");
      return;
    }
    uint64_t checkpoints = 0;
    const uint64_t steps = bind_setup_steps(*node, "setup", point_.setup, checkpoints, 0);
    if (steps > setup_steps_max) {
      judge_.add(*node, fmt::format("the setup comes to more than {} steps", setup_steps_max),
                 "repeat fewer times: every step of every repeat counts");
      point_.setup.clear();
      checkpoints = 0;
    }
    if (!created_)
      judge_.add(*node, "the setup never creates the base disk", "begin it with '- create: base'");
    point_.chain_depth = static_cast<uint32_t>(checkpoints);
  }

  // Returns how many steps these come to, unrolled; never more than a little above the limit.
  uint64_t bind_setup_steps(const Node& list, const std::string& where, std::vector<SetupStep>& steps,
                            uint64_t& checkpoints, size_t repeat_depth) {
    if (list.kind != Node::Kind::list || list.items.empty()) {
      judge_.unexpected({&list, &list}, in_quotes(where), "a list of steps, each line beginning with '- '");
      return 0;
    }
    uint64_t count = 0;
    for (const Node& item : list.items) {
      count += bind_setup_step(item, steps, checkpoints, repeat_depth);
      count = std::min<uint64_t>(count, setup_steps_max + 1);
    }
    return count;
  }

  uint64_t bind_setup_step(const Node& item, std::vector<SetupStep>& steps, uint64_t& checkpoints,
                           size_t repeat_depth) {
    static const Keys words = {"create", "fill", "checkpoint", "apply", "write", "repeat"};
    if (item.kind == Node::Kind::scalar) {
      if (item.text == "checkpoint") {
        need_base(item);
        steps.push_back({TakeCheckpoint{}});
        ++checkpoints;
        return 1;
      }
      judge_.add(item, fmt::format("{} is no setup step", in_quotes(item.text)),
                 setup_hint(item.text, words));
      return 0;
    }
    if (item.kind != Node::Kind::mapping || item.entries.empty()) {
      judge_.unexpected({&item, &item}, "a setup step", "one of " + joined(words));
      return 0;
    }
    if (item.find("repeat") != nullptr) return bind_repeat(item, steps, checkpoints, repeat_depth);

    const Node::Entry& entry = item.entries.front();
    if (std::ranges::find(words, entry.key) == words.end()) {
      judge_.findings().add(entry.key_place, fmt::format("unknown setup step {}", in_quotes(entry.key)),
                            setup_hint(entry.key, words));
      return 0;
    }
    if (refuse_more_keys(item)) return 0;
    if (entry.key == "create") return bind_create(entry, steps, repeat_depth);
    need_base(item);
    if (entry.key == "checkpoint" || entry.key == "apply") {
      const bool takes = entry.key == "checkpoint";
      if (takes) {
        steps.push_back({bind_named_checkpoint(entry.value, judge_)});
      } else {
        steps.push_back({bind_setup_apply(entry.value, judge_)});
      }
      checkpoints += takes ? 1 : 0;
      return 1;
    }
    return bind_setup_write(entry.value, entry.key == "fill", steps);
  }

  static std::string setup_hint(std::string_view word, std::span<const std::string_view> words) {
    for (std::string_view measured :
         {"read", "mixed", "replay", "merge", "delete", "delete_subtree", "damage"}) {
      if (word == measured) return fmt::format("'{}' belongs under 'measure'", measured);
    }
    return suggestion(word, words);
  }

  // True where keys beside the step's own were reported: mostly settings that are not indented.
  bool refuse_more_keys(const Node& item) {
    for (size_t i = 1; i < item.entries.size(); ++i) {
      judge_.findings().add(
          item.entries[i].key_place,
          fmt::format("a second key, {}, in the step {}", in_quotes(item.entries[i].key),
                      in_quotes(item.entries[0].key)),
          fmt::format("indent the settings of '{0}' below it, or write {0}: {{ ... }}; begin a new "
                      "step with '- '",
                      item.entries[0].key));
    }
    return item.entries.size() > 1;
  }

  void need_base(const Node& item) {
    if (!created_ && !missing_base_reported_)
      judge_.add(item, "this step comes before the base disk is created",
                 "begin the setup with '- create: base'");
    if (!created_) missing_base_reported_ = true;
    created_ = true;
  }

  uint64_t bind_create(const Node::Entry& entry, std::vector<SetupStep>& steps, size_t repeat_depth) {
    Value value;
    const auto what = judge_.scalar(entry.value, "'create'", "'base'", value);
    if (what && *what != "base") judge_.unexpected(value, "'create'", "'base'");
    if (repeat_depth > 0) {
      judge_.findings().add(entry.key_place, "the base disk cannot be created in a repeat",
                            "create it once, as the first step");
    } else if (created_) {
      judge_.findings().add(entry.key_place, "the base disk is created twice",
                            "create it once, as the first step");
    }
    created_ = true;
    steps.push_back({CreateBase{}});
    return 1;
  }

  uint64_t bind_repeat(const Node& item, std::vector<SetupStep>& steps, uint64_t& checkpoints,
                       size_t repeat_depth) {
    const Keys keys = {"repeat", "steps"};
    Settings settings(judge_, item, "repeat", keys);
    const auto count = settings.whole("repeat", 0, setup_steps_max);
    SetupRepeat repeat;
    uint64_t inner_checkpoints = 0;
    uint64_t inner_steps = 0;
    if (const Node* list = settings.required("steps", "put the steps to repeat below 'steps:'"))
      inner_steps = bind_setup_steps(*list, "steps", repeat.steps, inner_checkpoints, repeat_depth + 1);
    // A repeat of nothing is kept as none, so that unrolling costs no more than the steps it gives.
    repeat.count = inner_steps == 0 ? 0 : static_cast<uint32_t>(count.value_or(0));
    checkpoints = std::min<uint64_t>(checkpoints + repeat.count * inner_checkpoints, setup_steps_max);
    const uint64_t unrolled = std::min<uint64_t>(repeat.count * inner_steps, setup_steps_max + 1);
    steps.push_back({std::move(repeat)});
    return unrolled;
  }

  uint64_t bind_setup_write(const Node& node, bool is_fill, std::vector<SetupStep>& steps) {
    static const Keys fill_keys = {"amount", "pattern", "block_size", "queue_depth", "range"};
    static const Keys write_keys = {"pattern", "block_size", "amount", "queue_depth", "range", "zipf_theta"};
    static const Hints hints = {
        {"duration", "a setup write is limited by 'amount', so that every run writes the same"},
        {"name", "only measured steps have names"},
        {"direct", "a setup write is not measured; how it is cached does not matter"}};
    Settings settings(judge_, node, is_fill ? "fill" : "write", is_fill ? fill_keys : write_keys, hints);
    SetupWrite write;
    write.is_fill = is_fill;
    PatternSettings& pattern = write.pattern;
    pattern.read_percentage = 0;
    pattern.pattern = settings.word<AccessPattern>("pattern", pattern_words)
                          .value_or(is_fill ? AccessPattern::sequential : AccessPattern::random);
    if (is_fill && pattern.pattern == AccessPattern::zipf)
      judge_.add(*settings.find("pattern"), "a fill writes each block once; 'zipf' does not",
                 "use 'sequential' or 'random', or a 'write' step");
    pattern.each_block_once = pattern.pattern == AccessPattern::random;
    bind_block_size(settings, pattern, is_fill ? mib : 64 * kib);
    bind_queue_depth(settings, pattern, write.queue_depth, 8);
    bind_theta(settings, pattern);
    bind_range(settings, pattern);

    const bool revisits = !is_fill && pattern.pattern != AccessPattern::random;
    std::optional<Amount> amount = Amount{.percent = 100};
    if (!is_fill) (void)settings.required("amount", "say how much to write: amount: 2% or amount: 64MiB");
    if (settings.find("amount") != nullptr) amount = settings.amount("amount", revisits ? 10000 : 100);
    if (amount) pattern.operations = blocks_of(settings, *amount, pattern, !revisits);
    steps.push_back({write});
    return 1;
  }

  // How many blocks an amount comes to: a percentage is rounded to the nearest number of blocks, a size up;
  // at least one.
  uint64_t blocks_of(Settings& settings, Amount amount, const PatternSettings& pattern, bool at_most_all) {
    const uint64_t blocks = block_count(pattern);
    if (amount.percent) {
      const double share = *amount.percent / 100 * static_cast<double>(blocks);
      return std::max<uint64_t>(1, static_cast<uint64_t>(std::llround(share)));
    }
    const uint64_t count = divide_up(amount.size_bytes, pattern.block_size_bytes);
    if (at_most_all && amount.size_bytes > pattern.range.length) {
      if (disk_size_known_)
        judge_.add(
            *settings.find("amount"),
            fmt::format("{} is {}, more than the {} it may write to", settings.name_of("amount"),
                        format_size(amount.size_bytes), format_size(pattern.range.length)),
            "each block is written at most once; use pattern zipf or sequential to write blocks again");
      return blocks;
    }
    if (count > operations_max)
      judge_.add(*settings.find("amount"), fmt::format("{} comes to {} operations, expected at most {}",
                                                       settings.name_of("amount"), count, operations_max));
    return count;
  }

  // --- what workloads share ---

  void bind_block_size(Settings& settings, PatternSettings& pattern, uint64_t otherwise) {
    pattern.block_size_bytes = otherwise;
    const uint64_t sector = point_.disk.logical_sector_size_bytes;
    const auto size = settings.size("block_size", 512, workload_block_bytes_max);
    if (!size) return;
    if (*size % sector != 0) {
      judge_.add(*settings.find("block_size"),
                 fmt::format("{} is {} bytes, not a multiple of the disk's logical sector of {}",
                             settings.name_of("block_size"), *size, sector),
                 sector == 512 ? "" : "see 'logical_sector_size' of 'disk'");
      return;
    }
    pattern.block_size_bytes = *size;
  }

  void bind_queue_depth(Settings& settings, const PatternSettings& pattern, uint32_t& queue_depth,
                        uint32_t otherwise) {
    queue_depth =
        static_cast<uint32_t>(settings.whole("queue_depth", 1, queue_depth_max).value_or(otherwise));
    if (queue_depth * pattern.block_size_bytes > buffers_bytes_max)
      judge_.add(
          settings.node(),
          fmt::format("a queue depth of {} with blocks of {} needs {} of buffers, expected at most {}",
                      queue_depth, format_size(pattern.block_size_bytes),
                      format_size(queue_depth * pattern.block_size_bytes), format_size(buffers_bytes_max)),
          "lower 'queue_depth' or 'block_size'");
  }

  // Each job has a queue of its own, as fio's numjobs.
  uint32_t bind_jobs(Settings& settings, uint32_t queue_depth, uint64_t block_size_bytes) {
    const auto jobs = static_cast<uint32_t>(settings.whole("jobs", 1, jobs_max).value_or(1));
    const uint64_t in_flight = uint64_t{jobs} * queue_depth;
    const bool is_too_much = in_flight > queue_depth_max || in_flight * block_size_bytes > buffers_bytes_max;
    if (jobs > 1 && is_too_much) {  // one job alone is the queue depth's business
      judge_.add(
          settings.node(),
          fmt::format("{} jobs with a queue depth of {} each make {} operations of {} in flight, expected "
                      "at most {} and {} in all",
                      jobs, queue_depth, in_flight, format_size(block_size_bytes), queue_depth_max,
                      format_size(buffers_bytes_max)),
          "lower 'jobs' or 'queue_depth'");
    }
    return jobs;
  }

  bool bind_direct(Settings& settings) {
    const bool direct = settings.boolean("direct").value_or(direct_default_);
    if (direct && point_.io == IoKind::mapped) {
      judge_.add(settings.node(), "direct I/O passes the page cache by, and mapped files are read from there",
                 "set 'direct: false', or use 'io: psync' or 'io: io_uring'");
    }
    return direct;
  }

  void bind_theta(Settings& settings, PatternSettings& pattern) {
    const Node* node = settings.find("zipf_theta");
    if (node == nullptr) return;
    if (const auto theta = settings.number("zipf_theta", 0.01, 10)) pattern.zipf_theta = *theta;
    if (pattern.pattern != AccessPattern::zipf)
      judge_.add(*node, "'zipf_theta' is given, but 'pattern' is not 'zipf'",
                 "set pattern: zipf or remove it");
  }

  // `range: 25%` is the first quarter of the disk, `range: { from: 1GiB, length: 10% }` any part. Bounds
  // given as percentages are rounded down to whole blocks of the workload.
  void bind_range(Settings& settings, PatternSettings& pattern) {
    const uint64_t disk = point_.disk.size_bytes;
    pattern.range = {0, disk};
    const Node* node = settings.find("range");
    if (node == nullptr) {
      if (disk_size_known_ && pattern.block_size_bytes > disk)
        judge_.add(settings.node(), fmt::format("a block of {} is larger than the disk of {}",
                                                format_size(pattern.block_size_bytes), format_size(disk)));
      return;
    }
    const auto bytes_of = [&](const Amount& amount) {
      if (!amount.percent) return amount.size_bytes;
      const auto exact = static_cast<uint64_t>(static_cast<double>(disk) * (*amount.percent / 100));
      return *amount.percent >= 100 ? disk : round_down(exact, pattern.block_size_bytes);
    };
    ByteRange range{0, disk};
    if (node->kind == Node::Kind::mapping) {
      const Keys keys = {"from", "length"};
      Settings part(judge_, *node, "range", keys);
      if (const Node* from = part.find("from")) {
        const auto zero = judge_.resolve(*from);
        const bool is_zero = zero && zero->resolved->kind == Node::Kind::scalar &&
                             (zero->resolved->text == "0" || zero->resolved->text == "0%");
        if (!is_zero) {
          const auto amount = part.amount("from", 100);
          if (!amount) return;
          range.offset = bytes_of(*amount);
        }
      }
      range.length = range.offset < disk ? disk - range.offset : 0;
      if (part.find("length") != nullptr) {
        const auto length = part.amount("length", 100);
        if (!length) return;
        range.length = bytes_of(*length);
      }
    } else {
      const auto length = settings.amount("range", 100);
      if (!length) return;
      range.length = bytes_of(*length);
    }
    const uint64_t sector = point_.disk.logical_sector_size_bytes;
    if (range.offset % sector != 0 || range.length % sector != 0) {
      judge_.add(*node,
                 fmt::format("{} is not whole sectors of {} bytes", settings.name_of("range"), sector));
    } else if (range.length < pattern.block_size_bytes) {
      judge_.add(*node, fmt::format("{} holds {}, less than one block of {}", settings.name_of("range"),
                                    format_size(range.length), format_size(pattern.block_size_bytes)));
    } else if (range.offset > disk || range.length > disk - range.offset) {
      if (disk_size_known_)
        judge_.add(*node,
                   fmt::format("{} ends beyond the disk's {}", settings.name_of("range"), format_size(disk)));
    } else {
      pattern.range = range;
    }
  }

  // --- measured steps ---

  void bind_measure() {
    const Node* list = root_.find("measure");
    if (list == nullptr) {
      judge_.add(root_, "the scenario has no 'measure'",
                 "say what to measure: '- read: { name: reads, ... }'");
      return;
    }
    if (list->kind != Node::Kind::list || list->items.empty()) {
      judge_.unexpected({list, list}, "'measure'", "a list of steps, each line beginning with '- '");
      return;
    }
    if (list->items.size() > measured_steps_max) {
      judge_.add(*list, fmt::format("{} measured steps, expected at most {}", list->items.size(),
                                    measured_steps_max));
      return;
    }
    for (const Node& item : list->items)
      bind_measured_step(item);
  }

  void bind_measured_step(const Node& item) {
    static const Keys words = {"read",       "write", "mixed",  "replay",         "merge", "live_merge",
                               "checkpoint", "apply", "delete", "delete_subtree", "damage"};
    if (item.kind != Node::Kind::mapping || item.entries.empty()) {
      judge_.unexpected({&item, &item}, "a measured step",
                        "one of " + joined(words) + ", as in '- read: { name: reads }'");
      return;
    }
    const Node::Entry& entry = item.entries.front();
    if (std::ranges::find(words, entry.key) == words.end()) {
      const bool of_setup = entry.key == "create" || entry.key == "fill" || entry.key == "repeat";
      judge_.findings().add(
          entry.key_place, fmt::format("unknown measured step {}", in_quotes(entry.key)),
          of_setup ? fmt::format("'{}' belongs under 'setup'", entry.key) : suggestion(entry.key, words));
      return;
    }
    if (refuse_more_keys(item)) return;
    if (entry.key == "replay") {
      bind_replay(entry.value);
    } else if (entry.key == "merge") {
      bind_merge(entry.value);
    } else if (entry.key == "live_merge") {
      bind_live_merge(entry.value);
    } else if (is_checkpoint_word(entry.key)) {
      point_.measure.emplace_back(bind_measured_checkpoint(entry, judge_, name_binder()));
    } else if (entry.key == "damage") {
      point_.measure.emplace_back(bind_damage(entry.value, judge_, name_binder()));
    } else {
      point_.measure.emplace_back(bind_workload(entry, false));
    }
  }

  std::string bind_name(Settings& settings, const std::string& otherwise) {
    std::string name = otherwise;
    const Node* node = settings.find("name");
    if (node != nullptr) {
      const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      };
      const bool good = node->kind == Node::Kind::scalar && !node->text.empty() && node->text.size() <= 64 &&
                        node->text[0] >= 'a' && node->text[0] <= 'z' && std::ranges::all_of(node->text, fits);
      if (good) {
        name = node->text;
      } else {
        judge_.unexpected({node, node}, settings.name_of("name"),
                          "a name of small letters, digits, '_' and '-' that begins with a letter");
        return name;
      }
    }
    if (!names_.insert(name).second)
      judge_.add(node != nullptr ? *node : settings.node(),
                 fmt::format("two measured steps are named {}", in_quotes(name)), "give each its own 'name'");
    return name;
  }

  BindName name_binder() {
    return
        [this](Settings& settings, const std::string& otherwise) { return bind_name(settings, otherwise); };
  }

  // A step of its own, or what a live merge goes on under: as long as the merge does, and without a name.
  MeasuredWorkload bind_workload(const Node::Entry& entry, bool is_under) {
    static const Keys plain_keys = {"name",   "pattern",    "block_size",  "queue_depth", "jobs",
                                    "direct", "warm_up",    "duration",    "amount",      "operations",
                                    "range",  "zipf_theta", "flush_every", "arrivals"};
    static const Keys mixed_keys = {"name",       "pattern",         "block_size", "queue_depth",
                                    "jobs",       "read_percentage", "direct",     "warm_up",
                                    "duration",   "amount",          "operations", "range",
                                    "zipf_theta", "flush_every",     "arrivals"};
    static const Keys keys_under = {"pattern",     "block_size",      "queue_depth", "jobs",
                                    "direct",      "read_percentage", "range",       "zipf_theta",
                                    "flush_every", "arrivals"};
    static const Hints hints_under = {{"name", "the live merge has the name"},
                                      {"warm_up", "measure the workload alone in a step of its own"},
                                      {"duration", "it goes on as long as the merge does"},
                                      {"amount", "it goes on as long as the merge does"},
                                      {"operations", "it goes on as long as the merge does"},
                                      {"rate", "write arrivals: { rate: 500/s }"}};
    static const Hints hints = {{"read_percentage", "use a 'mixed' step for reads and writes together"},
                                {"iodepth", "did you mean 'queue_depth'?"},
                                {"numjobs", "did you mean 'jobs'?"},
                                {"bs", "did you mean 'block_size'?"},
                                {"runtime", "did you mean 'duration'?"},
                                {"ramp_time", "did you mean 'warm_up'?"},
                                {"rwmixread", "did you mean 'read_percentage'?"},
                                {"rate", "write arrivals: { rate: 500/s }"},
                                {"repeat", "'repeat' stands at the top level, for all measured steps"}};
    MeasuredWorkload step;
    step.kind = entry.key == "read"    ? WorkloadKind::read
                : entry.key == "write" ? WorkloadKind::write
                                       : WorkloadKind::mixed;
    const bool mixed = step.kind == WorkloadKind::mixed;
    const Keys& keys = is_under ? keys_under : mixed ? mixed_keys : plain_keys;
    Settings settings(judge_, entry.value, entry.key, keys, is_under ? hints_under : hints);
    if (!is_under) step.name = bind_name(settings, entry.key);
    if (const Node* share = settings.find("read_percentage"); is_under && !mixed && share != nullptr)
      judge_.add(*share, "'read_percentage' is given, but the workload is not 'mixed'",
                 "use 'mixed' for reads and writes together");

    PatternSettings& pattern = step.pattern;
    pattern.pattern = settings.word<AccessPattern>("pattern", pattern_words).value_or(AccessPattern::random);
    pattern.read_percentage = step.kind == WorkloadKind::read ? 100 : 0;
    if (mixed) {
      (void)settings.required("read_percentage",
                              "say how many of 100 operations are reads: read_percentage: 70");
      pattern.read_percentage = static_cast<uint32_t>(read_percentage(settings).value_or(50));
    }
    bind_block_size(settings, pattern, 4 * kib);
    bind_queue_depth(settings, pattern, step.queue_depth, 1);
    step.jobs = bind_jobs(settings, step.queue_depth, pattern.block_size_bytes);
    bind_theta(settings, pattern);
    bind_range(settings, pattern);
    pattern.flush_every = settings.whole("flush_every", 0, operations_max).value_or(0);
    step.direct = bind_direct(settings);
    step.arrivals = bind_arrivals(settings);
    if (is_under) return step;
    step.warm_up = settings.duration("warm_up", duration_max).value_or(Nanoseconds{0});
    bind_end(settings, step);
    return step;
  }

  // 70 or 70%.
  std::optional<uint64_t> read_percentage(Settings& settings) {
    const Node* node = settings.find("read_percentage");
    if (node == nullptr) return std::nullopt;
    const auto value = judge_.resolve(*node);
    if (!value) return std::nullopt;
    if (value->resolved->kind == Node::Kind::scalar) {
      std::string_view text = value->resolved->text;
      if (text.ends_with('%')) text.remove_suffix(1);
      const auto percentage = whole_number_in(text);
      if (percentage && *percentage <= 100) return percentage;
    }
    judge_.unexpected(*value, settings.name_of("read_percentage"), "a whole number from 0 to 100");
    return std::nullopt;
  }

  // What ends a workload: duration, or amount or operations, or whichever of the two comes first; 3 s unless
  // said.
  void bind_end(Settings& settings, MeasuredWorkload& step) {
    const Node* duration = settings.find("duration");
    const Node* amount = settings.find("amount");
    const Node* operations = settings.find("operations");
    if (duration != nullptr) {
      step.duration = settings.duration("duration", duration_max);
      if (step.duration == Nanoseconds{0})
        judge_.add(*duration,
                   fmt::format("{} is 0: nothing would be measured", settings.name_of("duration")));
    }
    if (amount != nullptr && operations != nullptr)
      judge_.add(*operations, "both 'amount' and 'operations' are given",
                 "keep one: they limit the same thing");
    if (operations != nullptr) {
      step.pattern.operations = settings.whole("operations", 1, operations_max);
    } else if (amount != nullptr) {
      if (const auto given = settings.amount("amount", 10000))
        step.pattern.operations = blocks_of(settings, *given, step.pattern, false);
    }
    if (duration == nullptr && amount == nullptr && operations == nullptr)
      step.duration = std::chrono::seconds(3);
  }

  void bind_replay(const Node& node) {
    static const Keys keys = {"name", "trace", "format", "wrap", "timing", "limit", "queue_depth", "direct"};
    Settings settings(judge_, node, "replay", keys);
    MeasuredReplay step;
    step.name = bind_name(settings, "replay");
    if (const Node* trace = settings.required("trace", "name the file with the recorded requests"))
      step.trace_path = path_in_file(*trace, "'trace' of 'replay'").value_or("");
    step.trace.format =
        settings.word<TraceFormat>("format", trace_format_words).value_or(TraceFormat::detect);
    step.trace.disk_size_bytes = point_.disk.size_bytes;
    step.trace.sector_size_bytes = point_.disk.logical_sector_size_bytes;
    step.trace.wrap = settings.boolean("wrap").value_or(false);
    step.trace.operations_max = settings.whole("limit", 1, operations_max).value_or(endless);
    step.queue_depth = static_cast<uint32_t>(settings.whole("queue_depth", 1, queue_depth_max).value_or(1));
    step.direct = bind_direct(settings);
    step.timing =
        settings.word<ReplayTiming>("timing", timing_words).value_or(ReplayTiming::as_fast_as_possible);
    point_.measure.emplace_back(std::move(step));
  }

  std::optional<std::string> path_in_file(const Node& node, std::string_view what) {
    const auto value = judge_.resolve(node);
    if (!value) return std::nullopt;
    const auto text = judge_.text(node, what);
    if (!text) return std::nullopt;
    const std::filesystem::path path(*text);
    const bool written_in_file = value->resolved->place.source == 0;
    if (path.is_absolute() || !written_in_file || folder_.empty()) return text;
    return (std::filesystem::path(folder_) / path).string();
  }

  void bind_merge(const Node& node) {
    static const Keys keys = {"name", "range", "order"};
    Settings settings(judge_, node, "merge", keys);
    MeasuredMerge step;
    step.name = bind_name(settings, "merge");
    step.order = settings.word<MergeOrder>("order", order_words).value_or(MergeOrder::one_pass);
    step.pending = bind_merge_range(settings, step.first_layer, step.last_layer, true);
    if (step.pending && settings.find("order") != nullptr) {
      judge_.add(*settings.find("order"), "'order' is given, but what is pending goes in the cheapest order",
                 "remove 'order'");
    }
    point_.measure.emplace_back(std::move(step));
  }

  // True where it is what deleted checkpoints left pending, which only a merge at rest may ask for.
  bool bind_merge_range(Settings& settings, uint32_t& first_layer, uint32_t& last_layer,
                        bool may_be_pending) {
    enum class Range { all, leaf, pending };
    const uint32_t depth = point_.chain_depth;
    first_layer = depth == 0 ? 0 : 1;
    last_layer = depth;
    const Node* range = settings.find("range");
    if (range == nullptr || range->kind != Node::Kind::mapping) {
      const std::array<Word<Range>, 3> words = {
          {{"all", Range::all}, {"leaf", Range::leaf}, {"pending", Range::pending}}};
      const auto known = std::span(words).first(may_be_pending ? words.size() : words.size() - 1);
      const Range chosen = settings.word<Range>("range", known).value_or(Range::all);
      if (chosen == Range::leaf) first_layer = depth;
      if (chosen == Range::pending) first_layer = last_layer = 0;
      return chosen == Range::pending;
    }
    const Keys range_keys = {"from", "to"};
    Settings part(judge_, *range, "range", range_keys);
    (void)part.required("from", "layers count from the base: 1 is the oldest checkpoint's child");
    (void)part.required("to", "layers count from the base: the chain's depth is the leaf");
    const auto from = part.whole("from", 1, setup_steps_max);
    const auto to = part.whole("to", 1, setup_steps_max);
    if (from && to && *from > *to) {
      judge_.add(*range, fmt::format("the range goes from layer {} to layer {}", *from, *to),
                 "layers count from the base: the smaller number comes first");
    } else if (from && to && *to > depth) {
      judge_.add(*range, fmt::format("the range ends at layer {}, but the setup takes {} checkpoint{}", *to,
                                     depth, depth == 1 ? "" : "s"));
    } else if (from && to) {
      first_layer = static_cast<uint32_t>(*from);
      last_layer = static_cast<uint32_t>(*to);
    }
    return false;
  }

  void bind_live_merge(const Node& node) {
    static const Keys keys = {"name", "range", "rate_limit", "pause_below", "passes", "under"};
    static const Hints hints = {{"order", "a live merge goes in one pass; use 'merge' to compare orders"},
                                {"rate", "did you mean 'rate_limit'?"},
                                {"duration", "a live merge ends when it is done, or cannot be"}};
    Settings settings(judge_, node, "live_merge", keys, hints);
    MeasuredLiveMerge step;
    step.name = bind_name(settings, "live_merge");
    (void)bind_merge_range(settings, step.first_layer, step.last_layer, false);
    step.rate_limit_bytes_per_s = bind_rate_limit(settings);
    step.limits = bind_live_limits(settings);
    const Node* under = settings.required("under", "say what goes on meanwhile: under: { read: {} }");
    if (under != nullptr) bind_under(*under, step);
    point_.measure.emplace_back(std::move(step));
  }

  void bind_under(const Node& node, MeasuredLiveMerge& step) {
    static const Keys words = {"read", "write", "mixed"};
    if (node.kind != Node::Kind::mapping || node.entries.empty()) {
      judge_.unexpected({&node, &node}, "'under' of 'live_merge'",
                        "one of " + joined(words) + " with its settings, as in under: { read: {} }");
      return;
    }
    const Node::Entry& entry = node.entries.front();
    if (std::ranges::find(words, entry.key) == words.end()) {
      judge_.findings().add(entry.key_place,
                            fmt::format("unknown workload {} in 'under'", in_quotes(entry.key)),
                            suggestion(entry.key, words));
      return;
    }
    if (!refuse_more_keys(node)) step.under = bind_workload(entry, true);
  }

  const Node& root_;
  Judge& judge_;
  const std::string& folder_;
  ScenarioPoint point_;
  std::set<std::string> names_;
  bool direct_default_ = false;
  bool disk_size_known_ = false;
  bool created_ = false;
  bool missing_base_reported_ = false;
};

}  // namespace

std::span<const std::string_view> top_level_keys() {
  static constexpr std::array<std::string_view, 12> keys = {"name",      "seed",   "target",  "disk",
                                                            "io",        "sim",    "sweep",   "setup",
                                                            "variables", "repeat", "measure", "expect"};
  return keys;
}

ScenarioPoint bind_point(const Node& root, Judge& judge, const std::string& folder) {
  return PointBinder(root, judge, folder).bind();
}

}  // namespace vhdlab::scenarios
