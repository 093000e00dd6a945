// Turning numbers into sentences: along a sweep, between the ways to merge, and for a single point.
#include "reports/findings/findings.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "reports/findings/checkpoint_findings.h"
#include "reports/findings/sweep_view.h"
#include "reports/results/metrics.h"
#include "reports/results/number_text.h"
#include "reports/statistics/compare.h"
#include "reports/statistics/linear_fit.h"

namespace vhdlab::reports {
namespace {

constexpr size_t curves_told_max = 3;  // more would bury the answer; charts and tables show them all

std::string capitalised(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

// Whether there is anything to tell: simulated repeats are equal, and their interval has no width.
bool has_width(const Interval& interval) {
  return interval.kind != IntervalKind::none && std::isfinite(interval.high) && interval.low < interval.high;
}

// " (68 to 74 %)" and " (range 68 to 74 %)"; empty without an interval.
std::string bracketed(const Interval& interval, std::string_view unit) {
  if (!has_width(interval)) return "";
  return fmt::format(" ({}{})", interval.kind == IntervalKind::range ? "range " : "",
                     span_text(interval.low, interval.high, unit));
}

// The change of a rate as a change in percent: "-3.1 to +2.0 %".
std::string change_span(const Interval& interval) {
  if (!has_width(interval)) return "";
  return fmt::format(" (between {:+.1f} and {:+.1f} %)", (interval.low - 1) * 100, (interval.high - 1) * 100);
}

struct Step {
  const Point* point;
  const Measurement* measurement;
};

// The points of a curve that have the measurement.
std::vector<Step> steps_of(const Curve& curve, const std::string& name) {
  std::vector<Step> steps;
  for (const Point* point : curve.points) {
    const Measurement* measurement = find_measurement(*point, name);
    if (measurement != nullptr && !measurement->repeats.empty()) steps.push_back({point, measurement});
  }
  return steps;
}

class Narrator {
 public:
  explicit Narrator(const RunRecord& record)
      : record_(record),
        view_(view_of(record)),
        chance_(is_in_virtual_time(record) ? Chance::none : Chance::possible) {}

  std::vector<std::string> tell() {
    if (record_.verification.sectors_wrong != 0) tell_wrong_data();
    for (const std::string& name : measurement_names(record_))
      tell_measurement(name);
    tell_merge_orders();
    tell_expectations();
    if (!record_.complete) say("The run was stopped before its end: points are missing");
    if (sentences_.empty()) say("The run measured nothing");
    return std::move(sentences_);
  }

 private:
  void say(std::string text) { sentences_.push_back(capitalised(std::move(text)) + "."); }

  void tell_wrong_data() {
    const Verification& check = record_.verification;
    say(fmt::format("WRONG DATA: {} of {} sectors read back differ from what was written; {}",
                    check.sectors_wrong, check.sectors_checked, check.first_wrong));
  }

  void tell_measurement(const std::string& name) {
    size_t told = 0;
    for (const Curve& curve : view_.curves) {
      const std::vector<Step> steps = steps_of(curve, name);
      if (steps.empty() || told == curves_told_max) continue;
      ++told;
      const std::string context = curve.fixed.empty() ? "" : label_of(curve.fixed) + ": ";
      const MeasurementKind kind = steps.front().measurement->kind;
      if (is_checkpoint_operation(kind)) {
        say(context + at_last_of(steps, checkpoint_sentence(*steps.back().measurement)));
      } else if (kind == MeasurementKind::damage) {
        say(context + at_last_of(steps, damage_sentence(*steps.back().measurement)));
      } else if (kind == MeasurementKind::merge) {
        // Ways to merge are told against each other instead, where a run has several.
        if (merge_ways().size() < 2) say(context + merge_sentence(steps.back()));
      } else if (steps.front().measurement->kind == MeasurementKind::live_merge) {
        say(context + live_merge_sentence(steps));
      } else {
        const std::string step = shares_its_words(name) ? words(name) + ": " : "";
        const bool is_alone = steps.size() == 1;
        say(context + step + (is_alone ? point_sentence(*steps[0].measurement) : curve_sentence(steps)));
      }
    }
  }

  // Whether another workload of the run does the same: "before" and "after" a merge, say.
  [[nodiscard]] bool shares_its_words(const std::string& name) const {
    const auto workload_of = [](const Point& point, const std::string& wanted) -> std::string {
      const Measurement* found = find_measurement(point, wanted);
      if (found == nullptr || !is_workload(found->kind)) return "";
      return describe_operations(found->kind, found->workload);
    };
    return std::ranges::any_of(record_.points, [&](const Point& point) {
      const std::string own = workload_of(point, name);
      return !own.empty() && std::ranges::any_of(point.measurements, [&](const Measurement& other) {
        return other.name != name && workload_of(point, other.name) == own;
      });
    });
  }

  // "depth 32"
  [[nodiscard]] std::string place_of(const Point& point) const {
    return label_of({point.parameters[*view_.axis]});
  }

  // A sentence about the last of several steps: "at depth 32, ..." or "by missing: ...".
  [[nodiscard]] std::string at_last_of(const std::vector<Step>& steps, const std::string& sentence) const {
    if (steps.size() < 2) return sentence;
    const std::string place = place_of(*steps.back().point);
    return view_.numeric ? "at " + place + ", " + sentence : place + ": " + sentence;
  }

  // Where every step does the same, its words; else the measurement's name.
  [[nodiscard]] static std::string subject_of(const std::vector<Step>& steps) {
    auto text = [](const Step& step) {
      return describe_operations(step.measurement->kind, step.measurement->workload);
    };
    const std::string first = text(steps.front());
    const bool same = std::ranges::all_of(steps, [&](const Step& step) { return text(step) == first; });
    if (!same) return words(steps.front().measurement->name);
    return first.find(", ") == std::string::npos ? first : first + ",";  // "..., 70 % of them reads, keep"
  }

  // "at rate 8000/s, half of the random 4 KiB reads finish within 345 us and 99 % within 2.3 ms; at rate
  // 3000/s, within 99 us and 650 us": how many come is not the disk's doing, how long they take is.
  [[nodiscard]] std::string arrivals_sentence(const std::vector<Step>& steps) const {
    const auto within = [](const Step& step, std::string_view metric) {
      return "within " + value_text(median(*step.measurement, metric), "ns");
    };
    const Step& first = steps.front();
    const Step& last = steps.back();
    return fmt::format("at {}, half of the {} finish {} and 99 % {}; at {}, {} and {}", place_of(*last.point),
                       subject_of(steps), within(last, "latency_ns_p50"), within(last, "latency_ns_p99"),
                       place_of(*first.point), within(first, "latency_ns_p50"),
                       within(first, "latency_ns_p99"));
  }

  [[nodiscard]] std::string curve_sentence(const std::vector<Step>& steps) const {
    const bool come_from_outside = std::ranges::all_of(
        steps, [](const Step& step) { return step.measurement->workload.arrivals_per_s.has_value(); });
    if (come_from_outside) return arrivals_sentence(steps) + (is_depth_axis() ? layer_cost(steps) : "");
    const Step& first = steps.front();
    const Step& last = steps.back();
    const Comparison change = compare(metric_values(*first.measurement, "iops"),
                                      metric_values(*last.measurement, "iops"), record_.seed, chance_);
    const bool from_zero = view_.numeric && first.point->parameters[*view_.axis].number == 0;
    const std::string subject = subject_of(steps);
    const std::string from = place_of(*first.point);
    const std::string to = place_of(*last.point);
    // "keep 71 % of their rate at depth 32" needs no second place; "at block size 64 KiB, ... of their rate
    // at block size 4 KiB" does.
    const std::string opening = from_zero ? subject : fmt::format("at {}, {}", to, subject);
    const std::string of_what = from_zero ? "of their rate at " + to : "of their rate at " + from;
    const std::string share = percent_text(change.ratio);
    std::string sentence;
    switch (change.verdict) {
      case Verdict::lower:
        sentence = fmt::format("{} keep {}{} {}", opening, share, bracketed(change.interval, "%"), of_what);
        break;
      case Verdict::higher:
        sentence = fmt::format("{} reach {}{} {}", opening, share, bracketed(change.interval, "%"), of_what);
        break;
      case Verdict::not_shown:
        sentence = fmt::format("{} show no change of rate from {} to {} that these repeats can prove{}",
                               subject, from, to, change_span(change.interval));
        break;
      case Verdict::too_few:
        sentence = fmt::format("{} measured {} {}, but the repeats are too few to rule out chance", opening,
                               share, of_what);
        break;
      case Verdict::same:
        sentence = fmt::format("{} have the same rate at {} as at {}", subject, to, from);
        break;
      case Verdict::not_comparable:
        sentence = fmt::format("{} have no rate to compare between {} and {}", subject, from, to);
        break;
    }
    if (is_depth_axis()) sentence += layer_cost(steps);
    return sentence;
  }

  [[nodiscard]] bool is_depth_axis() const {
    return view_.numeric && record_.sweep[*view_.axis].name == "depth";
  }

  // "; each layer costs 310 ns of median latency (290 to 330 ns)"
  [[nodiscard]] std::string layer_cost(const std::vector<Step>& steps) const {
    for (const auto& [metric, what] : {std::pair{"latency_ns_p50", "median latency"},
                                       std::pair{"cpu_ns_per_operation", "processor time"}}) {
      std::vector<double> depths;
      std::vector<std::vector<double>> values;
      for (const Step& step : steps) {
        std::vector<double> at_step = metric_values(*step.measurement, metric);
        if (at_step.empty()) continue;
        depths.push_back(*step.point->parameters[*view_.axis].number);
        values.push_back(std::move(at_step));
      }
      const auto cost = fit_repeats(depths, values, record_.seed);
      if (!cost) continue;
      const Interval& interval = cost->interval;
      if (chance_ == Chance::none) {
        if (cost->fit.slope <= 0) return "";
        return fmt::format("; each layer costs {} of {}", value_text(cost->fit.slope, "ns"), what);
      }
      if (interval.kind == IntervalKind::none) {
        if (cost->fit.slope <= 0) return "";
        return fmt::format("; each layer costs about {} of {} (too few repeats for an interval)",
                           value_text(cost->fit.slope, "ns"), what);
      }
      if (interval.contains(0)) return fmt::format("; no cost per layer can be shown in the {}", what);
      if (cost->fit.slope < 0) return "";
      return fmt::format("; each layer costs {} of {}{}", value_text(cost->fit.slope, "ns"), what,
                         bracketed(interval, "ns"));
    }
    return "";
  }

  [[nodiscard]] static std::string point_sentence(const Measurement& measurement) {
    std::string sentence = describe_workload(measurement.kind, measurement.workload) + ": ";
    const Summary* iops = find_summary(measurement, "iops");
    if (iops == nullptr) return sentence + "no operation finished";
    sentence += fmt::format("{} operations per second", value_text(iops->median, "1/s"));
    if (iops->interval != IntervalKind::none && iops->low < iops->high) {
      sentence += fmt::format(" ({}, {})", span_text(iops->low, iops->high, "1/s"), interval_text(*iops));
    }
    if (const Summary* rate = find_summary(measurement, "bytes_per_s")) {
      sentence += ", " + value_text(rate->median, "B/s");
    }
    const Summary* half = find_summary(measurement, "latency_ns_p50");
    const Summary* tail = find_summary(measurement, "latency_ns_p99");
    if (half != nullptr && tail != nullptr) {
      sentence += fmt::format("; half finish within {}, 99 % within {}", value_text(half->median, "ns"),
                              value_text(tail->median, "ns"));
    }
    return sentence;
  }

  [[nodiscard]] static double median(const Measurement& measurement, std::string_view metric) {
    const Summary* summary = find_summary(measurement, metric);
    return summary == nullptr ? 0 : summary->median;
  }

  // "merging 16 layers in one pass moves 1.3 GiB in 0.8 s"
  [[nodiscard]] static std::string merge_sentence(const Step& step) {
    const Measurement& merge = *step.measurement;
    const double layers = median(merge, "layers_merged");
    if (layers == 0) return "there was nothing to merge";
    const std::string what = fmt::format("{:.0f} layer{}", layers, layers == 1 ? "" : "s");
    std::string order = merge_order_words(merge.workload.merge_order);
    if (order.find(',') != std::string::npos)
      order = ", " + order + ",";
    else if (!order.empty())
      order = " " + order;
    return fmt::format("merging {}{} moves {} in {}", what, order, bytes_text(median(merge, "bytes_moved")),
                       duration_text(median(merge, "duration_s")));
  }

  // "at writes 256/s, the live merge takes 16 s (expected 15.9 s) and holds I/O up for 12 ms in all, at most
  // 5 ms at a time; at writes 512/s, the live merge cannot finish: the guest writes 52 MiB/s, the merge
  // copies 50 MiB/s"
  [[nodiscard]] std::string live_merge_sentence(const std::vector<Step>& steps) const {
    std::string sentence;
    auto add = [&](const Step& step) {
      if (!sentence.empty()) sentence += "; ";
      if (view_.axis) sentence += fmt::format("at {}, ", place_of(*step.point));
      sentence += "the live merge " + live_outcome(*step.measurement);
    };
    const auto finishes = [](const Step& step) { return median(*step.measurement, "finished") >= 1; };
    const auto last = std::ranges::find_if(steps.rbegin(), steps.rend(), finishes);
    const auto stuck = std::ranges::find_if_not(steps, finishes);
    if (last != steps.rend()) add(*last);
    if (stuck != steps.end()) add(*stuck);
    return sentence;
  }

  [[nodiscard]] static std::string live_outcome(const Measurement& merge) {
    for (const Repeat& repeat : merge.repeats) {
      if (repeat.live && !repeat.live->finished) return repeat.live->explanation;
    }
    std::string text = "takes " + duration_text(median(merge, "duration_s"));
    if (find_summary(merge, "estimated_s") != nullptr)
      text += fmt::format(" (expected {})", duration_text(median(merge, "estimated_s")));
    return text + fmt::format(" and holds I/O up for {} in all, at most {} at a time",
                              duration_text(median(merge, "pause_s_total")),
                              duration_text(median(merge, "pause_s_max")));
  }

  // The different orders in which the run merges.
  [[nodiscard]] std::vector<std::string> merge_ways() const {
    std::vector<std::string> ways;
    for (const Point& point : record_.points) {
      for (const Measurement& measurement : point.measurements) {
        if (measurement.kind != MeasurementKind::merge || measurement.repeats.empty()) continue;
        if (std::ranges::find(ways, measurement.workload.merge_order) == ways.end()) {
          ways.push_back(measurement.workload.merge_order);
        }
      }
    }
    return ways;
  }

  // The heaviest merge of each order; the orders must have merged the same layers and data to be comparable.
  void tell_merge_orders() {
    const std::vector<std::string> ways = merge_ways();
    if (ways.size() < 2) return;
    std::vector<Step> heaviest;
    for (const std::string& way : ways) {
      Step best{nullptr, nullptr};
      for (const Point& point : record_.points) {
        for (const Measurement& merge : point.measurements) {
          if (merge.kind != MeasurementKind::merge || merge.workload.merge_order != way) continue;
          if (merge.repeats.empty()) continue;
          if (best.measurement == nullptr || work_of(merge) > work_of(*best.measurement))
            best = {&point, &merge};
        }
      }
      heaviest.push_back(best);
    }
    const auto one_pass = std::ranges::find(ways, "one-pass");
    if (one_pass != ways.end())
      std::swap(heaviest[0], heaviest[static_cast<size_t>(one_pass - ways.begin())]);
    std::string sentence = merge_sentence(heaviest[0]);
    const Measurement& base = *heaviest[0].measurement;
    for (const Step& other : heaviest) {
      if (other.measurement == &base || work_of(*other.measurement) != work_of(base)) continue;
      sentence += "; " + order_against(base, *other.measurement);
    }
    say(sentence);
  }

  // How much there was to merge, whatever the order: layers, then bytes.
  static std::pair<double, double> work_of(const Measurement& merge) {
    return {median(merge, "layers_merged"), median(merge, "union_bytes")};
  }

  // "pair by pair, newest first, costs 7.4 times as much (7.1 to 7.7) and writes 8.1 times the bytes"
  [[nodiscard]] std::string order_against(const Measurement& base, const Measurement& other) const {
    const Comparison time =
        compare(metric_values(base, "duration_s"), metric_values(other, "duration_s"), record_.seed, chance_);
    std::string text = merge_order_words(other.workload.merge_order);
    if (text.find(',') != std::string::npos) text += ",";
    switch (time.verdict) {
      case Verdict::higher:
      case Verdict::lower:
        text +=
            fmt::format(" costs {} times as much{}", three_digits(time.ratio), bracketed(time.interval, ""));
        break;
      case Verdict::too_few:
        text += fmt::format(" took {} times as long, but the repeats are too few to rule out chance",
                            three_digits(time.ratio));
        break;
      case Verdict::not_shown:
      case Verdict::not_comparable:
        text += " takes no different time that these repeats can show";
        break;
      case Verdict::same:
        text += " takes the same time";
        break;
    }
    const double base_written = median(base, "bytes_written");
    const double written = median(other, "bytes_written");
    if (base_written > 0 && written > 1.05 * base_written) {
      if (time.verdict == Verdict::too_few) text += ",";
      text += fmt::format(" and writes {} times the bytes", three_digits(written / base_written));
    }
    return text;
  }

  void tell_expectations() {
    const auto missed = std::ranges::count(record_.expectations, false, &Expectation::met);
    if (missed == 0) return;
    const auto first = std::ranges::find(record_.expectations, false, &Expectation::met);
    const std::string observed = first->observed ? value_text(*first->observed, first->unit) : "nothing";
    say(fmt::format("{} of {} expectations {} not met: {}; observed {}", missed, record_.expectations.size(),
                    missed == 1 ? "is" : "are", first->text, observed));
  }

  const RunRecord& record_;
  SweepView view_;
  Chance chance_;
  std::vector<std::string> sentences_;
};

}  // namespace

std::vector<std::string> find_out(const RunRecord& record) {
  return Narrator(record).tell();
}

}  // namespace vhdlab::reports
