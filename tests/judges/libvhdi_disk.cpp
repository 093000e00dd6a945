// libvhdi's handles with owners, and its errors as values.
#include "tests/judges/libvhdi_disk.h"

#include <array>
#include <utility>
#include <vector>

#include <libvhdi.h>

namespace vhdlab::tests {
namespace {

// Takes the error over and frees it.
std::unexpected<Error> libvhdi_failure(const std::string& where, libvhdi_error_t* error) {
  std::array<char, 1024> text{};
  if (error != nullptr) {
    libvhdi_error_sprint(error, text.data(), text.size());
    libvhdi_error_free(&error);
  }
  return failure(ErrorKind::io_failed, "libvhdi", where + ": " + text.data());
}

class Handle {
 public:
  Handle() { libvhdi_file_initialize(&file_, nullptr); }
  ~Handle() {
    if (file_ != nullptr) libvhdi_file_free(&file_, nullptr);
  }
  Handle(Handle&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
  Handle& operator=(Handle&&) = delete;

  [[nodiscard]] libvhdi_file_t* get() const { return file_; }

 private:
  libvhdi_file_t* file_ = nullptr;
};

class LibvhdiDisk final : public DiskReader {
 public:
  // Base first; a child refers to its parent, so the leaf must go first.
  explicit LibvhdiDisk(std::vector<Handle> files) : files_(std::move(files)) {}
  ~LibvhdiDisk() override {
    while (!files_.empty())
      files_.pop_back();
  }

  uint64_t disk_size_bytes() override {
    size64_t size = 0;
    libvhdi_error_t* error = nullptr;
    if (libvhdi_file_get_media_size(leaf(), &size, &error) != 1)
      must(Result<void>(libvhdi_failure("size", error)));
    return size;
  }

  void read(uint64_t offset, MutableBytes into) override {
    while (!into.empty()) {
      libvhdi_error_t* error = nullptr;
      const ssize_t count = libvhdi_file_read_buffer_at_offset(leaf(), into.data(), into.size(),
                                                               static_cast<off64_t>(offset), &error);
      if (count <= 0) must(Result<void>(libvhdi_failure("read at " + std::to_string(offset), error)));
      into = into.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
  }

 private:
  [[nodiscard]] libvhdi_file_t* leaf() const { return files_.back().get(); }

  std::vector<Handle> files_;
};

}  // namespace

bool has_libvhdi() {
  return true;
}

Result<std::unique_ptr<DiskReader>> open_with_libvhdi(std::span<const std::string> paths) {
  std::vector<Handle> files;
  for (const std::string& path : paths) {
    Handle file;
    libvhdi_error_t* error = nullptr;
    if (libvhdi_file_open(file.get(), path.c_str(), LIBVHDI_OPEN_READ, &error) != 1)
      return libvhdi_failure(path, error);
    if (!files.empty() && libvhdi_file_set_parent_file(file.get(), files.back().get(), &error) != 1)
      return libvhdi_failure(path + " with its parent", error);
    files.push_back(std::move(file));
  }
  return std::make_unique<LibvhdiDisk>(std::move(files));
}

}  // namespace vhdlab::tests
