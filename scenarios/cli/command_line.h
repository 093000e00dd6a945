// The command line of one command, described as data: from the same description come the parser, the help
// text and the test that no option goes undocumented.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace vhdlab::scenarios {

enum class Count { one, optional, at_least_one, exactly_two };

struct Positional {
  std::string_view name;  // "PATH"
  Count count = Count::one;
};

struct Option {
  std::string_view name;   // "block-size"
  std::string_view value;  // what stands for its value in help: "SIZE"; empty for a switch
  std::string_view help;   // one or more sentences' worth, without a full stop
  bool repeatable = false;
};

struct CommandSyntax {
  std::vector<Positional> positionals;
  std::vector<Option> options;   // --help is understood by every command and not listed here
  std::string_view description;  // paragraphs for the help text
  std::string_view example;      // one or more command lines, without "vhdlab "
};

// What was given: values as text, to be read by the functions below.
class Arguments {
 public:
  Arguments(std::vector<std::string> positionals, std::map<std::string, std::vector<std::string>> options)
      : positionals_(std::move(positionals)), options_(std::move(options)) {}

  [[nodiscard]] bool has(const std::string& option) const { return options_.contains(option); }
  [[nodiscard]] const std::string& positional(size_t index) const { return positionals_.at(index); }
  [[nodiscard]] const std::vector<std::string>& positionals() const { return positionals_; }

  // The option's value; nothing where it was not given.
  [[nodiscard]] std::optional<std::string> text(const std::string& option) const;
  // All values of a repeatable option, in order.
  [[nodiscard]] std::vector<std::string> texts(const std::string& option) const;

  // Faults: usage-value, naming the option.
  [[nodiscard]] Result<std::optional<uint64_t>> size_bytes(const std::string& option) const;
  // "200MiB/s" or "200MiB"; never 0.
  [[nodiscard]] Result<std::optional<uint64_t>> rate_bytes_per_s(const std::string& option) const;
  [[nodiscard]] Result<std::optional<uint64_t>> number(const std::string& option) const;
  // The index in `choices` of the option's value.
  [[nodiscard]] Result<std::optional<size_t>> choice(const std::string& option,
                                                     std::span<const std::string_view> choices) const;

 private:
  std::vector<std::string> positionals_;
  std::map<std::string, std::vector<std::string>> options_;
};

// Reads the words after the command's name. Options and positionals mix freely; "--" ends the options. Names
// are never guessed from their beginnings. Faults: usage-unknown-option, usage-option, usage-positionals.
[[nodiscard]] Result<Arguments> parse_arguments(std::string_view command, const CommandSyntax& syntax,
                                                const std::vector<std::string>& words);

// "vhdlab disk info PATH [options]"
[[nodiscard]] std::string usage_line(std::string_view command, const CommandSyntax& syntax);

// The whole help of one command: summary, usage, description, options, example; lines of at most 80 columns.
[[nodiscard]] std::string help_text(std::string_view command, std::string_view summary,
                                    const CommandSyntax& syntax);

// A fault of how the program was called; exit code 2.
[[nodiscard]] std::unexpected<Error> usage_failure(std::string_view fault, std::string message,
                                                   std::string hint = {});

// A failure that the engine found in what the user asked for, as the wrong use it is. Its hint, which is
// about files, goes.
[[nodiscard]] Result<void> as_usage(Result<void> checked);

}  // namespace vhdlab::scenarios
