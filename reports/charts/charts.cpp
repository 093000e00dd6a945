// Which charts a page shows, in which order; chart_kinds.h says what each kind is.
#include "reports/charts/charts.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "reports/charts/chart_kinds.h"
#include "reports/charts/shown_runs.h"
#include "reports/results/metrics.h"

namespace vhdlab::reports {
namespace {

// Ids of HTML, each once: two measurements may give one id once their odd characters are gone.
std::vector<Chart> with_page_ids(std::vector<Chart> charts) {
  std::vector<Chart> page;
  for (Chart& chart : charts) {
    for (char& c : chart.id) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
    }
    const std::string wanted = chart.id;
    for (int n = 2; std::ranges::find(page, chart.id, &Chart::id) != page.end(); ++n)
      chart.id = fmt::format("{}-{}", wanted, n);
    page.push_back(std::move(chart));
  }
  return page;
}

}  // namespace

std::vector<Chart> charts_of(std::span<const RunRecord> records) {
  const ShownRuns runs(records);
  std::vector<Chart> charts;
  for (const std::string& measurement : runs.measurements()) {
    if (is_workload(runs.kind_of(measurement))) add_workload_charts(runs, measurement, charts);
  }
  add_checkpoint_charts(runs, charts);
  add_merge_charts(runs, charts);
  add_space_charts(runs, charts);
  return with_page_ids(std::move(charts));
}

}  // namespace vhdlab::reports
