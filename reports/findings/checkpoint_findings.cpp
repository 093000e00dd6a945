// Sentences about checkpoints; see checkpoint_findings.h.
#include "reports/findings/checkpoint_findings.h"

#include <algorithm>

#include <fmt/format.h>

#include "reports/results/metrics.h"
#include "reports/results/number_text.h"

namespace vhdlab::reports {
namespace {

double median(const Measurement& measurement, std::string_view metric) {
  const Summary* summary = find_summary(measurement, metric);
  return summary == nullptr ? 0 : summary->median;
}

std::string files_text(double count) {
  return fmt::format("{:.0f} file{}", count, count == 1 ? "" : "s");
}

}  // namespace

std::string checkpoint_sentence(const Measurement& operation) {
  std::string sentence = fmt::format(
      "{} takes {} and writes {}", describe_operations(operation.kind, operation.workload),
      duration_text(median(operation, "duration_s")), bytes_text(median(operation, "bytes_written")));
  if (const double files = median(operation, "pending_files"); files > 0) {
    sentence += fmt::format(", and leaves {} with {} to be merged", files_text(files),
                            bytes_text(median(operation, "pending_bytes")));
  }
  return sentence;
}

std::string damage_sentence(const Measurement& damage) {
  const DamageTotals found = damage.repeats.front().damage.value_or(DamageTotals{});
  if (found.files.empty()) return "there was no file to damage";
  const auto& worst =
      *std::ranges::max_element(found.files, {}, [](const DamagedFile& file) { return file.lost.size(); });
  double unforeseen = 0;
  for (const double in_repeat : metric_values(damage, "restore_points_unforeseen"))
    unforeseen = std::max(unforeseen, in_repeat);
  return fmt::format("with {} {} in turn, the worst takes {} of {} restore points with it, and {}",
                     files_text(static_cast<double>(found.files.size())),
                     damage.workload.damage.value_or("") == "missing" ? "missing" : "damaged",
                     worst.lost.size(), worst.lost.size() + worst.survived.size(),
                     unforeseen == 0 ? "every loss was foreseen"
                                     : fmt::format("{:.0f} of the outcomes WERE NOT FORESEEN", unforeseen));
}

}  // namespace vhdlab::reports
