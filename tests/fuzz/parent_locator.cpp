// Parent locators. What can be parsed can be written, reads back as the same, and is written the same again.
// An input whose first byte is odd gets the right type in front, so that the entries are reached.
#include "engine/format/vhdx/parent_locator.h"

#include <cstring>

#include "engine/format/vhdx/layout.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/fuzz_target.h"

namespace vhdlab::fuzz {

void parent_locator(Bytes bytes) {
  using namespace vhdx;
  FuzzInput input(bytes);
  std::vector<std::byte> item;
  if (input.u8() % 2 == 1) {
    const Bytes type = std::as_bytes(std::span(&ParentLocatorHeader::vhdx_type, 1));
    item.assign(type.begin(), type.end());
  }
  const Bytes rest = input.rest();
  item.insert(item.end(), rest.begin(), rest.end());

  auto parsed = parse_parent_locator(item, "input");
  if (!parsed) return;
  for (const std::string& candidate : parent_path_candidates(*parsed, "/disks/children"))
    promise(!candidate.empty(), "a place to look is not an empty path");
  const auto written = promised(serialize_parent_locator(*parsed), "what was read can be written");
  const ParentLocator again =
      promised(parse_parent_locator(written, "written"), "what was written can be read");
  // A second identity that is absent is written as the zero one, which means the same.
  parsed->linkage2 = parsed->linkage2.value_or(Guid{});
  promise(again == *parsed, "what was written reads as what was read");
  promise(promised(serialize_parent_locator(again), "writes again") == written,
          "it is written the same again");
}

}  // namespace vhdlab::fuzz
