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

  // What a pass and the pause at its end led to.
  struct PassEnd {
    LiveStep step = LiveStep::end_in_pause;
    std::optional<uint64_t> rest_bytes;  // merged within the pause, where the leaf's last writes were
  };

  // One pass over the range, and the pause at its end. Whether another one is to follow.
  Result<bool> pass(Nanoseconds begin) {
    const std::vector<std::string> paths = disk_.paths();
    tell_of_next_pass();
    const Chain chain = TRY(open_sources(paths[range_.top]));
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
    PassEnd end;
    measured.pause_s = TRY(in_pause(work.leaf, [&]() -> Result<std::string> {
      TRY(put_on_target(work));
      return takes_leaf_ ? go_on(work, measured, end) : work.leaf;
    }));
    measured.pause_s += std::exchange(first_pause_s_, 0);
    measured.duration_s = seconds_between(begin, clock_.now());
    note_pass(measured, end, work.leaf);
    TRY(clean_up_after_pause(work, end));
    range_.top = range_.target + 1;
    pass_options_.force = true;  // whoever stood on the layers was looked for in the first pass
    return end.step == LiveStep::another_pass;
  }

  // From here on progress is of this pass.
  void tell_of_next_pass() {
    pass_options_.progress = [this, begin = clock_.now(), written_before = disk_.bytes_written(),
                              before = std::optional<uint64_t>()](uint64_t done, uint64_t total) mutable {
      if (!before) before = done;  // moved by an earlier run: not part of this one's rate
      tell(done - *before, total - *before, disk_.bytes_written() - written_before,
           seconds_between(begin, clock_.now()));
    };
  }

  // Not through the leaf, which is being written.
  Result<Chain> open_sources(const std::string& top) {
    const ChainOpenOptions read_only{.cache = pass_options_.cache,
                                     .ignore_id_mismatch = pass_options_.ignore_id_mismatch,
                                     .metadata_cache_bytes = tables_of_one_pass_bytes};
    return open_chain(files_, top, read_only, random_);
  }

  void note_pass(const LivePass& measured, const PassEnd& end, const std::string& leaf) {
    outcome_.passes.push_back(measured);
    if (end.rest_bytes) outcome_.passes.push_back({.bytes_merged = *end.rest_bytes});
    outcome_.finished = end.step == LiveStep::end_in_pause;
    outcome_.totals.child_path = takes_leaf_ && outcome_.finished ? "" : leaf;
    if (end.step == LiveStep::give_up) outcome_.explanation = LiveCourse::why_not(measured);
  }

  Result<void> put_on_target(MergeWork& work) {
    const auto child = TRY(open_vhdx(files_, work.child, OpenMode::read_write, pass_options_.cache, random_,
                                     vhdx::WriteIntent::same_content));
    return repoint_child(work, *child);
  }

  // The leaf stands on the target by now and is closed. Decides what becomes of it; the path of the leaf to
  // go on with.
  Result<std::string> go_on(MergeWork& work, LivePass& measured, PassEnd& end) {
    const MergeRange above{.target = range_.target, .top = range_.target + 1};
    const Chain chain = TRY(open_chain(files_, work.leaf, {.cache = pass_options_.cache}, random_));
    measured.bytes_written = TRY(estimate_merge(chain, above)).bytes_to_move();
    end.step = course_.after_pass(measured.bytes_merged, measured.bytes_written);
    switch (end.step) {
      case LiveStep::another_pass:
        return put_on_top(work.leaf);
      case LiveStep::give_up:
        return work.leaf;
      case LiveStep::end_in_pause:
        TRY(clean_up(work));  // its record makes room for the next one
        end.rest_bytes = TRY(merge_rest(chain, above, work.leaf));
        return work.path_of(range_.target);
    }
    std::unreachable();
  }

  // Merges what the leaf got during the last pass. Returns how many bytes that were.
  Result<uint64_t> merge_rest(const Chain& chain, MergeRange above, const std::string& leaf) {
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
    return last.outcome.bytes_copied + last.outcome.bytes_zeroed;
  }

  Result<void> clean_up_after_pause(const MergeWork& work, const PassEnd& end) {
    if (!end.rest_bytes) return clean_up(work);
    // Its sources went within the pause. Only now the leaf, since until the machine stood on the target this
    // was its disk.
    TRY(remove_sources(files_, {work.leaf}, outcome_.totals));
    return remove_merge_record(files_, work.leaf);
  }

  // The sources are part of no chain any more.
  Result<void> clean_up(const MergeWork& work) {
    const std::vector<std::string> sources = work.source_paths();
    TRY(remove_sources(files_, sources, outcome_.totals));
    for (const std::string& source : sources)  // of a pass that was given up for this one
      TRY(remove_merge_record(files_, source));
    return remove_merge_record(files_, work.leaf);
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
