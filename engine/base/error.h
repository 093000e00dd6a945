// Failures are values. A function that can fail returns Result<T>; the Error says what happened, where, what
// was found, what was expected and what to do next, and carries a stable name that tests and JSON consumers
// can match.
//
//   child.avhdx: region table at 192 KiB: checksum 0x1a2b3c4d, expected 0x5e6f7081; run 'vhdlab disk check'
//   `--context-'  `------------------------ message ------------------------------'  `------ hint ---------'
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace vhdlab {

// What kind of failure it is. The command line derives its exit code from this, nothing else does.
enum class ErrorKind {
  invalid_argument,   // the caller asked for something that makes no sense
  not_found,          // a file or folder is not there
  already_exists,     // it is there and must not be
  permission_denied,  // the system refuses access
  no_space,           // the device or quota is full
  io_failed,          // the device or the system failed
  damaged,            // a file breaks its format's rules
  unsupported,        // well formed, and beyond what this program does
  in_use,             // somebody else holds the file, or other files depend on it
  mismatch,           // two files do not belong together
  interrupted,        // the user asked to stop
  wrong_data,         // bytes read differ from the bytes written: never ignore this one
};

struct Error {
  ErrorKind kind;
  std::string fault;    // stable name, lower case with dashes: "vhdx-header-checksum", "file-not-found"
  std::string message;  // what, where, found, expected; no trailing full stop
  std::string hint;     // the next step; may be empty

  // The whole sentence for a person: "message; hint".
  [[nodiscard]] std::string text() const { return hint.empty() ? message : message + "; " + hint; }

  // The same error seen from further out: puts "where: " before the message.
  [[nodiscard]] Error in(std::string_view where) && {
    message.insert(0, std::string(where) + ": ");
    return std::move(*this);
  }
};

template <typename T>
using Result = std::expected<T, Error>;

// Shorthand for `return failure(kind, "fault-name", fmt::format(...), "what to do")`.
[[nodiscard]] inline std::unexpected<Error> failure(ErrorKind kind, std::string_view fault,
                                                    std::string message, std::string hint = {}) {
  return std::unexpected(Error{kind, std::string(fault), std::move(message), std::move(hint)});
}

// Unwraps a Result or returns its error from the enclosing function: `auto file = TRY(files.open(path));`
// TRY_IN names the place the error came through: `TRY_IN(path, parse_header(page))`.
#define TRY(expression) VHDLAB_UNWRAP(VHDLAB_UNIQUE_NAME(__COUNTER__), expression, )
#define TRY_IN(where, expression) VHDLAB_UNWRAP(VHDLAB_UNIQUE_NAME(__COUNTER__), expression, .in(where))

#define VHDLAB_UNIQUE_NAME(number) VHDLAB_JOINED(try_result_, number)
#define VHDLAB_JOINED(a, b) a##b
#define VHDLAB_UNWRAP(result, expression, with_context)                          \
  __extension__({                                                                \
    auto&& result = (expression);                                                \
    if (!result) return std::unexpected(std::move(result).error() with_context); \
    *std::move(result);                                                          \
  })

}  // namespace vhdlab
