// Closing and opening; see engine_live_disk.h.
#include "scenarios/targets/engine_live_disk.h"

#include <utility>

namespace vhdlab::scenarios {

EngineLiveDisk::EngineLiveDisk(Chain chain, OpenLeaf open, std::function<std::string()> name_leaf)
    : chain_(std::move(chain)), open_(std::move(open)), name_leaf_(std::move(name_leaf)), gate_(*chain_) {
  note_paths();
}

void EngineLiveDisk::note_paths() {
  paths_.clear();
  for (const auto& layer : chain_->layers())
    paths_.push_back(layer->path());
}

uint64_t EngineLiveDisk::metadata_pages_loaded() const {
  uint64_t pages = pages_loaded_before_;
  if (chain_) {
    for (const auto& layer : chain_->layers())
      pages += layer->metadata_pages_loaded();
  }
  return pages;
}

Result<void> EngineLiveDisk::pause() {
  gate_.close();
  return close();
}

Result<void> EngineLiveDisk::close() {
  if (!chain_) return {};
  auto closed = chain_->close();
  pages_loaded_before_ = metadata_pages_loaded();
  chain_.reset();
  return closed;
}

Result<void> EngineLiveDisk::resume(const std::string& leaf_path) {
  chain_.emplace(TRY(open_(leaf_path)));
  note_paths();
  gate_.open(*chain_);
  return {};
}

}  // namespace vhdlab::scenarios
