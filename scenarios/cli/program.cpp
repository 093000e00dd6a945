// Finding and running a command; see program.h.
#include "scenarios/cli/program.h"

#include <algorithm>
#include <exception>
#include <new>
#include <ostream>

#include <fmt/format.h>

#include "scenarios/cli/text_table.h"
#include "scenarios/language/words.h"

namespace vhdlab::scenarios {
namespace {

constexpr std::string_view red = "\x1b[1;31m";
constexpr std::string_view plain = "\x1b[0m";

// Words 0 .. words_used of the command line are the command's name.
struct FoundCommand {
  const Command* command = nullptr;
  size_t words_used = 0;
};

FoundCommand find_command(std::span<const Command> commands, std::span<const std::string> words) {
  for (size_t count : {size_t{2}, size_t{1}}) {
    if (words.size() < count) continue;
    const std::string name = count == 2 ? words[0] + " " + words[1] : words[0];
    const auto found = std::ranges::find(commands, name, &Command::name);
    if (found != commands.end()) return {&*found, count};
  }
  return {};
}

bool is_group(std::span<const Command> commands, std::string_view word) {
  return std::ranges::any_of(
      commands, [&](const Command& command) { return command.name.starts_with(std::string(word) + " "); });
}

std::string list_of(std::span<const Command> commands, std::string_view prefix) {
  std::string text;
  for (const Command& command : commands) {
    if (command.name.starts_with(prefix))
      text += fmt::format("  {:<17}  {}\n", command.name, command.summary);
  }
  return text;
}

std::unexpected<Error> unknown_command(std::span<const Command> commands,
                                       std::span<const std::string> words) {
  std::vector<std::string_view> known;
  std::string word = words[0];
  if (is_group(commands, words[0])) {
    if (words.size() > 1) word += " " + words[1];
    for (const Command& command : commands) {
      if (command.name.starts_with(words[0] + " ")) known.push_back(command.name);
    }
    if (words.size() == 1) {
      return usage_failure("usage-command", fmt::format("'{}' needs to be told what to do", word),
                           "commands are " + joined(known));
    }
  } else {
    for (const Command& command : commands)
      known.push_back(command.name.substr(0, command.name.find(' ')));
    known.erase(std::unique(known.begin(), known.end()), known.end());
  }
  return usage_failure(
      "usage-command", fmt::format("unknown command {}", in_quotes(word)),
      suggestion(word, known) +
          (suggestion(word, known).ends_with('?') ? "" : "; 'vhdlab --help' shows what they do"));
}

bool asks_for_help(std::span<const std::string> words) {
  for (const std::string& word : words) {
    if (word == "--") return false;
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

std::string help_of(const Command& command) {
  return help_text(command.name, command.summary, command.syntax());
}

Result<ExitCode> help(std::span<const Command> commands, std::span<const std::string> topic,
                      const CommandContext& context) {
  if (topic.empty()) {
    context.out << overview_text(commands);
    return ExitCode::done;
  }
  if (const FoundCommand found = find_command(commands, topic); found.command != nullptr) {
    context.out << help_of(*found.command);
    return ExitCode::done;
  }
  if (topic.size() == 1 && is_group(commands, topic[0])) {
    context.out << fmt::format("Use: vhdlab {} COMMAND ...\n\n{}\n'vhdlab {} COMMAND --help' tells more.\n",
                               topic[0], list_of(commands, topic[0] + " "), topic[0]);
    return ExitCode::done;
  }
  return unknown_command(commands, topic);
}

Result<ExitCode> dispatch(std::span<const Command> commands, std::span<const std::string> words,
                          const CommandContext& context) {
  if (words.empty()) {
    context.err << overview_text(commands);
    return ExitCode::wrong_use;
  }
  if (words[0] == "--help" || words[0] == "-h") return help(commands, {}, context);
  if (words[0] == "help") return help(commands, words.subspan(1), context);
  if (words[0] == "--version") {
    context.out << fmt::format("vhdlab {}\ncommit {}\nbuilt with {}\n", context.build.version,
                               context.build.commit.empty() ? "unknown" : context.build.commit,
                               context.build.compiler);
    return ExitCode::done;
  }
  if (words[0].starts_with("-")) {
    const std::vector<std::string_view> known = {"--help", "--version"};
    return usage_failure("usage-unknown-option", fmt::format("unknown option {}", in_quotes(words[0])),
                         suggestion(words[0], known));
  }
  const FoundCommand found = find_command(commands, words);
  if (found.command == nullptr) {
    if (asks_for_help(words)) return help(commands, words.first(1), context);
    return unknown_command(commands, words);
  }
  const auto rest = words.subspan(found.words_used);
  if (asks_for_help(rest)) {
    context.out << help_of(*found.command);
    return ExitCode::done;
  }
  const Arguments arguments = TRY(
      parse_arguments(found.command->name, found.command->syntax(), std::vector(rest.begin(), rest.end())));
  return found.command->run(context, arguments);
}

// Exceptions come from the standard library and from foreign code only; here they become an Error.
Result<ExitCode> dispatch_guarded(std::span<const Command> commands, std::span<const std::string> words,
                                  const CommandContext& context) {
  try {
    return dispatch(commands, words, context);
  } catch (const std::bad_alloc&) {
    return failure(ErrorKind::io_failed, "out-of-memory", "not enough memory",
                   "close other programs, or use a smaller disk");
  } catch (const std::exception& fault) {
    return failure(ErrorKind::io_failed, "internal-fault", fmt::format("unexpected: {}", fault.what()),
                   "this is a defect of vhdlab: please report it with the command line");
  }
}

}  // namespace

std::string overview_text(std::span<const Command> commands) {
  return fmt::format(
      "vhdlab: what a virtual disk's history costs, measured on real files\n\n"
      "Use: vhdlab COMMAND ...\n\n"
      "Commands:\n{}\n"
      "  vhdlab COMMAND --help   tells more about a command\n"
      "  vhdlab --version        tells which build this is\n\n"
      "Exit codes: 0 done; 1 failed; 2 wrong use or a faulty scenario; 3 a result missed\n"
      "an 'expect' of the scenario.\n",
      list_of(commands, ""));
}

ExitCode report_failure(const Error& error, const CommandContext& context) {
  const bool colour = context.terminal.err_colour;
  context.err << "vhdlab: " << (colour ? red : "") << "error:" << (colour ? plain : "") << " "
              << printable_lines(error.message) << "\n";
  if (!error.hint.empty()) context.err << "hint: " << printable_lines(error.hint) << "\n";
  context.err.flush();
  return error.kind == ErrorKind::invalid_argument ? ExitCode::wrong_use : ExitCode::failed;
}

ExitCode run_program(std::span<const Command> commands, const std::vector<std::string>& words,
                     const CommandContext& context) {
  const auto ended = dispatch_guarded(commands, words, context);
  return ended ? *ended : report_failure(ended.error(), context);
}

}  // namespace vhdlab::scenarios
