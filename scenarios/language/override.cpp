// Finds what a --set argument names: a variable, a sweep, a path of the file, a key of a measured step; in
// that order.
#include "scenarios/language/override.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "scenarios/language/bind.h"
#include "scenarios/language/settings.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

class Override {
 public:
  Override(Node& root, const std::string& argument, FindingCollector& findings)
      : root_(root),
        argument_(argument),
        findings_(findings),
        source_(findings.add_source("--set", argument)) {}

  // The sweep variable it replaces, or nothing.
  std::optional<std::string> apply() {
    const size_t equals = argument_.find('=');
    if (equals == std::string::npos || equals == 0) {
      findings_.add(place(0), fmt::format("{} is not NAME=VALUE", in_quotes(argument_)),
                    "as in --set depth=0,4,16");
      return std::nullopt;
    }
    name_ = std::string_view(argument_).substr(0, equals);
    value_ = std::string_view(argument_).substr(equals + 1);
    value_place_ = place(equals + 1);

    if (Node* variable = child(root_.find("variables"), name_)) {
      *variable = {.kind = Node::Kind::scalar, .place = value_place_, .text = std::string(value_)};
      return std::nullopt;
    }
    if (Node* sweep = child(root_.find("sweep"), name_)) {
      if (auto values = sweep_values()) *sweep = std::move(*values);
      return std::string(name_);
    }
    apply_path();
    if (name_.starts_with("sweep.")) return std::string(name_.substr(6));
    return std::nullopt;
  }

 private:
  Place place(size_t byte) const { return {.source = source_, .line = 1, .column = byte + 1}; }

  static Node* child(Node* mapping, std::string_view key) {
    return mapping == nullptr || mapping->kind != Node::Kind::mapping ? nullptr : mapping->find(key);
  }

  // "0,4,16", "[0, 4, 16]" or one value.
  std::optional<Node> sweep_values() {
    if (value_.starts_with('[')) return read_document(value_, value_place_, findings_);
    Node list{.kind = Node::Kind::list, .place = value_place_};
    for (size_t begin = 0; begin <= value_.size();) {
      const size_t end = std::min(value_.find(',', begin), value_.size());
      std::string_view part = value_.substr(begin, end - begin);
      while (part.starts_with(' '))
        part.remove_prefix(1);
      while (part.ends_with(' '))
        part.remove_suffix(1);
      Place at = value_place_;
      at.column += begin;
      list.items.push_back({.kind = Node::Kind::scalar, .place = at, .text = std::string(part)});
      begin = end + 1;
    }
    return list;
  }

  void apply_path() {
    const std::string_view first = name_.substr(0, name_.find('.'));
    Node* at = &root_;
    std::string_view rest = name_;
    const auto keys = top_level_keys();
    if (std::ranges::find(keys, first) == keys.end()) {
      Node* step = measured_step(first);
      if (step == nullptr || first == name_) {
        unknown_name(first);
        return;
      }
      at = step;
      rest = name_.substr(first.size() + 1);
    }
    while (true) {
      const std::string_view key = rest.substr(0, rest.find('.'));
      const bool last = key.size() == rest.size();
      Node* next = step_into(*at, key);
      if (next == nullptr) return;
      if (last) {
        if (auto value = read_document(value_, value_place_, findings_)) *next = std::move(*value);
        next->place = value_place_;
        return;
      }
      at = next;
      rest.remove_prefix(key.size() + 1);
    }
  }

  // The item or entry of this name; an absent entry is made, and the binder judges whether its key is known.
  Node* step_into(Node& at, std::string_view key) {
    if (at.kind == Node::Kind::nothing) at.kind = Node::Kind::mapping;
    if (at.kind == Node::Kind::mapping) {
      if (Node* entry = at.find(key)) return entry;
      at.entries.push_back({.key = std::string(key),
                            .key_place = place(static_cast<size_t>(key.data() - argument_.data())),
                            .value = {.place = value_place_}});
      return &at.entries.back().value;
    }
    const Place key_place = place(static_cast<size_t>(key.data() - argument_.data()));
    if (at.kind == Node::Kind::list) {
      const auto index = whole_number_in(key);
      if (index && *index < at.items.size()) return &at.items[*index];
      findings_.add(key_place, fmt::format("{} is no item of this list", in_quotes(key)),
                    at.items.empty() ? "the list is empty"
                                     : fmt::format("items count from 0 to {}", at.items.size() - 1));
    } else {
      findings_.add(key_place, fmt::format("{} is below a single value, which has no keys", in_quotes(key)));
    }
    return nullptr;
  }

  // The settings of the measured step of this name.
  Node* measured_step(std::string_view name) {
    Node* found = nullptr;
    for_each_measured_step([&](std::string_view each, Node& settings) {
      if (each == name) found = &settings;
    });
    return found;
  }

  template <typename Visit>
  void for_each_measured_step(Visit visit) {
    Node* measure = root_.find("measure");
    if (measure == nullptr || measure->kind != Node::Kind::list) return;
    for (Node& item : measure->items) {
      if (item.kind != Node::Kind::mapping || item.entries.empty()) continue;
      auto& [kind, key_place, settings] = item.entries.front();
      if (settings.kind != Node::Kind::mapping) continue;
      const Node* name = settings.find("name");
      visit(name != nullptr && name->kind == Node::Kind::scalar ? std::string_view(name->text) : kind,
            settings);
    }
  }

  void unknown_name(std::string_view first) {
    std::vector<std::string_view> known;
    for (std::string_view section : {"variables", "sweep"}) {
      if (const Node* mapping = root_.find(section)) {
        for (const Node::Entry& entry : mapping->entries)
          known.push_back(entry.key);
      }
    }
    if (name_.contains('.'))
      for_each_measured_step([&](std::string_view each, Node&) { known.push_back(each); });
    const auto keys = top_level_keys();
    known.insert(known.end(), keys.begin(), keys.end());
    findings_.add(place(0),
                  fmt::format("--set names {}, which this scenario does not have", in_quotes(first)),
                  suggestion(first, known));
  }

  Node& root_;
  const std::string& argument_;
  FindingCollector& findings_;
  size_t source_;
  std::string_view name_;
  std::string_view value_;
  Place value_place_;
};

}  // namespace

std::set<std::string, std::less<>> apply_overrides(Node& root, const std::vector<std::string>& overrides,
                                                   FindingCollector& findings) {
  std::set<std::string, std::less<>> sweeps;
  for (const std::string& argument : overrides) {
    if (auto sweep = Override(root, argument, findings).apply()) sweeps.insert(std::move(*sweep));
  }
  return sweeps;
}

}  // namespace vhdlab::scenarios
