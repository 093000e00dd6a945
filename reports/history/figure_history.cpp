// Lines of figures, both ways; see figure_history.h.
#include "reports/history/figure_history.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace vhdlab::reports {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view extension = ".jsonl";

std::unexpected<Error> bad_field(std::string_view field, std::string_view found, std::string_view expected) {
  return failure(ErrorKind::damaged, "history-field",
                 fmt::format("field \"{}\": found {}, expected {}", field, found, expected),
                 "lines are only ever appended: take the line out, or bring back what was written");
}

// Takes the fields of one object out by name and objects to what is wrong with them.
class Fields {
 public:
  Fields(const Json& object, std::string prefix) : object_(object), prefix_(std::move(prefix)) {}

  Result<std::string> text(const std::string& name) {
    const Json* value = take(name);
    if (value == nullptr) return missing(name, "a text");
    if (!value->is_string()) return bad_field(prefix_ + name, value->type_name(), "a text");
    return value->get<std::string>();
  }

  Result<double> number(const std::string& name) {
    const Json* value = take(name);
    if (value == nullptr) return missing(name, "a number");
    if (!value->is_number()) return bad_field(prefix_ + name, value->type_name(), "a number");
    return value->get<double>();
  }

  Result<std::optional<double>> number_or_none(const std::string& name) {
    if (!object_.contains(name)) return std::nullopt;
    return TRY(number(name));
  }

  Result<uint64_t> count(const std::string& name, uint64_t at_most) {
    const Json* value = take(name);
    const std::string expected = fmt::format("a whole number up to {}", at_most);
    if (value == nullptr) return missing(name, expected);
    if (!value->is_number_unsigned() || value->get<uint64_t>() > at_most) {
      return bad_field(prefix_ + name, value->dump(), expected);
    }
    return value->get<uint64_t>();
  }

  Result<std::vector<std::string>> texts(const std::string& name) {
    const Json* value = take(name);
    std::vector<std::string> texts;
    if (value == nullptr) return texts;
    if (!value->is_array()) return bad_field(prefix_ + name, value->type_name(), "a list of texts");
    for (const Json& element : *value) {
      if (!element.is_string()) return bad_field(prefix_ + name, element.type_name(), "a list of texts");
      texts.push_back(element.get<std::string>());
    }
    return texts;
  }

  Result<const Json*> object(const std::string& name) {
    const Json* value = take(name);
    if (value == nullptr) return missing(name, "an object");
    if (!value->is_object()) return bad_field(prefix_ + name, value->type_name(), "an object");
    return value;
  }

  // Nothing is left that nobody asked for.
  Result<void> finish() const {
    for (const auto& [name, value] : object_.items()) {
      if (!taken_.contains(name)) return bad_field(prefix_ + name, value.dump(), "no such field");
    }
    return {};
  }

 private:
  const Json* take(const std::string& name) {
    taken_.insert(name);
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }

  [[nodiscard]] std::unexpected<Error> missing(const std::string& name, std::string_view expected) const {
    return bad_field(prefix_ + name, "nothing", expected);
  }

  const Json& object_;
  std::string prefix_;
  std::set<std::string> taken_;
};

Result<HistoryMachine> parse_machine(const Json& object) {
  Fields fields(object, "machine.");
  HistoryMachine machine;
  machine.cpu = TRY(fields.text("cpu"));
  machine.cores = static_cast<uint32_t>(TRY(fields.count("cores", UINT32_MAX)));
  machine.kernel = TRY(fields.text("kernel"));
  machine.file_system = TRY(fields.text("file_system"));
  TRY(fields.finish());
  return machine;
}

Result<HistoryFigure> parse_line(std::string_view line) {
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return failure(ErrorKind::damaged, "history-syntax", "found something else than one JSON object",
                   "a line is written as one by 'tools/bench-peers'; take it out if it was cut short");
  }
  Fields fields(object, "");
  HistoryFigure figure;
  figure.figure = TRY(fields.text("figure"));
  figure.what = TRY(fields.text("what"));
  figure.unit = TRY(fields.text("unit"));
  figure.median = TRY(fields.number("median"));
  figure.low = TRY(fields.number("low"));
  figure.high = TRY(fields.number("high"));
  figure.repeats = static_cast<uint32_t>(TRY(fields.count("repeats", UINT32_MAX)));
  figure.reach = TRY(fields.number_or_none("reach"));
  const std::string better = TRY(fields.text("better"));
  figure.seed = TRY(fields.count("seed", UINT64_MAX));
  figure.commit = TRY(fields.text("commit"));
  figure.date = TRY(fields.text("date"));
  figure.machine = TRY(parse_machine(*TRY(fields.object("machine"))));
  figure.notes = TRY(fields.texts("notes"));
  TRY(fields.finish());

  if (figure.figure.empty()) return bad_field("figure", "an empty text", "the figure's name");
  if (better != "higher" && better != "lower") return bad_field("better", better, "\"higher\" or \"lower\"");
  figure.higher_is_better = better == "higher";
  if (figure.repeats == 0) return bad_field("repeats", "0", "at least one");
  if (!(figure.low <= figure.median && figure.median <= figure.high)) {
    return bad_field("median", fmt::format("{}", figure.median),
                     fmt::format("between low, {}, and high, {}", figure.low, figure.high));
  }
  return figure;
}

std::vector<std::string> history_files(const std::string& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return {path};
  std::vector<std::string> files;
  for (auto entry = fs::directory_iterator(path, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().extension() == extension) files.push_back(entry->path().string());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

std::string HistoryMachine::text() const {
  return fmt::format("{} on {} cores of {}, {}", file_system, cores, cpu, kernel);
}

bool HistoryFigure::is_reached() const {
  if (!reach) return true;
  return higher_is_better ? median >= *reach : median <= *reach;
}

std::string history_line(const HistoryFigure& figure) {
  Json line = {{"figure", figure.figure},  {"what", figure.what}, {"unit", figure.unit},
               {"median", figure.median},  {"low", figure.low},   {"high", figure.high},
               {"repeats", figure.repeats}};
  if (figure.reach) line["reach"] = *figure.reach;
  line["better"] = figure.higher_is_better ? "higher" : "lower";
  line["seed"] = figure.seed;
  line["commit"] = figure.commit;
  line["date"] = figure.date;
  line["machine"] = {{"cpu", figure.machine.cpu},
                     {"cores", figure.machine.cores},
                     {"kernel", figure.machine.kernel},
                     {"file_system", figure.machine.file_system}};
  line["notes"] = figure.notes;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::vector<HistoryFigure>> parse_history(std::string_view text, std::string_view name) {
  std::vector<HistoryFigure> figures;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    figures.push_back(TRY_IN(fmt::format("{}:{}", name, number), parse_line(line)));
  }
  return figures;
}

bool is_history(const std::string& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return fs::path(path).extension() == extension;
  return !history_files(path).empty() && !fs::exists(fs::path(path) / "results.json", error);
}

Result<std::vector<HistoryFigure>> read_history(const std::string& path) {
  const std::vector<std::string> files = history_files(path);
  if (files.empty()) {
    return failure(ErrorKind::not_found, "history-not-found",
                   fmt::format("{}: there is no .jsonl file", path),
                   "name the file that 'tools/bench-peers' appends to, or its folder");
  }
  std::vector<HistoryFigure> figures;
  for (const std::string& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (!stream) {
      return failure(ErrorKind::io_failed, "history-read", fmt::format("{}: cannot be read", file),
                     "check that it is a file you may read");
    }
    std::ranges::move(TRY(parse_history(text, file)), std::back_inserter(figures));
  }
  return figures;
}

Result<void> append_history(const std::string& path, std::span<const HistoryFigure> figures) {
  std::ofstream stream(path, std::ios::binary | std::ios::app);
  for (const HistoryFigure& figure : figures)
    stream << history_line(figure) << '\n';
  stream.close();
  if (!stream) {
    return failure(ErrorKind::io_failed, "history-write", fmt::format("{}: cannot be written to", path),
                   "check that its folder is there, writable, and has space left");
  }
  return {};
}

std::vector<HistoryFigure> latest_figures(std::span<const HistoryFigure> figures) {
  std::vector<HistoryFigure> latest;
  for (const HistoryFigure& figure : figures) {
    const auto earlier = std::ranges::find_if(latest, [&](const HistoryFigure& known) {
      return known.figure == figure.figure && known.machine == figure.machine;
    });
    if (earlier == latest.end()) {
      latest.push_back(figure);
    } else {
      *earlier = figure;
    }
  }
  return latest;
}

}  // namespace vhdlab::reports
