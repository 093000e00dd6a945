// A scenario file as a tree of values that know their place, before anything is judged. The tree comes from
// YAML events, so nothing is expanded behind its back: anchors, aliases and tags are findings, and size and
// nesting are bounded.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/language/finding.h"

namespace vhdlab::scenarios {

// A place in one of the texts a scenario is made from: the file (source 0) or a --set argument (1, 2, ...).
struct Place {
  size_t source = 0;
  size_t line = 1;    // from 1
  size_t column = 1;  // from 1, in bytes; findings convert to characters
};

struct Node {
  enum class Kind { nothing, scalar, list, mapping };
  struct Entry;

  Kind kind = Kind::nothing;
  Place place;
  std::string text;            // of a scalar
  std::vector<Node> items;     // of a list
  std::vector<Entry> entries;  // of a mapping, in file order, keys distinct

  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] Node* find(std::string_view key);
};

struct Node::Entry {
  std::string key;
  Place key_place;
  Node value;
};

// Collects findings over several texts; equal ones are kept once.
class FindingCollector {
 public:
  // Returns the number of the source; places in it count in `text`.
  size_t add_source(std::string name, std::string_view text);

  void add(Place place, std::string message, std::string hint = {});

  [[nodiscard]] bool empty() const { return found_.empty(); }
  [[nodiscard]] bool full() const { return found_.size() >= collected_max; }

  // Sorted by source and place.
  [[nodiscard]] Findings take();

 private:
  struct Source {
    std::string name;
    std::vector<std::string> lines;
  };
  struct Found {
    Place place;
    std::string message;
    std::string hint;
  };

  static constexpr size_t collected_max = 100;
  std::vector<Source> sources_;
  std::vector<Found> found_;
};

// The tree of a YAML text, or nothing where its syntax is wrong (then there is a finding). `origin` is the
// place of the text's first byte; other findings (duplicate keys, aliases, ...) may be added though there is
// a tree.
[[nodiscard]] std::optional<Node> read_document(std::string_view text, Place origin,
                                                FindingCollector& findings);

}  // namespace vhdlab::scenarios
