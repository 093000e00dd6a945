// Splitting requests over members; see raid.h.
#include "sim/device/raid.h"

#include <algorithm>

namespace vhdlab::sim {
namespace {

// Tokens of the members' events: the operation and the member.
uint64_t token_of(uint32_t operation, uint32_t member) {
  return uint64_t{operation} << 32 | member;
}

}  // namespace

Raid::Raid(const RaidProfile& profile, std::vector<std::unique_ptr<Device>> members, EventQueue& events)
    : profile_(profile), members_(std::move(members)), events_(events), outstanding_(members_.size()) {}

uint64_t Raid::data_members() const {
  return profile_.level == RaidLevel::striped_mirrors ? members_.size() / 2 : members_.size() - 1;
}

uint64_t Raid::capacity_bytes() const {
  return round_down(members_.front()->capacity_bytes(), profile_.stripe_unit_bytes) * data_members();
}

DeviceLimits Raid::limits() const {
  const DeviceLimits one = members_.front()->limits();
  const auto all = static_cast<double>(members_.size());
  const auto data = static_cast<double>(data_members());
  return {.read_bytes_per_s = one.read_bytes_per_s * all,
          .write_bytes_per_s = one.write_bytes_per_s * data,
          .operations_per_s = one.operations_per_s * all};
}

void Raid::submit(const DeviceRequest& request, EventHandler& done, uint64_t token) {
  if (unused_operations_.empty()) {
    unused_operations_.push_back(static_cast<uint32_t>(operations_.size()));
    operations_.emplace_back();
  }
  const uint32_t operation = unused_operations_.back();
  unused_operations_.pop_back();
  std::vector<Part> first;
  std::vector<Part> then;
  if (request.kind == RequestKind::flush) {
    for (uint32_t member = 0; member < members_.size(); ++member)
      first.push_back({member, request});
  } else {
    split(request, first, then);
  }
  if (first.empty()) first.swap(then);
  operations_[operation] = {&done, token, 0, std::move(then)};
  submit_parts(operation, first);
}

void Raid::remember(const DeviceRequest& request) {
  std::vector<Part> first;
  std::vector<Part> then;
  split(request, first, then);
  for (const auto* parts : {&first, &then}) {
    for (const Part& part : *parts)
      members_[part.member]->remember(part.request);
  }
}

void Raid::submit_parts(uint32_t operation, const std::vector<Part>& parts) {
  operations_[operation].parts_left = static_cast<uint32_t>(parts.size());
  for (const Part& part : parts) {
    ++outstanding_[part.member];
    members_[part.member]->submit(part.request, *this, token_of(operation, part.member));
  }
}

void Raid::on_event(VirtualTime now, uint64_t token) {
  const auto index = static_cast<uint32_t>(token >> 32);
  --outstanding_[static_cast<uint32_t>(token)];
  Operation& operation = operations_[index];
  if (--operation.parts_left > 0) return;
  if (!operation.then.empty()) {
    const std::vector<Part> then = std::exchange(operation.then, {});
    submit_parts(index, then);
    return;
  }
  events_.schedule(now + profile_.overhead, *operation.done, operation.token);
  unused_operations_.push_back(index);
}

void Raid::split(const DeviceRequest& request, std::vector<Part>& first, std::vector<Part>& then) const {
  const uint64_t unit = profile_.stripe_unit_bytes;
  const uint64_t stripe = unit * data_members();
  for (uint64_t offset = request.offset_bytes; offset < request.end_bytes();) {
    const uint64_t index = offset / unit;
    const uint64_t end = std::min(request.end_bytes(), (index + 1) * unit);
    const uint64_t stripe_begin = round_down(offset, stripe);
    const bool whole_stripe =
        request.offset_bytes <= stripe_begin && request.end_bytes() >= stripe_begin + stripe;
    const DeviceRequest part{request.kind, offset % unit, end - offset};
    if (profile_.level == RaidLevel::striped_mirrors) {
      split_mirrors(part, index, first);
    } else {
      split_parity(part, index, whole_stripe, first, then);
    }
    offset = end;
  }
}

void Raid::split_mirrors(const DeviceRequest& unit, uint64_t index, std::vector<Part>& first) const {
  const auto pair = static_cast<uint32_t>(index % data_members());
  DeviceRequest request = unit;
  request.offset_bytes += index / data_members() * profile_.stripe_unit_bytes;
  const uint32_t one = 2 * pair;
  const uint32_t other = one + 1;
  if (unit.kind == RequestKind::write) {
    first.push_back({one, request});
    first.push_back({other, request});
  } else {
    first.push_back({outstanding_[other] < outstanding_[one] ? other : one, request});
  }
}

void Raid::split_parity(const DeviceRequest& unit, uint64_t index, bool whole_stripe,
                        std::vector<Part>& first, std::vector<Part>& then) const {
  const uint64_t stripe = index / data_members();
  const auto count = static_cast<uint64_t>(members_.size());
  const auto parity = static_cast<uint32_t>(count - 1 - stripe % count);
  const auto member = static_cast<uint32_t>((parity + 1 + index % data_members()) % count);
  DeviceRequest request = unit;
  request.offset_bytes += stripe * profile_.stripe_unit_bytes;
  if (unit.kind == RequestKind::read) {
    first.push_back({member, request});
    return;
  }
  then.push_back({member, request});
  const bool is_last_of_stripe = index % data_members() == data_members() - 1;
  if (whole_stripe) {  // parity follows from the new data alone, once for the stripe
    if (is_last_of_stripe) then.push_back({parity, request});
    return;
  }
  then.push_back({parity, request});
  request.kind = RequestKind::read;
  first.push_back({member, request});
  first.push_back({parity, request});
}

}  // namespace vhdlab::sim
