// Writing results; see write_text_file.h.
#include "scenarios/cli/write_text_file.h"

#include <filesystem>

#include <fmt/format.h>

namespace vhdlab::scenarios {
namespace {

std::string_view kind_name(EntryKind kind) {
  switch (kind) {
    case EntryKind::folder:
      return "a folder";
    case EntryKind::symbolic_link:
      return "a symbolic link";
    default:
      return "a device, pipe or socket";
  }
}

Result<void> write_new_file(FileSystem& files, const std::string& path, std::string_view text) {
  const auto file = TRY(files.create(path));
  TRY(file->write(0, std::as_bytes(std::span(text))));
  return file->flush();
}

}  // namespace

Result<void> require_absent(FileSystem& files, const std::string& path, bool may_replace) {
  const auto there = files.status(path);
  if (!there && there.error().kind == ErrorKind::not_found) return {};
  if (there && there->kind != EntryKind::file) {
    return failure(
        ErrorKind::invalid_argument, "file-not-regular",
        fmt::format("{}: is {}, and only a regular file is replaced", path, kind_name(there->kind)),
        "name a file, or '-' for standard output where the command takes it");
  }
  if (may_replace) return {};
  return failure(ErrorKind::already_exists, "file-exists", fmt::format("{}: is there already", path),
                 "choose another name, or add --force to replace it");
}

Result<void> write_text_file(FileSystem& files, RandomSource& random, const std::string& path,
                             std::string_view text) {
  const std::string partial =
      fmt::format("{}.{:08x}.partial", path, static_cast<uint32_t>(random.next_u64()));
  auto written = write_new_file(files, partial, text);
  if (written) written = files.rename(partial, path);
  if (!written) {
    if (written.error().kind != ErrorKind::already_exists) (void)files.remove(partial);
    return written;
  }
  return files.sync_folder(std::filesystem::path(path).parent_path().string());
}

}  // namespace vhdlab::scenarios
