// Streams on descriptors; see descriptor_stream.h.
#include "scenarios/cli/descriptor_stream.h"

#include <cerrno>

#include <unistd.h>

namespace vhdlab::scenarios {

DescriptorStream::DescriptorStream(int descriptor)
    : std::ostream(static_cast<std::streambuf*>(this)), descriptor_(descriptor) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

DescriptorStream::~DescriptorStream() {
  write_out();
}

bool DescriptorStream::write_out() {
  const char* at = pbase();
  while (at < pptr() && error_number_ == 0) {
    const ssize_t written = ::write(descriptor_, at, static_cast<size_t>(pptr() - at));
    if (written >= 0) {
      at += written;
    } else if (errno != EINTR) {
      error_number_ = errno;
    }
  }
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return error_number_ == 0;
}

int DescriptorStream::overflow(int character) {
  using Traits = std::char_traits<char>;
  if (!write_out()) return Traits::eof();
  if (Traits::eq_int_type(character, Traits::eof())) return Traits::not_eof(character);
  *pptr() = Traits::to_char_type(character);
  pbump(1);
  return character;
}

int DescriptorStream::sync() {
  return write_out() ? 0 : -1;
}

}  // namespace vhdlab::scenarios
