// Taking turns: every contender of a question is measured once per round, A B C
// A B C, so that what drifts drifts for all. A figure is the median over rounds
// of one contender's value over another's in the same round.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "reports/history/figure_history.h"

namespace vhdlab::peers {

struct Measured {
  double value = 0;  // a rate, or a time, or bytes
  std::string note;  // what went with it: flushes; may be empty
};

// Where the bytes of a lane's files stand when it is measured.
enum class Warmth {
  page_cache,  // all of them
  device,      // none; they were read from the device right before
};

// One contender.
struct Lane {
  std::string name;
  std::function<Result<Measured>()> measure;
  // Made as warm as this right before each measurement; those that are to be in the
  // page cache are let go before the first round, so that all come in alike. How
  // far they are in it is told in the figure's notes.
  std::vector<std::string> files;
  Warmth warmth = Warmth::page_cache;
};

// A figure, from two lanes or one.
struct FigureRule {
  std::string name;
  std::string what;
  std::string numerator;
  std::string denominator;  // empty: the figure is the numerator's value itself
  std::optional<double> reach;
  std::string unit = "1";
  bool higher_is_better = true;
  std::string qemu;  // the rule with qemu's value of the same, where it applies
  std::function<double(double numerator, double denominator)> combine = {};  // absent: their ratio
};

struct Question {
  std::string name;  // what --only takes, besides the names of rules
  std::vector<Lane> lanes;
  std::vector<FigureRule> rules;
  std::function<Result<void>()> prepare = {};  // once, before the first round
};

struct Answers {
  // Median, low, high, notes; stamp them with commit and machine.
  std::vector<reports::HistoryFigure> figures;
  // "figure: why", such as direct I/O that the machine refuses.
  std::vector<std::string> not_measured;
};

// A lane that fails with the kind unsupported or not_found is left out, with
// the figures that need it; any other failure ends the question. Lanes that no
// rule in `only` needs are not run; empty means all rules.
[[nodiscard]] Result<Answers> answer(const Question& question, uint32_t repeats,
                                     const std::vector<std::string>& only, std::ostream& progress);

}  // namespace vhdlab::peers
