// A file system small enough to fill, and one that can be made read-only: for what no test should do to the
// machine it runs on. It is a tmpfs in a mount namespace of its own, seen by nobody else, gone with the test.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace vhdlab::tests {

enum class SmallFileSystemOutcome { passed, failed, not_permitted };

// Runs `body` in a process of its own, where a tmpfs of `size_bytes` is mounted on `folder`. Failed
// expectations and exceptions in `body` are printed and make the outcome `failed`. Call it before the test
// has started any thread. Where neither root nor a user namespace may mount, `body` does not run: the test
// should skip.
[[nodiscard]] SmallFileSystemOutcome run_on_small_file_system(const std::string& folder, uint64_t size_bytes,
                                                              const std::function<void()>& body);

// From within `body`: makes the tmpfs on `folder` read-only; no file on it may be open for writing. Throws
// where that fails.
void make_read_only(const std::string& folder);

}  // namespace vhdlab::tests
