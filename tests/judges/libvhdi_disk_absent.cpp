// Stands in for libvhdi_disk.cpp where the library is not installed.
#include "tests/judges/libvhdi_disk.h"

namespace vhdlab::tests {

bool has_libvhdi() {
  return false;
}

Result<std::unique_ptr<DiskReader>> open_with_libvhdi(std::span<const std::string>) {
  return failure(ErrorKind::unsupported, "libvhdi-absent", "built without libvhdi");
}

}  // namespace vhdlab::tests
