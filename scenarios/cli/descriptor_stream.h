// Standard output and standard error as streams that remember why a write failed: a result that did not
// arrive is a failure of the command, and a reader who went away is not.
#pragma once

#include <array>
#include <ostream>
#include <streambuf>

namespace vhdlab::scenarios {

class DescriptorStream final : private std::streambuf, public std::ostream {
 public:
  // Writes to `descriptor`, which stays open as long as this object and is not closed by it.
  explicit DescriptorStream(int descriptor);
  ~DescriptorStream() override;

  // errno of the first write that failed; 0 where all went well so far. Nothing is written after a failure.
  [[nodiscard]] int error_number() const { return error_number_; }

 private:
  int overflow(int character) override;
  int sync() override;
  bool write_out();

  int descriptor_;
  int error_number_ = 0;
  std::array<char, 16 * 1024> buffer_;
};

}  // namespace vhdlab::scenarios
