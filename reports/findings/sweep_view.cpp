// Sorting points into curves.
#include "reports/findings/sweep_view.h"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

namespace vhdlab::reports {
namespace {

struct Variation {
  size_t values = 0;  // different texts
  bool numeric = true;
};

Variation variation_of(const RunRecord& record, size_t variable) {
  std::set<std::string_view> texts;
  Variation variation;
  for (const Point& point : record.points) {
    texts.insert(point.parameters[variable].text);
    variation.numeric = variation.numeric && point.parameters[variable].number.has_value();
  }
  variation.values = texts.size();
  return variation;
}

}  // namespace

SweepView view_of(const RunRecord& record) {
  SweepView view;
  std::vector<Variation> variations;
  for (size_t v = 0; v < record.sweep.size(); ++v)
    variations.push_back(variation_of(record, v));

  auto weight = [&](size_t v) {
    const size_t numeric = variations[v].numeric ? 1 : 0;
    const size_t is_depth = record.sweep[v].name == "depth" ? 1 : 0;
    return std::tuple(is_depth, numeric, variations[v].values);
  };
  for (size_t v = 0; v < variations.size(); ++v) {
    if (variations[v].values > 1 && (!view.axis || weight(v) > weight(*view.axis))) view.axis = v;
  }
  view.numeric = view.axis && variations[*view.axis].numeric;

  for (const Point& point : record.points) {
    std::vector<ParameterValue> fixed;
    for (size_t v = 0; v < point.parameters.size(); ++v) {
      if (v != view.axis && variations[v].values > 1) fixed.push_back(point.parameters[v]);
    }
    auto curve = std::ranges::find(view.curves, fixed, &Curve::fixed);
    if (curve == view.curves.end()) curve = view.curves.insert(curve, Curve{.fixed = fixed, .points = {}});
    curve->points.push_back(&point);
  }
  if (view.numeric) {
    auto place = [&](const Point* point) { return *point->parameters[*view.axis].number; };
    for (Curve& curve : view.curves)
      std::ranges::stable_sort(curve.points, {}, place);
  }
  return view;
}

std::string words(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '_', ' ');
  return text;
}

std::string label_of(const std::vector<ParameterValue>& values) {
  std::string label;
  for (const ParameterValue& value : values) {
    label += fmt::format("{}{} {}", label.empty() ? "" : ", ", words(value.name), value.text);
  }
  return label;
}

std::vector<std::string> measurement_names(const RunRecord& record) {
  std::vector<std::string> names;
  for (const Point& point : record.points) {
    for (const Measurement& measurement : point.measurements) {
      if (std::ranges::find(names, measurement.name) == names.end()) names.push_back(measurement.name);
    }
  }
  return names;
}

std::vector<std::string> run_names(const std::vector<const RunRecord*>& records) {
  auto settings_of = [](const RunRecord& record) {
    std::string text;
    for (const NamedText& setting : record.settings) {
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", setting.name, setting.text);
    }
    return text;
  };
  const std::vector<std::function<std::string(const RunRecord&)>> aspects = {
      [](const RunRecord& r) { return r.scenario_name; }, [](const RunRecord& r) { return r.target; },
      settings_of, [](const RunRecord& r) { return r.started_at; }};

  // Only aspects in which the runs differ help to tell them apart.
  std::vector<std::string> names(records.size());
  auto all_different = [&] {
    return std::set<std::string>(names.begin(), names.end()).size() == names.size();
  };
  for (const auto& aspect : aspects) {
    std::set<std::string> values;
    for (const RunRecord* record : records)
      values.insert(aspect(*record));
    if (values.size() < 2) continue;
    for (size_t i = 0; i < records.size(); ++i) {
      const std::string value = aspect(*records[i]);
      if (!value.empty()) names[i] += (names[i].empty() ? "" : ", ") + value;
    }
    if (all_different()) return names;
  }
  if (records.size() == 1) return {records[0]->scenario_name};
  for (size_t i = 0; i < names.size(); ++i) {
    names[i] = fmt::format("{}run {}", names[i].empty() ? "" : names[i] + ", ", i + 1);
  }
  return names;
}

}  // namespace vhdlab::reports
