// Builds the tree from yaml-cpp's events. yaml-cpp counts lines and columns from 0, columns in bytes.
#include "scenarios/language/document.h"

#include <algorithm>
#include <sstream>
#include <tuple>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

constexpr size_t nesting_max = 32;
constexpr size_t nodes_max = 50000;

// Ends the parse after a finding that leaves nothing more to say.
struct StopReading {};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(Place origin, FindingCollector& findings) : origin_(origin), findings_(findings) {}

  Place place_of(const YAML::Mark& mark) const {
    Place place = origin_;
    if (mark.is_null()) return place;
    place.line += static_cast<size_t>(mark.line);
    place.column = (mark.line == 0 ? origin_.column : 1) + static_cast<size_t>(mark.column);
    return place;
  }

  Node take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      findings_.add(place_of(mark), "a second YAML document",
                    "a scenario file holds one document: remove the '---'");
      throw StopReading{};
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add({.kind = Node::Kind::nothing, .place = place_of(mark)});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    findings_.add(place_of(mark), "YAML aliases are not part of the scenario language",
                  "declare the value under 'variables' and write $name");
    add({.kind = Node::Kind::nothing, .place = place_of(mark)});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    add({.kind = Node::Kind::scalar, .place = place_of(mark), .text = value});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::list);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::mapping);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or mapping under construction; for a mapping, the key that waits for its value.
  struct Open {
    Node node;
    std::optional<Node> key;
  };

  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0)
      findings_.add(place_of(mark), "YAML anchors are not part of the scenario language",
                    "declare the value under 'variables' and write $name");
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!")
      findings_.add(place_of(mark),
                    fmt::format("YAML tags ({}) are not part of the scenario language", in_quotes(tag)));
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (open_.size() >= nesting_max) {
      findings_.add(place_of(mark), fmt::format("nested deeper than {} levels", nesting_max));
      throw StopReading{};
    }
    open_.push_back({.node = {.kind = kind, .place = place_of(mark)}, .key = std::nullopt});
  }

  void close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(Node node) {
    if (++nodes_ > nodes_max) {
      findings_.add(node.place, fmt::format("more than {} values in one file", nodes_max));
      throw StopReading{};
    }
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Node::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      parent.key = std::move(node);
    } else {
      add_entry(parent.node, *std::exchange(parent.key, std::nullopt), std::move(node));
    }
  }

  void add_entry(Node& mapping, Node key, Node value) {
    if (key.kind != Node::Kind::scalar) {
      findings_.add(key.place, "a key must be a word");
      return;
    }
    const auto same = std::ranges::find(mapping.entries, key.text, &Node::Entry::key);
    if (same != mapping.entries.end()) {
      findings_.add(key.place, fmt::format("the key {} stands here twice", in_quotes(key.text)),
                    fmt::format("it is first set in line {}", same->key_place.line));
      return;
    }
    if (value.kind == Node::Kind::nothing) value.place = key.place;  // yaml-cpp points at what comes next
    mapping.entries.push_back(
        {.key = std::move(key.text), .key_place = key.place, .value = std::move(value)});
  }

  Place origin_;
  FindingCollector& findings_;
  Node root_;
  std::vector<Open> open_;
  size_t documents_ = 0;
  size_t nodes_ = 0;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (true) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

size_t character_column(std::string_view line, size_t byte_column) {
  size_t column = 1;
  for (char c : line.substr(0, byte_column - 1))
    column += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  // Past the end of the line (a missing value) each further byte is a column.
  return column + (byte_column - 1 > line.size() ? byte_column - 1 - line.size() : 0);
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto entry = std::ranges::find(entries, key, &Entry::key);
  return entry == entries.end() ? nullptr : &entry->value;
}

Node* Node::find(std::string_view key) {
  const auto entry = std::ranges::find(entries, key, &Entry::key);
  return entry == entries.end() ? nullptr : &entry->value;
}

size_t FindingCollector::add_source(std::string name, std::string_view text) {
  sources_.push_back({.name = std::move(name), .lines = lines_of(text)});
  return sources_.size() - 1;
}

void FindingCollector::add(Place place, std::string message, std::string hint) {
  const auto same = [&](const Found& found) {
    return std::tie(found.place.source, found.place.line, found.place.column, found.message) ==
           std::tie(place.source, place.line, place.column, message);
  };
  if (full() || std::ranges::any_of(found_, same)) return;
  found_.push_back({.place = place, .message = std::move(message), .hint = std::move(hint)});
}

Findings FindingCollector::take() {
  std::ranges::stable_sort(found_, {}, [](const Found& found) {
    return std::tuple(found.place.source, found.place.line, found.place.column);
  });
  Findings findings;
  for (Found& found : found_) {
    const Source& source = sources_[found.place.source];
    const std::string line =
        found.place.line <= source.lines.size() ? source.lines[found.place.line - 1] : std::string();
    findings.push_back({.file = source.name,
                        .line = found.place.line,
                        .column = character_column(line, found.place.column),
                        .message = std::move(found.message),
                        .hint = std::move(found.hint),
                        .source_line = line});
  }
  found_.clear();
  return findings;
}

std::optional<Node> read_document(std::string_view text, Place origin, FindingCollector& findings) {
  TreeBuilder builder(origin, findings);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
    return builder.take_root();
  } catch (const StopReading&) {
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    findings.add(builder.place_of(error.mark), "YAML syntax: " + error.msg);
    return std::nullopt;
  }
}

}  // namespace vhdlab::scenarios
