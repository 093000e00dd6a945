// Making parts of a record from what the runner holds.
#include "reports/results/run_record.h"

namespace vhdlab::reports {

Latency latency_of(const Histogram& histogram) {
  return {.min_ns = histogram.min_ns(),
          .mean_ns = histogram.mean_ns(),
          .p50_ns = histogram.percentile_ns(50),
          .p90_ns = histogram.percentile_ns(90),
          .p99_ns = histogram.percentile_ns(99),
          .p999_ns = histogram.percentile_ns(99.9),
          .max_ns = histogram.max_ns(),
          .buckets = histogram.buckets()};
}

}  // namespace vhdlab::reports
