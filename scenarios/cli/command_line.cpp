// Boost.Program_options takes the words apart; what it has to say about faulty ones is said again in this
// program's manner, with the option that was probably meant.
#include "scenarios/cli/command_line.h"

#include <algorithm>
#include <charconv>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "engine/base/units.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

namespace po = boost::program_options;

constexpr size_t help_width_columns = 80;
constexpr size_t option_column = 28;  // where the explanation of an option begins

std::string hint_for_help(std::string_view command) {
  return fmt::format("'vhdlab {} --help' shows how it is used", command);
}

po::options_description as_boost_options(const CommandSyntax& syntax) {
  po::options_description options;
  for (const Option& option : syntax.options) {
    const std::string name(option.name);
    if (option.value.empty()) {
      options.add_options()(name.c_str(), "");
    } else {
      options.add_options()(name.c_str(), po::value<std::vector<std::string>>(), "");
    }
  }
  return options;
}

std::unexpected<Error> unknown_option(std::string_view command, const CommandSyntax& syntax,
                                      const std::string& word) {
  std::vector<std::string> names = {"--help"};
  for (const Option& option : syntax.options)
    names.push_back(fmt::format("--{}", option.name));
  const std::vector<std::string_view> known(names.begin(), names.end());
  std::string hint = suggestion(word, known);
  if (!hint.starts_with("did you mean")) hint = hint_for_help(command);
  return usage_failure("usage-unknown-option", fmt::format("unknown option {}", in_quotes(word)),
                       std::move(hint));
}

Result<void> check_positionals(std::string_view command, const CommandSyntax& syntax,
                               const std::vector<std::string>& given) {
  size_t least = 0;
  size_t most = 0;
  for (const Positional& positional : syntax.positionals) {
    const size_t wanted = positional.count == Count::exactly_two ? 2 : 1;
    least += positional.count == Count::optional ? 0 : wanted;
    most = positional.count == Count::at_least_one ? SIZE_MAX : most + wanted;
  }
  const std::string use = "use: " + usage_line(command, syntax);
  if (given.size() < least) {
    size_t place = 0;
    for (const Positional& positional : syntax.positionals) {
      place += positional.count == Count::exactly_two ? 2 : 1;
      if (given.size() < place) {
        return usage_failure("usage-positionals", fmt::format("{} is missing", positional.name), use);
      }
    }
  }
  if (given.size() > most) {
    return usage_failure("usage-positionals", fmt::format("{} is too much", in_quotes(given[most])), use);
  }
  return {};
}

std::string positional_in_usage(const Positional& positional) {
  switch (positional.count) {
    case Count::optional:
      return fmt::format("[{}]", positional.name);
    case Count::at_least_one:
      return fmt::format("{}...", positional.name);
    default:
      return std::string(positional.name);
  }
}

// Breaks `text` at spaces so that each line, indented, fits; a line feed in it is kept.
std::string wrapped(std::string_view text, size_t indent) {
  std::string result;
  size_t column = indent;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (column > indent && column + 1 + word.size() > help_width_columns) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
    at = end;
    for (; at < text.size() && (text[at] == ' ' || text[at] == '\n'); ++at) {
      if (text[at] != '\n') continue;
      result += '\n';
      if (at + 1 < text.size() && text[at + 1] != '\n') result += std::string(indent, ' ');
      column = indent;
    }
  }
  return result;
}

}  // namespace

std::unexpected<Error> usage_failure(std::string_view fault, std::string message, std::string hint) {
  return failure(ErrorKind::invalid_argument, fault, std::move(message), std::move(hint));
}

Result<void> as_usage(Result<void> checked) {
  if (checked) return {};
  return usage_failure(checked.error().fault, std::move(checked.error().message));
}

std::optional<std::string> Arguments::text(const std::string& option) const {
  const auto found = options_.find(option);
  if (found == options_.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Arguments::texts(const std::string& option) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::vector<std::string>{} : found->second;
}

Result<std::optional<uint64_t>> Arguments::size_bytes(const std::string& option) const {
  const auto value = text(option);
  if (!value) return std::nullopt;
  const auto size = parse_size_bytes(*value);
  if (!size) {
    return usage_failure("usage-value", fmt::format("--{}: {}", option, size.error().message),
                         size.error().hint);
  }
  return *size;
}

Result<std::optional<uint64_t>> Arguments::rate_bytes_per_s(const std::string& option) const {
  auto value = text(option);
  if (!value) return std::nullopt;
  if (value->ends_with("/s")) value->resize(value->size() - 2);
  const auto rate = parse_size_bytes(*value);
  if (rate && *rate > 0) return *rate;
  return usage_failure("usage-value",
                       fmt::format("--{}: {}", option, rate ? "must be more than 0" : rate.error().message),
                       "write it as 200MiB/s");
}

Result<std::optional<uint64_t>> Arguments::number(const std::string& option) const {
  const auto value = text(option);
  if (!value) return std::nullopt;
  uint64_t number = 0;
  const char* end = value->data() + value->size();
  const auto [stopped, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc{} || stopped != end) {
    return usage_failure("usage-value",
                         fmt::format("--{}: {} is not a whole number", option, in_quotes(*value)),
                         fmt::format("give a number from 0 to {}, in digits", UINT64_MAX));
  }
  return number;
}

Result<std::optional<size_t>> Arguments::choice(const std::string& option,
                                                std::span<const std::string_view> choices) const {
  const auto value = text(option);
  if (!value) return std::nullopt;
  const auto found = std::ranges::find(choices, *value);
  if (found == choices.end()) {
    return usage_failure(
        "usage-value", fmt::format("--{}: {} is none of {}", option, in_quotes(*value), joined(choices)),
        suggestion(*value, choices).starts_with("did") ? suggestion(*value, choices) : std::string());
  }
  return static_cast<size_t>(found - choices.begin());
}

Result<Arguments> parse_arguments(std::string_view command, const CommandSyntax& syntax,
                                  const std::vector<std::string>& words) {
  namespace style = po::command_line_style;
  const po::options_description described = as_boost_options(syntax);
  std::vector<std::string> positionals;
  std::map<std::string, std::vector<std::string>> options;
  try {
    const po::parsed_options parsed = po::command_line_parser(words)
                                          .options(described)
                                          .style(style::unix_style & ~style::allow_guessing)
                                          .run();
    for (const po::option& option : parsed.options) {
      if (option.position_key != -1) {
        positionals.insert(positionals.end(), option.value.begin(), option.value.end());
        continue;
      }
      auto& values = options[option.string_key];
      values.insert(values.end(), option.value.begin(), option.value.end());
    }
  } catch (const po::unknown_option& fault) {
    return unknown_option(command, syntax, fault.get_option_name());
  } catch (const po::error_with_option_name& fault) {
    // "the required argument for option '--size' is missing" and its like: true, clear, and theirs.
    return usage_failure("usage-option", fault.what(), hint_for_help(command));
  } catch (const po::error& fault) {
    return usage_failure("usage-option", fault.what(), hint_for_help(command));
  }
  for (const Option& option : syntax.options) {
    const auto given = options.find(std::string(option.name));
    if (!option.repeatable && given != options.end() && given->second.size() > 1) {
      return usage_failure("usage-option", fmt::format("--{} is given more than once", option.name),
                           hint_for_help(command));
    }
    // No option has a use for nothing, and a path that is empty would mean the current folder.
    if (given != options.end() && std::ranges::find(given->second, std::string()) != given->second.end()) {
      return usage_failure("usage-value", fmt::format("--{}: is empty", option.name), hint_for_help(command));
    }
  }
  TRY(check_positionals(command, syntax, positionals));
  return Arguments(std::move(positionals), std::move(options));
}

std::string usage_line(std::string_view command, const CommandSyntax& syntax) {
  std::string line = fmt::format("vhdlab {}", command);
  for (const Positional& positional : syntax.positionals)
    line += " " + positional_in_usage(positional);
  return syntax.options.empty() ? line : line + " [options]";
}

std::string help_text(std::string_view command, std::string_view summary, const CommandSyntax& syntax) {
  std::string text = fmt::format("vhdlab {}: {}\n\nUse: {}\n", command, summary, usage_line(command, syntax));
  if (!syntax.description.empty()) text += "\n" + wrapped(syntax.description, 0) + "\n";
  text += "\nOptions:\n";
  std::vector<Option> options = syntax.options;
  options.push_back({"help", "", "show this text"});
  for (const Option& option : options) {
    std::string name = fmt::format("  --{}", option.name);
    if (!option.value.empty()) name += fmt::format(" {}", option.value);
    if (option.repeatable) name += " ...";
    if (name.size() + 2 > option_column) {
      name += "\n" + std::string(option_column, ' ');
    } else {
      name.resize(option_column, ' ');
    }
    text += name + wrapped(option.help, option_column) + "\n";
  }
  if (!syntax.example.empty()) {
    text += syntax.example.find('\n') == std::string_view::npos ? "\nExample:\n" : "\nExamples:\n";
    for (std::string_view rest = syntax.example; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      text += fmt::format("  vhdlab {}\n", rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return text;
}

}  // namespace vhdlab::scenarios
