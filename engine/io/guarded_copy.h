// Copies bytes out of a mapped file. A file that somebody cuts short under its mapping makes the processor
// fault on the missing pages, and the system would end the process (SIGBUS); here the copy stops instead and
// says so.
#pragma once

#include "engine/base/bytes.h"

namespace vhdlab {

// False where a page of `from` has no file behind it any more, or the device failed to deliver it; `into`
// then holds anything. The first call takes over the process's SIGBUS, which knows only the whole process;
// faults that are not ours go to whoever had it before. Safe to use from several threads.
[[nodiscard]] bool copy_from_mapping(Bytes from, MutableBytes into);

}  // namespace vhdlab
