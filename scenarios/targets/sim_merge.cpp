// A merge piece by piece; see sim_merge.h.
#include "scenarios/targets/sim_merge.h"

#include <algorithm>
#include <utility>

namespace vhdlab::scenarios {
namespace {

class LayersMove {
 public:
  LayersMove(SimChain& files, SimHost& host, MergeRange range, reports::MergeTotals& totals,
             const StopRequested& stop)
      : files_(files), host_(host), range_(range), totals_(totals), stop_(stop) {}

  Result<void> run(const StepProgress& progress) {
    TableMemory memory;
    Chain chain = files_.open(OpenMode::read_only, memory);
    LayerFile& target_file = *files_.files()[range_.target];
    const auto target = files_.open_layer(target_file, OpenMode::read_write, memory);
    const uint64_t size_before = target_file.tables->file_size_bytes();
    std::vector<sim::FileRequest> requests;
    files_.recorder().collected = &requests;
    ReadPlan scratch;
    std::vector<MergeStep> steps;
    const uint64_t disk_size = files_.disk_size_bytes();
    for (uint64_t window = 0; window < disk_size; window += merge_window_bytes) {
      if (progress) progress(window, disk_size);
      const ByteRange part{window, std::min(merge_window_bytes, disk_size - window)};
      TRY(plan_merge_window(chain.layers(), range_, part, scratch, steps));
      for (const MergeStep& step : steps)
        TRY(move_step(chain, *target, step));
    }
    TRY(target->close());
    TRY(pay(requests));
    files_.recorder().collected = nullptr;
    totals_.free_space_peak_bytes =
        std::max(totals_.free_space_peak_bytes, target_file.tables->file_size_bytes() - size_before);
    return {};
  }

 private:
  Result<void> move_step(Chain& chain, ExtentLayer& target, const MergeStep& step) {
    WritePlan plan;
    RequestRecorder& recorder = files_.recorder();
    for (uint64_t done = 0; done < step.virtual_range.length;) {
      if (stop_ && stop_())
        return failure(ErrorKind::interrupted, "merge-interrupted", "merge stopped on request");
      const uint64_t length = step.is_zero ? step.virtual_range.length
                                           : std::min(move_piece_bytes, step.virtual_range.length - done);
      const ByteRange range{step.virtual_range.offset + done, length};
      if (target.flush_is_due()) TRY(target.flush());
      if (step.is_zero) {
        TRY(target.plan_zero(range, plan));
        TRY(carry_out(target, plan, range.offset, {}));
        totals_.bytes_zeroed += length;
      } else {
        const MutableBytes piece = files_.scratch(move_piece_bytes).first(length);
        recorder.source = {.buffer = piece,
                           .copied_from = &files_.files()[step.source]->labels,
                           .file_offset = step.file_offset + done,
                           .shared = host_.can_share(range, step.file_offset + done)};
        if (!recorder.source.shared)
          TRY(chain.layers()[step.source]->file().read(step.file_offset + done, piece));
        TRY(target.plan_write(range, plan));
        TRY(carry_out(target, plan, range.offset, piece));
        totals_.bytes_moved += length;
      }
      TRY(pay(*recorder.collected));
      done += length;
    }
    return {};
  }

  Result<void> pay(std::vector<sim::FileRequest>& requests) {
    return host_.pay(requests, std::exchange(files_.recorder().extents_shared, 0));
  }

  SimChain& files_;
  SimHost& host_;
  MergeRange range_;
  reports::MergeTotals& totals_;
  const StopRequested& stop_;
};

}  // namespace

Result<void> move_layers(SimChain& chain, SimHost& host, MergeRange range, reports::MergeTotals& totals,
                         const StepProgress& progress, const StopRequested& stop) {
  return LayersMove(chain, host, range, totals, stop).run(progress);
}

}  // namespace vhdlab::scenarios
