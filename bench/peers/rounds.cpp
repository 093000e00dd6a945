// Rounds of lanes, and figures from them; see rounds.h.
#include "bench/peers/rounds.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "bench/peers/residency.h"
#include "reports/results/number_text.h"
#include "reports/statistics/summary.h"

namespace vhdlab::peers {
namespace {

// What one lane gave, round by round.
struct LaneLog {
  std::vector<double> values;
  std::string note;
  std::optional<double> resident_share;  // the one farthest from what its warmth asks, of all rounds
  std::string refusal;                   // why it was left out; empty while it runs
};

bool is_refusal(const Error& error) {
  return error.kind == ErrorKind::unsupported || error.kind == ErrorKind::not_found;
}

// Keeps in `farthest` the share that is farthest from what the lane's warmth asks.
Result<void> warm(const Lane& lane, std::optional<double>& farthest) {
  switch (lane.warmth) {
    case Warmth::page_cache:
      farthest = std::min(farthest.value_or(1), TRY(make_resident(lane.files)).share());
      break;
    case Warmth::device:
      farthest = std::max(farthest.value_or(0), TRY(make_warm_below(lane.files)).share());
  }
  return {};
}

// All files of the lanes that are measured out of the page cache, each once: lanes share theirs.
std::vector<std::string> cached_files(const Question& question, const std::map<std::string, LaneLog>& logs) {
  std::set<std::string> files;
  for (const Lane& lane : question.lanes) {
    if (lane.warmth == Warmth::page_cache && logs.contains(lane.name))
      files.insert(lane.files.begin(), lane.files.end());
  }
  return {files.begin(), files.end()};
}

Result<void> run_lane(const Lane& lane, LaneLog& log) {
  if (!lane.files.empty()) TRY(warm(lane, log.resident_share));
  Measured measured = TRY(lane.measure());
  log.values.push_back(measured.value);
  log.note = std::move(measured.note);
  return {};
}

std::string note_of(const std::string& lane, const LaneLog& log) {
  std::string note = fmt::format("{} {}", lane, reports::three_digits(reports::median_of(log.values)));
  if (!log.note.empty()) note += " (" + log.note + ")";
  if (log.resident_share) note += fmt::format(", {:.1f} % in the page cache", 100 * *log.resident_share);
  return note;
}

reports::HistoryFigure figure_of(const FigureRule& rule, const LaneLog& numerator,
                                 const LaneLog* denominator) {
  std::vector<double> values;
  for (size_t round = 0; round < numerator.values.size(); ++round) {
    const double over = denominator != nullptr ? denominator->values[round] : 1;
    values.push_back(rule.combine ? rule.combine(numerator.values[round], over)
                                  : numerator.values[round] / over);
  }
  const reports::Summary summary = reports::summarise(values);
  reports::HistoryFigure figure{.figure = rule.name,
                                .what = rule.what,
                                .unit = rule.unit,
                                .median = summary.median,
                                .low = summary.low,
                                .high = summary.high,
                                .repeats = summary.count,
                                .reach = rule.reach,
                                .higher_is_better = rule.higher_is_better};
  if (denominator != nullptr || !numerator.note.empty() || numerator.resident_share)
    figure.notes.push_back(note_of(rule.numerator, numerator));
  if (denominator != nullptr) figure.notes.push_back(note_of(rule.denominator, *denominator));
  return figure;
}

}  // namespace

Result<Answers> answer(const Question& question, uint32_t repeats, const std::vector<std::string>& only,
                       std::ostream& progress) {
  std::vector<const FigureRule*> rules;
  std::map<std::string, LaneLog> logs;  // of the lanes some rule needs
  for (const FigureRule& rule : question.rules) {
    const bool asked = only.empty() || std::ranges::find(only, rule.name) != only.end() ||
                       std::ranges::find(only, question.name) != only.end();
    if (!asked) continue;
    rules.push_back(&rule);
    logs[rule.numerator];
    if (!rule.denominator.empty()) logs[rule.denominator];
  }
  Answers answers;
  if (rules.empty()) return answers;
  if (question.prepare) TRY(question.prepare());
  TRY(let_go(cached_files(question, logs)));

  for (uint32_t round = 0; round < repeats; ++round) {
    for (const Lane& lane : question.lanes) {
      const auto log = logs.find(lane.name);
      if (log == logs.end() || !log->second.refusal.empty()) continue;
      progress << fmt::format("{} round {} of {}: {}\n", question.name, round + 1, repeats, lane.name)
               << std::flush;
      auto done = run_lane(lane, log->second);
      if (!done && !is_refusal(done.error())) return std::unexpected(std::move(done).error().in(lane.name));
      if (!done) log->second.refusal = done.error().text();
    }
  }
  for (const FigureRule* rule : rules) {
    const LaneLog& numerator = logs[rule->numerator];
    const LaneLog* denominator = rule->denominator.empty() ? nullptr : &logs[rule->denominator];
    std::string refusal = numerator.refusal;
    if (refusal.empty() && denominator != nullptr) refusal = denominator->refusal;
    if (refusal.empty() &&
        (numerator.values.empty() || (denominator != nullptr && denominator->values.empty()))) {
      refusal = "this run has no such contender";
    }
    if (!refusal.empty()) {
      answers.not_measured.push_back(rule->name + ": " + refusal);
      continue;
    }
    answers.figures.push_back(figure_of(*rule, numerator, denominator));
  }
  return answers;
}

}  // namespace vhdlab::peers
