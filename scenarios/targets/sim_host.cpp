// A machine in virtual time; see sim_host.h.
#include "scenarios/targets/sim_host.h"

#include <utility>

namespace vhdlab::scenarios {

using sim::FileRequest;

void SimHost::plug_in(const sim::DeviceProfile& profile, uint64_t seed) {
  if (events_ != nullptr) earlier_ += events_->now().time_since_epoch();
  host_ = profile.host;
  events_ = std::make_unique<sim::EventQueue>();
  device_ = sim::make_device(profile, *events_, seed);
  cache_.reset();
  if (host_.page_cache_bytes > 0)
    cache_ = std::make_unique<sim::PageCache>(host_.page_cache_bytes, *device_, *events_);
  volume_ = std::make_unique<sim::Volume>(device_->capacity_bytes());
  processors_ = sim::ServerPool(host_.processors);
}

VirtualMachineRoom SimHost::room(bool direct) {
  const bool cached = !direct && cache_ != nullptr;
  return {*events_, *volume_, cached ? static_cast<sim::Device&>(*cache_) : *device_, processors_};
}

Nanoseconds SimHost::processor_time(uint64_t probes, uint64_t table_pages,
                                    const std::vector<FileRequest>& requests) const {
  uint64_t bytes = 0;
  for (const FileRequest& request : requests)
    bytes += request.length_bytes;
  return host_.operation + static_cast<int64_t>(probes) * host_.layer_probe +
         static_cast<int64_t>(table_pages) * host_.table_page +
         static_cast<int64_t>(requests.size()) * host_.request + sim::time_for(bytes, host_.copy_bytes_per_s);
}

Result<void> SimHost::remember(const FileRequest& request) {
  if (request.kind != sim::RequestKind::write) return {};
  std::vector<sim::DeviceRequest> placed;
  TRY(volume_->place(request, placed));
  for (const sim::DeviceRequest& each : placed) {
    device_->remember(each);
    recent_.push_back(each);
    recent_bytes_ += each.length_bytes;
  }
  while (!recent_.empty() && recent_bytes_ - recent_.front().length_bytes >= host_.page_cache_bytes) {
    recent_bytes_ -= recent_.front().length_bytes;
    recent_.pop_front();
  }
  return {};
}

void SimHost::warm_cache() {
  if (cache_ != nullptr) {
    for (const sim::DeviceRequest& each : recent_)
      cache_->remember(each);
  }
  forget_setup();
}

void SimHost::forget_setup() {
  recent_.clear();
  recent_bytes_ = 0;
}

Result<void> SimHost::pay(std::vector<FileRequest> requests) {
  const Nanoseconds processor = processor_time(1, 0, requests);
  return perform_alone(room(false), {.processor = processor, .requests = std::move(requests)});
}

}  // namespace vhdlab::scenarios
