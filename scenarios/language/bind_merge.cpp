// Merges at rest and under a workload; see bind_merge.h.
#include "scenarios/language/bind_merge.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "scenarios/language/bind_live_merge.h"
#include "scenarios/language/bind_workload.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

using Keys = std::vector<std::string_view>;
using Hints = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr std::array<Word<MergeOrder>, 3> order_words = {
    {{"one-pass", MergeOrder::one_pass},
     {"pairwise-oldest-first", MergeOrder::pairwise_oldest_first},
     {"pairwise-newest-first", MergeOrder::pairwise_newest_first}}};

enum class Layers { all, leaf, pending };

constexpr std::array<Word<Layers>, 3> layers_words = {
    {{"all", Layers::all}, {"leaf", Layers::leaf}, {"pending", Layers::pending}}};

// Which layers to merge into the one below the first; both 0 where there are none.
struct MergeLayers {
  uint32_t first = 0;
  uint32_t last = 0;
  bool is_pending = false;  // instead: what deleted checkpoints left
};

// { from: 2, to: 5 }
MergeLayers layers_between(const Node& range, MergeLayers otherwise, uint32_t depth, Judge& judge) {
  static constexpr std::array<std::string_view, 2> keys = {"from", "to"};
  Settings part(judge, range, "range", keys);
  (void)part.required("from", "layers count from the base: 1 is the oldest checkpoint's child");
  (void)part.required("to", "layers count from the base: the chain's depth is the leaf");
  const auto from = part.whole("from", 1, setup_steps_max);
  const auto to = part.whole("to", 1, setup_steps_max);
  if (!from || !to) return otherwise;
  if (*from > *to) {
    judge.add(range, fmt::format("the range goes from layer {} to layer {}", *from, *to),
              "layers count from the base: the smaller number comes first");
    return otherwise;
  }
  if (*to > depth) {
    judge.add(range, fmt::format("the range ends at layer {}, but the setup takes {} checkpoint{}", *to,
                                 depth, depth == 1 ? "" : "s"));
    return otherwise;
  }
  return {.first = static_cast<uint32_t>(*from), .last = static_cast<uint32_t>(*to)};
}

// `words` are those of layers_words that the step may say.
MergeLayers bind_layers(Settings& settings, uint32_t depth, std::span<const Word<Layers>> words) {
  const MergeLayers all{.first = depth == 0 ? 0U : 1U, .last = depth};
  const Node* range = settings.find("range");
  if (range != nullptr && range->kind == Node::Kind::mapping)
    return layers_between(*range, all, depth, settings.judge());
  switch (settings.word<Layers>("range", words).value_or(Layers::all)) {
    case Layers::leaf:
      return {.first = depth, .last = depth};
    case Layers::pending:
      return {.is_pending = true};
    case Layers::all:
      break;
  }
  return all;
}

// { read: {} }; a default workload where it was reported.
MeasuredWorkload bind_under(const Node& node, const StepGround& ground, Judge& judge) {
  static const Keys words = {"read", "write", "mixed"};
  if (node.kind != Node::Kind::mapping || node.entries.empty()) {
    judge.unexpected({&node, &node}, "'under' of 'live_merge'",
                     "one of " + joined(words) + " with its settings, as in under: { read: {} }");
    return {};
  }
  const Node::Entry& entry = node.entries.front();
  if (std::ranges::find(words, entry.key) == words.end()) {
    judge.findings().add(entry.key_place, fmt::format("unknown workload {} in 'under'", in_quotes(entry.key)),
                         suggestion(entry.key, words));
    return {};
  }
  if (judge.refuse_more_keys(node)) return {};
  return bind_workload_under(entry, ground, judge);
}

}  // namespace

MeasuredMerge bind_merge(const Node& node, const StepGround& ground, Judge& judge, StepNames& names) {
  static const Keys keys = {"name", "range", "order"};
  Settings settings(judge, node, "merge", keys);
  MeasuredMerge step;
  step.name = names.bind(settings, "merge");
  step.order = settings.word<MergeOrder>("order", order_words).value_or(MergeOrder::one_pass);
  const MergeLayers layers = bind_layers(settings, ground.chain_depth, layers_words);
  step.first_layer = layers.first;
  step.last_layer = layers.last;
  step.pending = layers.is_pending;
  if (step.pending && settings.find("order") != nullptr) {
    judge.add(*settings.find("order"), "'order' is given, but what is pending goes in the cheapest order",
              "remove 'order'");
  }
  return step;
}

MeasuredLiveMerge bind_live_merge(const Node& node, const StepGround& ground, Judge& judge,
                                  StepNames& names) {
  static const Keys keys = {"name", "range", "rate_limit", "pause_below", "passes", "under"};
  static const Hints hints = {{"order", "a live merge goes in one pass; use 'merge' to compare orders"},
                              {"rate", "did you mean 'rate_limit'?"},
                              {"duration", "a live merge ends when it is done, or cannot be"}};
  Settings settings(judge, node, "live_merge", keys, hints);
  MeasuredLiveMerge step;
  step.name = names.bind(settings, "live_merge");
  const MergeLayers layers = bind_layers(settings, ground.chain_depth,
                                         std::span(layers_words).first(2));  // what is pending is at rest
  step.first_layer = layers.first;
  step.last_layer = layers.last;
  step.rate_limit_bytes_per_s = bind_rate_limit(settings);
  step.limits = bind_live_limits(settings);
  const Node* under = settings.required("under", "say what goes on meanwhile: under: { read: {} }");
  if (under != nullptr) step.under = bind_under(*under, ground, judge);
  return step;
}

}  // namespace vhdlab::scenarios
