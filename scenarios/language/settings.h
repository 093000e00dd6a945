// Reads the keys of one mapping as typed values: variables are put in, types and ranges judged, unknown keys
// reported with the nearest known one. Every getter returns nothing where the key is absent or was reported.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/units.h"
#include "scenarios/language/document.h"

namespace vhdlab::scenarios {

// What `$name` stands for at the point being bound. A node of kind nothing is a variable without a
// value; a null pointer one whose declaration is faulty, which silences what depends on it.
struct Environment {
  std::map<std::string, const Node*, std::less<>> variables;
  bool accept_unset = false;
};

// A value after its variable, if it is one, was put in.
struct Value {
  const Node* written = nullptr;   // where it stands in the file
  const Node* resolved = nullptr;  // what it is

  [[nodiscard]] bool from_variable() const { return written != resolved; }
};

// Part of something, as "30%" or as a size.
struct Amount {
  std::optional<double> percent;
  uint64_t size_bytes = 0;
};

template <typename T>
using Word = std::pair<std::string_view, T>;

class Judge {
 public:
  Judge(FindingCollector& findings, const Environment& environment)
      : findings_(findings), environment_(environment) {}

  void add(const Node& at, std::string message, std::string hint = {}) {
    findings_.add(at.place, std::move(message), std::move(hint));
  }
  [[nodiscard]] FindingCollector& findings() { return findings_; }

  // Nothing where a variable is unknown or unset; reported unless unset ones are accepted.
  [[nodiscard]] std::optional<Value> resolve(const Node& written);

  // "'queue_depth' is 'many' (from $depth), expected a whole number"
  void unexpected(const Value& value, std::string_view what, std::string_view expected,
                  std::string hint = {});

  // The scalar's text, or nothing and a finding.
  [[nodiscard]] std::optional<std::string> scalar(const Node& written, std::string_view what,
                                                  std::string_view expected, Value& value);

  [[nodiscard]] std::optional<uint64_t> whole(const Node& node, std::string_view what, uint64_t min,
                                              uint64_t max);
  [[nodiscard]] std::optional<double> number(const Node& node, std::string_view what, double min, double max);
  [[nodiscard]] std::optional<uint64_t> size(const Node& node, std::string_view what, uint64_t min,
                                             uint64_t max);
  [[nodiscard]] std::optional<Nanoseconds> duration(const Node& node, std::string_view what, Nanoseconds max);
  [[nodiscard]] std::optional<bool> boolean(const Node& node, std::string_view what);
  // A percentage above 0 up to percent_max, or a size above 0.
  [[nodiscard]] std::optional<Amount> amount(const Node& node, std::string_view what, double percent_max);
  [[nodiscard]] std::optional<std::string> text(const Node& node, std::string_view what);

  // A path; one that is written in the file, not by --set, counts from `folder`.
  [[nodiscard]] std::optional<std::string> path(const Node& node, std::string_view what,
                                                const std::string& folder);

  // True where keys beside the step's own were reported: mostly settings that are not indented.
  [[nodiscard]] bool refuse_more_keys(const Node& step);

  template <typename T>
  [[nodiscard]] std::optional<T> word(const Node& node, std::string_view what,
                                      std::span<const Word<T>> words);
  // Index into `words`, or nothing and a finding.
  [[nodiscard]] std::optional<size_t> word_index(const Node& node, std::string_view what,
                                                 std::span<const std::string_view> words);

 private:
  FindingCollector& findings_;
  const Environment& environment_;
};

// "37.5%" as 37.5.
[[nodiscard]] std::optional<double> percent_in(std::string_view text);
[[nodiscard]] std::optional<double> number_in(std::string_view text);
[[nodiscard]] std::optional<uint64_t> whole_number_in(std::string_view text);

class Settings {
 public:
  // `where` names the mapping in messages: "read", "disk"; empty for the top level. Reports a node that is no
  // mapping (then every key is absent) and unknown keys; `hints` has a better hint for some of them.
  Settings(Judge& judge, const Node& node, std::string where, std::span<const std::string_view> keys,
           std::span<const std::pair<std::string_view, std::string_view>> hints = {});

  [[nodiscard]] const Node* find(std::string_view key) const {
    return is_mapping_ ? node_.find(key) : nullptr;
  }

  // The same; absent is a finding.
  [[nodiscard]] const Node* required(std::string_view key, std::string_view hint = {});

  [[nodiscard]] std::optional<uint64_t> whole(std::string_view key, uint64_t min, uint64_t max);
  [[nodiscard]] std::optional<double> number(std::string_view key, double min, double max);
  [[nodiscard]] std::optional<uint64_t> size(std::string_view key, uint64_t min, uint64_t max);
  [[nodiscard]] std::optional<Nanoseconds> duration(std::string_view key, Nanoseconds max);
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);
  [[nodiscard]] std::optional<Amount> amount(std::string_view key, double percent_max);
  [[nodiscard]] std::optional<std::string> text(std::string_view key);

  template <typename T>
  [[nodiscard]] std::optional<T> word(std::string_view key, std::span<const Word<T>> words);

  [[nodiscard]] Judge& judge() { return judge_; }
  [[nodiscard]] const Node& node() const { return node_; }
  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] std::string name_of(std::string_view key) const;  // "'queue_depth' of 'read'"

 private:
  Judge& judge_;
  const Node& node_;
  std::string where_;
  bool is_mapping_;
};

template <typename T>
std::optional<T> Judge::word(const Node& node, std::string_view what, std::span<const Word<T>> words) {
  std::vector<std::string_view> names;
  for (const Word<T>& word : words)
    names.push_back(word.first);
  const auto index = word_index(node, what, names);
  if (!index) return std::nullopt;
  return words[*index].second;
}

template <typename T>
std::optional<T> Settings::word(std::string_view key, std::span<const Word<T>> words) {
  const Node* node = find(key);
  return node == nullptr ? std::nullopt : judge_.word<T>(*node, name_of(key), words);
}

}  // namespace vhdlab::scenarios
