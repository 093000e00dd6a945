// Rules of hosts and machines; see machine_rules.h.
#include "engine/checkpoint/machine_rules.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "engine/base/utf16.h"

namespace vhdlab {
namespace {

struct HostWord {
  HostGeneration host;
  std::string_view word;
};
constexpr std::array host_words = {HostWord{HostGeneration::windows_2008r2, "2008r2"},
                                   HostWord{HostGeneration::windows_2012r2, "2012r2"},
                                   HostWord{HostGeneration::windows_2016, "2016"}};

// What is wrong with a name, as the rest of a sentence; empty where nothing is.
std::string trouble_with_name(std::string_view name) {
  if (name.empty()) return "is empty";
  if (!utf16le_from_utf8(name)) return "is not UTF-8";
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::ranges::any_of(name, is_control)) return "holds a control character, such as a line feed";
  const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  const auto characters = static_cast<size_t>(std::ranges::count_if(name, begins_character));
  if (characters > name_characters_max)
    return fmt::format("has {} characters, expected at most {}", characters, name_characters_max);
  return "";
}

bool is_now(std::string_view name) {
  return std::ranges::equal(name, std::string_view("now"),
                            [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

}  // namespace

Result<void> check_machine_name(std::string_view name) {
  const std::string trouble = trouble_with_name(name);
  if (trouble.empty()) return {};
  return failure(ErrorKind::invalid_argument, "machine-name", "the machine's name " + trouble,
                 "give another with --name");
}

Result<void> check_checkpoint_name(std::string_view name) {
  const std::string trouble = trouble_with_name(name);
  if (!trouble.empty()) {
    return failure(ErrorKind::invalid_argument, "checkpoint-name", "the checkpoint's name " + trouble,
                   "choose another name");
  }
  if (is_now(name)) {
    return failure(ErrorKind::invalid_argument, "checkpoint-name",
                   fmt::format("'{}' is what the machine is at, and no checkpoint's name", name),
                   "choose another name");
  }
  return {};
}

Result<void> check_checkpoints_max(size_t checkpoints_max) {
  if (checkpoints_max > 0) return {};
  return failure(ErrorKind::invalid_argument, "machine-limit",
                 "a limit of 0 leaves the machine without checkpoints, expected at least 1",
                 fmt::format("Hyper-V's own limit is {}", checkpoints_max_default));
}

std::string_view word_of(HostGeneration host) {
  return std::ranges::find(host_words, host, &HostWord::host)->word;
}

std::optional<HostGeneration> host_generation_of(std::string_view word) {
  const auto found = std::ranges::find(host_words, word, &HostWord::word);
  return found == host_words.end() ? std::nullopt : std::optional(found->host);
}

Result<void> check_kind(HostGeneration host, CheckpointKind kind) {
  if (kind == CheckpointKind::standard || host == HostGeneration::windows_2016) return {};
  return failure(ErrorKind::unsupported, "checkpoint-kind",
                 fmt::format("a {} host has no {} checkpoints", word_of(host), word_of(kind)),
                 "take a standard one, or make the machine for a later host");
}

MachineState state_after_apply(MachineState before, const Checkpoint& checkpoint) {
  if (!checkpoint.had_memory()) return MachineState::off;
  return before == MachineState::running ? MachineState::running : MachineState::saved;
}

Result<void> check_may_merge(HostGeneration host, MachineState state) {
  if (host != HostGeneration::windows_2008r2 || state == MachineState::off) return {};
  return failure(ErrorKind::in_use, "machine-running",
                 fmt::format("a {} host merges only while the machine is off, and it is {}", word_of(host),
                             word_of(state)),
                 "stop it with 'vhdlab vm stop'");
}

Result<MachineState> state_after_start(MachineState before) {
  if (before != MachineState::running) return MachineState::running;
  return failure(ErrorKind::in_use, "machine-state", "the machine is running already");
}

Result<MachineState> state_after_stop(MachineState before) {
  if (before != MachineState::off) return MachineState::off;
  return failure(ErrorKind::in_use, "machine-state", "the machine is off already");
}

std::string utc_text(int64_t unix_seconds) {
  using namespace std::chrono;
  const sys_seconds time{seconds(unix_seconds)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string default_checkpoint_name(std::string_view machine_name, int64_t unix_seconds) {
  return fmt::format("{} - ({})", machine_name, utc_text(unix_seconds));
}

std::string avhdx_name(std::string_view base_name, const Guid& id) {
  return fmt::format("{}_{}.avhdx", base_name, id.to_upper());
}

std::string base_name_of(std::string_view file_name) {
  constexpr size_t guid_length = 36;
  std::string_view stem = file_name.substr(0, file_name.rfind('.'));
  if (stem.size() > guid_length + 1 && stem[stem.size() - guid_length - 1] == '_' &&
      Guid::parse(stem.substr(stem.size() - guid_length)))
    stem.remove_suffix(guid_length + 1);
  return std::string(stem);
}

}  // namespace vhdlab
