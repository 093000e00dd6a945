// Passes and pauses; see live_merge.h.
#include "engine/merge/live_merge.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "engine/chain/chain_open.h"
#include "engine/merge/merge_record.h"
#include "engine/merge/merge_work.h"

namespace vhdlab {
namespace {

double seconds_between(Nanoseconds begin, Nanoseconds end) {
  return std::chrono::duration<double>(end - begin).count();
}

class LiveMerge {
 public:
  LiveMerge(FileSystem& files, LiveDisk& disk, MergeRange range, const LiveMergeOptions& options,
            RandomSource& random)
      : files_(files),
        disk_(disk),
        range_(range),
        options_(options),
        random_(random),
        course_(options.limits),
        clock_(*options.merge.clock),
        begin_(clock_.now()) {
    pass_options_.keep_sources = false;
  }

  Result<LiveMergeOutcome> run() {
    const size_t depth = disk_.paths().size() - 1;
    if (range_.target >= range_.top || range_.top > depth) {
      return failure(
          ErrorKind::invalid_argument, "merge-range",
          fmt::format("{}: cannot merge layers {} to {} into layer {}: the chain has layers 0 to {}",
                      disk_.paths().back(), range_.target + 1, range_.top, range_.target, depth));
    }
    takes_leaf_ = range_.top == depth;
    const std::string leaf = disk_.paths().back();
    const auto record = TRY(read_merge_record(files_, leaf));
    const bool goes_on = record && record->progress && record->range.target == range_.target &&
                         record->range.top + 1 == range_.top;
    if (takes_leaf_ && goes_on) {
      range_.top = record->range.top;  // a pass that was cut short; its leaf is on top already
    } else if (takes_leaf_ || record) {
      first_pause_s_ = TRY(in_pause(leaf, [&]() -> Result<std::string> {
        TRY(finish_interrupted_merge(files_, leaf, random_));
        return takes_leaf_ ? put_on_top(leaf) : leaf;
      }));
    }
    Nanoseconds pass_begin = begin_;
    for (bool more = true; more;) {
      more = TRY(pass(pass_begin));
      pass_begin = clock_.now();
    }
    outcome_.duration_s = seconds_between(begin_, clock_.now());
    outcome_.leaf_path = disk_.paths().back();
    return std::move(outcome_);
  }

 private:
  // Holds up I/O, changes the chain, and lets I/O go on with the leaf that `change` names, or with the old
  // one where it failed. Returns how long that took.
  template <typename Change>
  Result<double> in_pause(const std::string& leaf, const Change& change) {
    const Nanoseconds begin = clock_.now();
    auto paused = disk_.pause();
    Result<std::string> next = paused ? change() : std::unexpected(std::move(paused).error());
    const auto resumed = disk_.resume(next ? *next : leaf);
    TRY(next);
    TRY(resumed);
    return seconds_between(begin, clock_.now());
  }

  // The leaf is closed: an empty disk on it takes the writes from now on.
  Result<std::string> put_on_top(const std::string& leaf) {
    std::string path = disk_.next_leaf_path();
    TRY(create_child(files_, leaf, path, {.block_size_bytes = options_.leaf_block_size_bytes}, random_));
    return path;
  }

  // One pass over the range, and the pause at its end. Whether another one is to follow.
  Result<bool> pass(Nanoseconds begin) {
    const std::vector<std::string> paths = disk_.paths();
    const Nanoseconds moving_begin = clock_.now();
    const uint64_t written_before = disk_.bytes_written();
    std::optional<uint64_t> before;  // moved by an earlier run: not part of this one's rate
    pass_options_.progress = [&](uint64_t done, uint64_t total) {
      if (!before) before = done;
      tell(done - *before, total - *before, disk_.bytes_written() - written_before,
           seconds_between(moving_begin, clock_.now()));
    };
    const ChainOpenOptions read_only{.cache = pass_options_.cache,
                                     .ignore_id_mismatch = pass_options_.ignore_id_mismatch,
                                     .metadata_cache_bytes = tables_of_one_pass_bytes};
    // Not through the leaf, which is being written.
    const Chain chain = TRY(open_chain(files_, paths[range_.top], read_only, random_));
    MergeWork work{.files = files_,
                   .random = random_,
                   .options = pass_options_,
                   .range = range_,
                   .layers = chain.layers(),
                   .leaf = paths.back(),
                   .child = paths[range_.top + 1]};
    TRY(fill_target(work, chain, true));
    add(work.outcome);

    LivePass measured{.bytes_merged = work.outcome.bytes_copied + work.outcome.bytes_zeroed};
    LiveStep step = LiveStep::end_in_pause;
    Rest rest;
    measured.pause_s = TRY(in_pause(paths.back(), [&]() -> Result<std::string> {
      TRY(put_on_target(work));
      if (!takes_leaf_) return paths.back();
      return go_on(work, measured, step, rest);
    }));
    measured.pause_s += std::exchange(first_pause_s_, 0);
    measured.duration_s = seconds_between(begin, clock_.now());
    outcome_.passes.push_back(measured);
    outcome_.totals.child_path = takes_leaf_ && step == LiveStep::end_in_pause ? "" : paths.back();
    if (step != LiveStep::end_in_pause || !takes_leaf_) TRY(clean_up(work));
    if (rest.happened) {
      outcome_.passes.push_back({.bytes_merged = rest.bytes_merged});
      TRY(clean_up_rest(paths.back()));
    }
    range_.top = range_.target + 1;
    pass_options_.force = true;  // whoever stood on the layers was looked for in the first pass
    outcome_.finished = step == LiveStep::end_in_pause;
    if (step == LiveStep::give_up) outcome_.explanation = LiveCourse::why_not(measured);
    return step == LiveStep::another_pass;
  }

  Result<void> put_on_target(MergeWork& work) {
    const auto child = TRY(open_vhdx(files_, work.child, OpenMode::read_write, pass_options_.cache, random_,
                                     vhdx::WriteIntent::same_content));
    return repoint_child(work, *child);
  }

  // What was merged within the last pause.
  struct Rest {
    bool happened = false;
    uint64_t bytes_merged = 0;
  };

  // The leaf stands on the target by now and is closed. Decides what becomes of it; the path of the leaf to
  // go on with.
  Result<std::string> go_on(MergeWork& work, LivePass& measured, LiveStep& step, Rest& rest) {
    const std::string& leaf = work.leaf;
    const MergeRange above{.target = range_.target, .top = range_.target + 1};
    const Chain chain = TRY(open_chain(files_, leaf, {.cache = pass_options_.cache}, random_));
    const MergeEstimate left = TRY(estimate_merge(chain, above));
    measured.bytes_written = left.bytes_to_move();
    step = course_.after_pass(measured.bytes_merged, measured.bytes_written);
    switch (step) {
      case LiveStep::another_pass:
        return put_on_top(leaf);
      case LiveStep::give_up:
        return leaf;
      case LiveStep::end_in_pause:
        break;
    }
    TRY(clean_up(work));  // its record makes room for the next one
    MergeOptions unlimited = pass_options_;
    unlimited.rate_limit_bytes_per_s = 0;
    unlimited.progress = {};
    unlimited.force = true;
    MergeWork last{.files = files_,
                   .random = random_,
                   .options = unlimited,
                   .range = above,
                   .layers = chain.layers(),
                   .leaf = leaf};
    TRY(fill_target(last, chain, true));
    add(last.outcome);
    rest = {.happened = true, .bytes_merged = last.outcome.bytes_copied + last.outcome.bytes_zeroed};
    return last.path_of(range_.target);
  }

  // The sources are part of no chain any more.
  Result<void> clean_up(const MergeWork& work) {
    std::vector<std::string> sources;
    for (LayerIndex layer = work.range.target + 1; layer <= work.range.top; ++layer)
      sources.push_back(work.path_of(layer));
    TRY(remove_sources(files_, sources, outcome_.totals));
    for (const std::string& source : sources)  // of a pass that was given up for this one
      TRY(remove_merge_record(files_, source));
    return remove_merge_record(files_, work.leaf);
  }

  // Only now, since until the machine stood on the target this was its leaf.
  Result<void> clean_up_rest(const std::string& leaf) {
    TRY(remove_sources(files_, {leaf}, outcome_.totals));
    return remove_merge_record(files_, leaf);
  }

  void add(const MergeOutcome& part) {
    MergeOutcome& totals = outcome_.totals;
    totals.bytes_copied += part.bytes_copied;
    totals.bytes_shared += part.bytes_shared;
    totals.bytes_zeroed += part.bytes_zeroed;
    totals.bytes_moved_before += part.bytes_moved_before;
    totals.layers_merged += part.layers_merged;
    totals.target_path = part.target_path;
  }

  void tell(uint64_t done, uint64_t total, uint64_t written, double seconds) {
    LiveProgress progress{.pass = static_cast<uint32_t>(outcome_.passes.size() + 1),
                          .bytes_merged = done,
                          .bytes_to_merge = total,
                          .forecast = forecast(done, total, takes_leaf_ ? written : 0, seconds,
                                               options_.merge.rate_limit_bytes_per_s)};
    if (!has_estimated_ && done > 0 && done >= total / 10) {
      has_estimated_ = true;
      if (progress.forecast.seconds_left)
        outcome_.estimated_s = seconds_between(begin_, clock_.now()) + *progress.forecast.seconds_left;
    }
    if (options_.progress) options_.progress(progress);
  }

  FileSystem& files_;
  LiveDisk& disk_;
  MergeRange range_;
  const LiveMergeOptions& options_;
  RandomSource& random_;
  LiveCourse course_;
  Clock& clock_;
  Nanoseconds begin_;
  MergeOptions pass_options_ = options_.merge;
  bool takes_leaf_ = false;
  bool has_estimated_ = false;
  double first_pause_s_ = 0;
  LiveMergeOutcome outcome_;
};

}  // namespace

Result<LiveMergeOutcome> live_merge(FileSystem& files, LiveDisk& disk, MergeRange range,
                                    const LiveMergeOptions& options, RandomSource& random) {
  return LiveMerge(files, disk, range, options, random).run();
}

}  // namespace vhdlab
