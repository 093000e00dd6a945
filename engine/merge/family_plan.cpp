// From families to runs, from runs to priced steps; see family_plan.h.
#include "engine/merge/family_plan.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/merge/merge_order.h"

namespace vhdlab {
namespace {

constexpr uint64_t unlimited = std::numeric_limits<uint64_t>::max();

// ---- What may be merged ----

class Rules {
 public:
  Rules(const DiskFamilies& all, const FamilyPlanOptions& options)
      : all_(all), options_(options), excluded_(all.disks.size()) {
    for (const FamilyFinding& finding : all.findings) {
      if (finding.fault == FamilyFault::unfinished_merge || finding.fault == FamilyFault::log_dirty ||
          finding.fault == FamilyFault::two_names || finding.fault == FamilyFault::identity_twice)
        excluded_[finding.disk] = true;
      // Its chain is in the middle of something, all the way down.
      for (auto below = all.places[finding.disk].parent;
           finding.fault == FamilyFault::unfinished_merge && below && !excluded_[*below];
           below = all.places[*below].parent)
        excluded_[*below] = true;
      // The fault is told of one of them and concerns all.
      if (finding.fault != FamilyFault::identity_twice) continue;
      for (const DiskIndex same : all.places[finding.disk].same_content)
        excluded_[same] = true;
    }
  }

  [[nodiscard]] bool is_sound(DiskIndex disk) const {
    return all_.places[disk].opens && !all_.disks[disk].is_outside && !excluded_[disk];
  }

  // Whether the one disk on it may be merged into it.
  [[nodiscard]] bool can_take(DiskIndex disk) const {
    const DiskPlace& place = all_.places[disk];
    return is_sound(disk) && place.children.size() == 1 && is_sound(place.children[0]);
  }

  // Whether it may go into the disk below it.
  [[nodiscard]] bool can_go(DiskIndex disk) const {
    const DiskPlace& place = all_.places[disk];
    if (!place.parent || !can_take(*place.parent)) return false;
    if (place.children.empty()) return options_.merge_leaves && !is_in_use(disk);
    return can_take(disk);
  }

  [[nodiscard]] bool is_in_use(DiskIndex disk) const {
    return std::ranges::find(options_.in_use, disk) != options_.in_use.end();
  }

  [[nodiscard]] std::string why_it_stays(DiskIndex disk) const {
    const DiskPlace& place = all_.places[disk];
    if (!place.opens) return "it cannot be opened: see what was found";
    if (all_.disks[disk].is_outside) return "it stands outside the folder that was searched";
    if (excluded_[disk]) return "it must not be touched before what was found is settled";
    if (place.children.size() > 1) {
      return fmt::format("{} disks stand on it: it stays until one is left", place.children.size());
    }
    if (place.children.empty()) {
      if (is_in_use(disk)) return "in use, as you said";
      if (!options_.merge_leaves) return "a leaf: a machine may point at it";
      return "nothing below may take it: other disks stand there, or something was found";
    }
    if (!is_sound(place.children[0]))
      return "the disk on it must not be touched before what was found is settled";
    if (!place.parent) return "the base";
    return "nothing below may take it: other disks stand there, or something was found";
  }

 private:
  const DiskFamilies& all_;
  const FamilyPlanOptions& options_;
  std::vector<bool> excluded_;
};

// ---- What it costs ----

// One run on its way to being planned.
struct RunPrices {
  const MergeRun* run = nullptr;
  std::unique_ptr<LayerCensus> census;
  std::unique_ptr<MergePrices> prices;
  MergeOrder one_pass;
  MergeOrder cheapest;  // without any limit
};

Result<RunPrices> price_run(FileSystem& files, const DiskFamilies& families, const MergeRun& run,
                            const StopRequested& stop, RandomSource& random) {
  const std::string& top = families.disks[run.disks.back()].path;
  const Chain chain = TRY(open_chain(files, top, {}, random));
  const auto count = static_cast<LayerIndex>(run.disks.size());
  const MergeRange range{.target = chain.depth() + 1 - count, .top = chain.depth()};
  RunPrices priced{.run = &run,
                   .census = std::make_unique<LayerCensus>(TRY(take_census(chain, range, stop))),
                   .prices = {},
                   .one_pass = {},
                   .cheapest = {}};
  priced.prices = std::make_unique<MergePrices>(*priced.census);
  priced.one_pass = priced.prices->one_pass();
  priced.cheapest = *priced.prices->cheapest(unlimited);
  return priced;
}

// Adds one run's order after those before it; `gained` is what they gave back.
void add(OrderCost& cost, const MergeOrder& order, int64_t& gained) {
  cost.merges += order.moves.size();
  cost.bytes_to_copy += order.bytes_to_copy;
  const int64_t peak = static_cast<int64_t>(order.peak_bytes) - gained;
  cost.peak_bytes = std::max(cost.peak_bytes, static_cast<uint64_t>(std::max(peak, int64_t{0})));
  gained += order.gained_bytes;
}

PlannedDisk planned(const DiskFamilies& families, DiskIndex disk) {
  return {families.disks[disk].path, families.disks[disk].identity};
}

// The order's moves as merges of files: a group of layers is the file of its lowest.
void add_steps(const DiskFamilies& families, const MergeRun& run, const MergeOrder& order, FamilyPlan& plan) {
  std::vector<uint32_t> standing(run.disks.size());
  for (uint32_t layer = 0; layer < standing.size(); ++layer)
    standing[layer] = layer;
  for (const PricedMove& priced : order.moves) {
    const auto lowest = std::ranges::find(standing, priced.move.lowest_source);
    const auto end =
        std::ranges::find_if(lowest, standing.end(), [&](uint32_t layer) { return layer > priced.move.top; });
    PlannedStep step{.chain_path = families.disks[run.child.value_or(run.disks[standing.back()])].path,
                     .target = planned(families, run.disks[priced.move.target]),
                     .sources = {},
                     .child = {},
                     .bytes_to_copy = priced.bytes_to_copy,
                     .bytes_to_zero = priced.bytes_to_zero,
                     .growth_bytes = priced.growth_bytes,
                     .freed_bytes = priced.freed_bytes};
    for (auto source = lowest; source != end; ++source)
      step.sources.push_back(planned(families, run.disks[*source]));
    if (end != standing.end()) {
      step.child = planned(families, run.disks[*end]);
    } else if (run.child) {
      step.child = planned(families, *run.child);
    }
    standing.erase(lowest, end);
    plan.steps.push_back(std::move(step));
  }
}

// The run to do next with `free_bytes` free, and how: one that can go as it is cheapest, the one that needs
// the least space first, so that the others have what it gives back; else the one that little space makes
// least dear.
struct Choice {
  size_t run = 0;
  MergeOrder order;
  bool fits = false;
};

Choice choose(std::vector<RunPrices>& runs, uint64_t free_bytes) {
  std::optional<Choice> best;
  uint64_t best_rank = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].cheapest.peak_bytes > free_bytes) continue;
    if (best && runs[i].cheapest.peak_bytes >= best_rank) continue;
    best = Choice{i, runs[i].cheapest, true};
    best_rank = runs[i].cheapest.peak_bytes;
  }
  if (best) return *best;
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto order = runs[i].prices->cheapest(free_bytes);
    if (!order) continue;
    const uint64_t extra = order->bytes_to_copy - runs[i].cheapest.bytes_to_copy;
    if (best && extra >= best_rank) continue;
    best = Choice{i, *order, true};
    best_rank = extra;
  }
  if (best) return *best;
  for (size_t i = 0; i < runs.size(); ++i) {
    MergeOrder order = runs[i].prices->least_space();
    if (best && order.peak_bytes >= best_rank) continue;
    best_rank = order.peak_bytes;
    best = Choice{i, std::move(order), false};
  }
  return *best;
}

}  // namespace

MergeRuns find_merge_runs(const DiskFamilies& families, const FamilyPlanOptions& options) {
  const Rules rules(families, options);
  MergeRuns found;
  std::vector<bool> takes_part(families.disks.size());
  for (const DiskFamily& family : families.families) {
    for (const DiskIndex disk : family.disks) {
      if (rules.can_go(disk) || !rules.can_take(disk) || !rules.can_go(families.places[disk].children[0]))
        continue;
      MergeRun run{.disks = {disk}, .child = {}};
      std::optional<DiskIndex> above = families.places[disk].children[0];
      while (above && rules.can_go(*above)) {
        run.disks.push_back(*above);
        const auto& children = families.places[*above].children;
        above = children.empty() ? std::nullopt : std::optional(children[0]);
      }
      run.child = above;
      for (const DiskIndex member : run.disks)
        takes_part[member] = true;
      found.runs.push_back(std::move(run));
    }
  }
  for (const DiskFamily& family : families.families) {
    if (family.disks.size() == 1 && families.places[family.disks[0]].role == DiskRole::single) continue;
    for (const DiskIndex disk : family.disks) {
      if (!takes_part[disk]) found.staying.push_back({disk, rules.why_it_stays(disk)});
    }
  }
  return found;
}

Result<FamilyPlan> plan_family_merges(FileSystem& files, const DiskFamilies& families,
                                      const FamilyPlanOptions& options, RandomSource& random) {
  MergeRuns found = find_merge_runs(families, options);
  FamilyPlan plan;
  plan.staying = std::move(found.staying);
  std::vector<RunPrices> runs;
  for (const MergeRun& run : found.runs)
    runs.push_back(TRY(price_run(files, families, run, options.stop, random)));

  // The comparisons take the runs from the one that needs the least space on, whatever is free.
  std::ranges::stable_sort(runs, {}, [](const RunPrices& run) { return run.one_pass.peak_bytes; });
  int64_t one_pass_gained = 0;
  int64_t oldest_gained = 0;
  int64_t newest_gained = 0;
  for (RunPrices& run : runs) {
    add(plan.one_pass, run.one_pass, one_pass_gained);
    add(plan.oldest_first, run.prices->oldest_first(), oldest_gained);
    add(plan.newest_first, run.prices->newest_first(), newest_gained);
  }

  while (!runs.empty()) {
    uint64_t free_bytes = options.space_limit_bytes;
    if (free_bytes != unlimited) {
      free_bytes =
          static_cast<uint64_t>(std::max(int64_t{0}, static_cast<int64_t>(free_bytes) + plan.gained_bytes));
    }
    const Choice choice = choose(runs, free_bytes);
    plan.fits = plan.fits && choice.fits;
    add_steps(families, *runs[choice.run].run, choice.order, plan);
    add(plan.cost, choice.order, plan.gained_bytes);
    plan.bytes_to_zero += choice.order.bytes_to_zero;
    runs.erase(runs.begin() + static_cast<ptrdiff_t>(choice.run));
  }
  return plan;
}

}  // namespace vhdlab
