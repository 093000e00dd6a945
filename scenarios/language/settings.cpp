// One place for how each kind of value is read and how a wrong one is worded.
#include "scenarios/language/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "scenarios/language/words.h"

namespace vhdlab::scenarios {

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<uint64_t> whole_number_in(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> percent_in(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return number_in(text);
}

std::optional<Value> Judge::resolve(const Node& written) {
  if (written.kind != Node::Kind::scalar || !written.text.starts_with('$')) return Value{&written, &written};
  const std::string_view name = std::string_view(written.text).substr(1);
  const auto variable = environment_.variables.find(name);
  if (variable == environment_.variables.end()) {
    std::vector<std::string_view> known;
    for (const auto& [each, node] : environment_.variables)
      known.push_back(each);
    add(written, fmt::format("unknown variable {}", in_quotes(written.text)),
        known.empty() ? "declare it under 'variables' or 'sweep'" : suggestion(name, known));
    return std::nullopt;
  }
  if (variable->second == nullptr) return std::nullopt;  // its declaration was reported
  if (variable->second->kind == Node::Kind::nothing) {
    if (!environment_.accept_unset)
      add(written, fmt::format("the variable {} has no value", in_quotes(written.text)),
          fmt::format("give one with --set {}=VALUE, or a default under 'variables'", name));
    return std::nullopt;
  }
  return Value{&written, variable->second};
}

void Judge::unexpected(const Value& value, std::string_view what, std::string_view expected,
                       std::string hint) {
  std::string found;
  switch (value.resolved->kind) {
    case Node::Kind::nothing:
      found = "empty";
      break;
    case Node::Kind::scalar:
      found = in_quotes(value.resolved->text);
      break;
    case Node::Kind::list:
      found = "a list";
      break;
    case Node::Kind::mapping:
      found = "a mapping";
      break;
  }
  const std::string origin =
      value.from_variable() ? fmt::format(" (from {})", value.written->text) : std::string();
  add(*value.written, fmt::format("{} is {}{}, expected {}", what, found, origin, expected), std::move(hint));
}

std::optional<std::string> Judge::scalar(const Node& written, std::string_view what,
                                         std::string_view expected, Value& value) {
  const auto resolved = resolve(written);
  if (!resolved) return std::nullopt;
  value = *resolved;
  if (value.resolved->kind == Node::Kind::scalar) return value.resolved->text;
  unexpected(value, what, expected);
  return std::nullopt;
}

std::optional<uint64_t> Judge::whole(const Node& node, std::string_view what, uint64_t min, uint64_t max) {
  const std::string expected = max == UINT64_MAX ? fmt::format("a whole number from {}", min)
                                                 : fmt::format("a whole number from {} to {}", min, max);
  Value value;
  const auto text = scalar(node, what, expected, value);
  if (!text) return std::nullopt;
  const auto result = whole_number_in(*text);
  if (result && *result >= min && *result <= max) return result;
  unexpected(value, what, expected);
  return std::nullopt;
}

std::optional<double> Judge::number(const Node& node, std::string_view what, double min, double max) {
  const std::string expected = fmt::format("a number from {} to {}", min, max);
  Value value;
  const auto text = scalar(node, what, expected, value);
  if (!text) return std::nullopt;
  const auto result = number_in(*text);
  if (result && *result >= min && *result <= max) return result;
  unexpected(value, what, expected);
  return std::nullopt;
}

std::optional<uint64_t> Judge::size(const Node& node, std::string_view what, uint64_t min, uint64_t max) {
  const std::string expected = fmt::format("a size from {} to {}", format_size(min), format_size(max));
  Value value;
  const auto text = scalar(node, what, expected, value);
  if (!text) return std::nullopt;
  const auto result = parse_size_bytes(*text);
  if (result && *result >= min && *result <= max) return *result;
  unexpected(value, what, expected, result ? "" : result.error().hint);
  return std::nullopt;
}

std::optional<Nanoseconds> Judge::duration(const Node& node, std::string_view what, Nanoseconds max) {
  const std::string expected =
      fmt::format("a duration such as 250ms, 3s or 2min, at most {}", format_duration(max));
  Value value;
  const auto text = scalar(node, what, expected, value);
  if (!text) return std::nullopt;
  const auto result = parse_duration(*text);
  if (result && *result >= Nanoseconds{0} && *result <= max) return *result;
  unexpected(value, what, expected, result ? "" : result.error().hint);
  return std::nullopt;
}

std::optional<bool> Judge::boolean(const Node& node, std::string_view what) {
  Value value;
  const auto text = scalar(node, what, "true or false", value);
  if (!text) return std::nullopt;
  if (*text == "true") return true;
  if (*text == "false") return false;
  unexpected(value, what, "true or false");
  return std::nullopt;
}

std::optional<Amount> Judge::amount(const Node& node, std::string_view what, double percent_max) {
  const std::string expected = fmt::format("a percentage above 0% up to {}% or a size above 0", percent_max);
  Value value;
  const auto text = scalar(node, what, expected, value);
  if (!text) return std::nullopt;
  if (text->ends_with('%')) {
    const auto percent = percent_in(*text);
    if (percent && *percent > 0 && *percent <= percent_max) return Amount{.percent = percent};
  } else {
    const auto size_bytes = parse_size_bytes(*text);
    if (size_bytes && *size_bytes > 0) return Amount{.percent = std::nullopt, .size_bytes = *size_bytes};
  }
  unexpected(value, what, expected);
  return std::nullopt;
}

std::optional<std::string> Judge::text(const Node& node, std::string_view what) {
  Value value;
  auto text = scalar(node, what, "a text", value);
  if (text && text->empty()) {
    unexpected(value, what, "a text");
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> Judge::path(const Node& node, std::string_view what, const std::string& folder) {
  const auto value = resolve(node);
  if (!value) return std::nullopt;
  const auto written = text(node, what);
  if (!written) return std::nullopt;
  const std::filesystem::path path(*written);
  const bool is_in_file = value->resolved->place.source == 0;
  if (path.is_absolute() || !is_in_file || folder.empty()) return written;
  return (std::filesystem::path(folder) / path).string();
}

bool Judge::refuse_more_keys(const Node& step) {
  for (size_t i = 1; i < step.entries.size(); ++i) {
    findings_.add(step.entries[i].key_place,
                  fmt::format("a second key, {}, in the step {}", in_quotes(step.entries[i].key),
                              in_quotes(step.entries[0].key)),
                  fmt::format("indent the settings of '{0}' below it, or write {0}: {{ ... }}; begin a new "
                              "step with '- '",
                              step.entries[0].key));
  }
  return step.entries.size() > 1;
}

std::optional<size_t> Judge::word_index(const Node& node, std::string_view what,
                                        std::span<const std::string_view> words) {
  const std::string expected = words.size() == 1 ? in_quotes(words[0]) : "one of " + joined(words);
  Value value;
  const auto text = scalar(node, what, expected, value);
  if (!text) return std::nullopt;
  const auto word = std::ranges::find(words, *text);
  if (word != words.end()) return static_cast<size_t>(word - words.begin());
  const std::string hint = suggestion(*text, words);
  unexpected(value, what, expected, hint.starts_with("did") ? hint : "");
  return std::nullopt;
}

Settings::Settings(Judge& judge, const Node& node, std::string where, std::span<const std::string_view> keys,
                   std::span<const std::pair<std::string_view, std::string_view>> hints)
    : judge_(judge), node_(node), where_(std::move(where)), is_mapping_(node.kind == Node::Kind::mapping) {
  if (!is_mapping_) {
    judge_.unexpected({&node, &node}, in_quotes(where_), "its settings as 'key: value'",
                      keys.empty() ? std::string() : fmt::format("keys are {}", joined(keys)));
    return;
  }
  for (const Node::Entry& entry : node.entries) {
    if (std::ranges::find(keys, entry.key) != keys.end()) continue;
    const auto better = std::ranges::find(hints, entry.key, [](const auto& hint) { return hint.first; });
    const std::string place = where_.empty() ? "at the top level" : "in " + in_quotes(where_);
    judge_.findings().add(entry.key_place, fmt::format("unknown key {} {}", in_quotes(entry.key), place),
                          better != hints.end() ? std::string(better->second) : suggestion(entry.key, keys));
  }
}

std::string Settings::name_of(std::string_view key) const {
  if (where_.empty()) return fmt::format("'{}'", key);
  return fmt::format("'{}' of {}", key, in_quotes(where_));
}

const Node* Settings::required(std::string_view key, std::string_view hint) {
  const Node* node = find(key);
  if (node == nullptr && is_mapping_)
    judge_.add(node_, fmt::format("{} has no '{}'", where_.empty() ? "the file" : in_quotes(where_), key),
               std::string(hint));
  return node;
}

std::optional<uint64_t> Settings::whole(std::string_view key, uint64_t min, uint64_t max) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.whole(*node, name_of(key), min, max);
}
std::optional<double> Settings::number(std::string_view key, double min, double max) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.number(*node, name_of(key), min, max);
}
std::optional<uint64_t> Settings::size(std::string_view key, uint64_t min, uint64_t max) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.size(*node, name_of(key), min, max);
}
std::optional<Nanoseconds> Settings::duration(std::string_view key, Nanoseconds max) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.duration(*node, name_of(key), max);
}
std::optional<bool> Settings::boolean(std::string_view key) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.boolean(*node, name_of(key));
}
std::optional<Amount> Settings::amount(std::string_view key, double percent_max) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.amount(*node, name_of(key), percent_max);
}
std::optional<std::string> Settings::text(std::string_view key) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.text(*node, name_of(key));
}

}  // namespace vhdlab::scenarios
