// What is fuzzed: one function for each door through which foreign bytes come in. Each takes any bytes at all
// and holds what follows to an oracle; libFuzzer drives them (libfuzzer_main.cpp), and so does
// corpus_test.cpp, which replays the kept cases in every build.
#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"
#include "engine/base/error.h"

namespace vhdlab::fuzz {

// The program broke a promise. Uncaught it ends a fuzzer, which keeps the input; in a test it is a failure.
class BrokenPromise : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void promise(bool kept, std::string_view what) {
  if (!kept) throw BrokenPromise(std::string(what));
}

template <typename T>
T promised(Result<T> result, std::string_view what) {
  if (!result)
    throw BrokenPromise(std::string(what) + ": " + result.error().fault + ": " + result.error().text());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Throws BrokenPromise where an oracle disagrees; returns in every other case, whatever the input.
using Target = void (*)(Bytes input);

void open_image(Bytes input);
void log_replay(Bytes input);
void parent_locator(Bytes input);
void chain(Bytes input);
void scenario(Bytes input);
void trace(Bytes input);

struct NamedTarget {
  std::string_view name;
  Target run;
};
inline constexpr std::array<NamedTarget, 6> targets = {{
    {"open_image", open_image},
    {"log_replay", log_replay},
    {"parent_locator", parent_locator},
    {"chain", chain},
    {"scenario", scenario},
    {"trace", trace},
}};

}  // namespace vhdlab::fuzz
