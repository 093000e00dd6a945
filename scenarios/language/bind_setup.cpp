// Setup steps; see bind_setup.h.
#include "scenarios/language/bind_setup.h"

#include <algorithm>

#include <fmt/format.h>

#include "scenarios/language/bind_checkpoints.h"
#include "scenarios/language/bind_pattern.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

using Keys = std::vector<std::string_view>;
using Hints = std::vector<std::pair<std::string_view, std::string_view>>;

class SetupBinder {
 public:
  SetupBinder(const BoundDisk& disk, Judge& judge) : disk_(disk), judge_(judge) {}

  BoundSetup bind(const Node& root) {
    BoundSetup bound;
    const Node* node = root.find("setup");
    if (node == nullptr) {
      judge_.add(root, "the scenario has no 'setup'", "begin it with '- create: base'");
      return bound;
    }
    uint64_t checkpoints = 0;
    const uint64_t steps = bind_steps(*node, "setup", bound.steps, checkpoints, 0);
    if (steps > setup_steps_max) {
      judge_.add(*node, fmt::format("the setup comes to more than {} steps", setup_steps_max),
                 "repeat fewer times: every step of every repeat counts");
      bound.steps.clear();
      checkpoints = 0;
    }
    if (!created_)
      judge_.add(*node, "the setup never creates the base disk", "begin it with '- create: base'");
    bound.chain_depth = static_cast<uint32_t>(checkpoints);
    return bound;
  }

 private:
  // Returns how many steps these come to, unrolled; never more than a little above the limit.
  uint64_t bind_steps(const Node& list, const std::string& where, std::vector<SetupStep>& steps,
                      uint64_t& checkpoints, size_t repeat_depth) {
    if (list.kind != Node::Kind::list || list.items.empty()) {
      judge_.unexpected({&list, &list}, in_quotes(where), "a list of steps, each line beginning with '- '");
      return 0;
    }
    uint64_t count = 0;
    for (const Node& item : list.items) {
      count += bind_step(item, steps, checkpoints, repeat_depth);
      count = std::min<uint64_t>(count, setup_steps_max + 1);
    }
    return count;
  }

  uint64_t bind_step(const Node& item, std::vector<SetupStep>& steps, uint64_t& checkpoints,
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
    if (judge_.refuse_more_keys(item)) return 0;
    if (entry.key == "create") return bind_create(entry, steps, repeat_depth);
    need_base(item);
    if (entry.key == "apply") {
      steps.push_back({bind_setup_apply(entry.value, judge_)});
      return 1;
    }
    if (entry.key == "checkpoint") {
      steps.push_back({bind_named_checkpoint(entry.value, judge_)});
      ++checkpoints;
      return 1;
    }
    return bind_write(entry.value, entry.key == "fill", steps);
  }

  static std::string setup_hint(std::string_view word, std::span<const std::string_view> words) {
    for (std::string_view measured :
         {"read", "mixed", "replay", "merge", "delete", "delete_subtree", "damage"}) {
      if (word == measured) return fmt::format("'{}' belongs under 'measure'", measured);
    }
    return suggestion(word, words);
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
      inner_steps = bind_steps(*list, "steps", repeat.steps, inner_checkpoints, repeat_depth + 1);
    // A repeat of nothing is kept as none, so that unrolling costs no more than the steps it gives.
    repeat.count = inner_steps == 0 ? 0 : static_cast<uint32_t>(count.value_or(0));
    checkpoints = std::min<uint64_t>(checkpoints + repeat.count * inner_checkpoints, setup_steps_max);
    const uint64_t unrolled = std::min<uint64_t>(repeat.count * inner_steps, setup_steps_max + 1);
    steps.push_back({std::move(repeat)});
    return unrolled;
  }

  uint64_t bind_write(const Node& node, bool is_fill, std::vector<SetupStep>& steps) {
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
    pattern.pattern =
        bind_access_pattern(settings, is_fill ? AccessPattern::sequential : AccessPattern::random);
    if (is_fill && pattern.pattern == AccessPattern::zipf)
      judge_.add(*settings.find("pattern"), "a fill writes each block once; 'zipf' does not",
                 "use 'sequential' or 'random', or a 'write' step");
    pattern.each_block_once = pattern.pattern == AccessPattern::random;
    pattern.block_size_bytes = bind_block_size(settings, disk_, is_fill ? mib : 64 * kib);
    write.queue_depth = bind_queue_depth(settings, pattern.block_size_bytes, 8);
    bind_theta(settings, pattern);
    bind_range(settings, disk_, pattern);

    const bool revisits = !is_fill && pattern.pattern != AccessPattern::random;
    std::optional<Amount> amount = Amount{.percent = 100};
    if (!is_fill) (void)settings.required("amount", "say how much to write: amount: 2% or amount: 64MiB");
    if (settings.find("amount") != nullptr) amount = settings.amount("amount", revisits ? 10000 : 100);
    if (amount) pattern.operations = blocks_of(settings, disk_, *amount, pattern, !revisits);
    steps.push_back({write});
    return 1;
  }

  const BoundDisk& disk_;
  Judge& judge_;
  bool created_ = false;
  bool missing_base_reported_ = false;
};

}  // namespace

BoundSetup bind_setup(const Node& root, const BoundDisk& disk, Judge& judge) {
  return SetupBinder(disk, judge).bind(root);
}

}  // namespace vhdlab::scenarios
