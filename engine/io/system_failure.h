// Turns what the system says (errno) into the engine's named faults, in one place, so that the same cause has
// the same name wherever it appears:
//
//   file-not-found      ENOENT ENOTDIR            file-too-many-open  EMFILE ENFILE
//   file-exists         EEXIST                    file-name-too-long  ENAMETOOLONG ELOOP
//   file-permission     EACCES EPERM EROFS        file-too-large      EFBIG EOVERFLOW
//   file-no-space       ENOSPC EDQUOT             file-other-device   EXDEV
//   file-in-use         ETXTBSY EBUSY             file-io             everything else
//   file-not-regular    EISDIR ENXIO
#pragma once

#include <string_view>

#include "engine/base/error.h"

namespace vhdlab {

// "NAME: cannot ACTION: what the system says", for example system_failure("base.vhdx", "open for writing",
// errno).
[[nodiscard]] std::unexpected<Error> system_failure(std::string_view name, std::string_view action,
                                                    int error_number);

}  // namespace vhdlab
