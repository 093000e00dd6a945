// The arm, the platters and the order of requests; see hdd.h.
#include "sim/device/hdd.h"

#include <algorithm>
#include <cmath>

namespace vhdlab::sim {
namespace {

constexpr uint64_t sector_bytes = 512;

// A request the head passes by again and again must be served some time; drives give up reordering for it.
constexpr Nanoseconds patience = std::chrono::milliseconds(500);

}  // namespace

// The square root is exact to the last digit on every machine that follows IEEE 754, as C++ compilers do.
Nanoseconds seek_time(const HddProfile& profile, uint64_t cylinders) {
  if (cylinders == 0) return Nanoseconds(0);
  const auto& points = profile.seeks;
  const auto above = std::ranges::lower_bound(points, cylinders, {}, &HddProfile::SeekPoint::cylinders);
  if (above == points.begin()) return points.front().time;
  if (above == points.end()) return points.back().time;
  const auto& below = *(above - 1);
  const double from = std::sqrt(static_cast<double>(below.cylinders));
  const double to = std::sqrt(static_cast<double>(above->cylinders));
  const double share = (std::sqrt(static_cast<double>(cylinders)) - from) / (to - from);
  const auto difference = static_cast<double>((above->time - below.time).count());
  return below.time + Nanoseconds(static_cast<int64_t>(share * difference));
}

Hdd::Hdd(const HddProfile& profile, EventQueue& events)
    : profile_(profile), events_(events), rotation_(60'000'000'000 / profile.rotations_per_minute) {
  ZoneStart next{};
  for (const auto& zone : profile_.zones) {
    next.sectors_per_track = zone.sectors_per_track;
    zones_.push_back(next);
    const uint64_t tracks = uint64_t{zone.cylinders} * profile_.surfaces;
    next.first_cylinder += zone.cylinders;
    next.first_track += tracks;
    next.first_sector += tracks * zone.sectors_per_track;
  }
}

DeviceLimits Hdd::limits() const {
  const double sectors_per_s = zones_.front().sectors_per_track / seconds(rotation_);
  const double medium = sectors_per_s * sector_bytes;
  const double bytes = std::min(medium, static_cast<double>(profile_.interface_bytes_per_s));
  return {.read_bytes_per_s = bytes,
          .write_bytes_per_s = bytes,
          .operations_per_s = 1 / seconds(profile_.overhead)};
}

void Hdd::submit(const DeviceRequest& request, EventHandler& done, uint64_t token) {
  waiting_.push_back({request, &done, token, events_.now()});
  if (!current_) start_next();
}

void Hdd::on_event(VirtualTime now, uint64_t) {
  const Waiting finished = *std::exchange(current_, std::nullopt);
  events_.schedule(now, *finished.done, finished.token);
  start_next();
}

// Among the first of the queue, up to a flush, the one the head reaches soonest.
size_t Hdd::choose() const {
  if (events_.now() - waiting_.front().since > patience) return 0;
  size_t best = 0;
  Nanoseconds best_time = Nanoseconds::max();
  const size_t count = std::min<size_t>(waiting_.size(), profile_.queue_depth);
  for (size_t i = 0; i < count && waiting_[i].request.kind != RequestKind::flush; ++i) {
    const Nanoseconds time = positioning(waiting_[i].request);
    if (time < best_time) {
      best_time = time;
      best = i;
    }
  }
  return best;
}

void Hdd::start_next() {
  if (waiting_.empty()) return;
  const size_t chosen = choose();
  current_ = waiting_[chosen];
  waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(chosen));
  const DeviceRequest& request = current_->request;
  if (request.kind == RequestKind::flush) {  // there is no write cache: what came before is on the medium
    events_.schedule(events_.now() + profile_.overhead, *this);
    return;
  }
  const VirtualTime arrived = events_.now() + profile_.overhead;
  const VirtualTime over_interface = arrived + time_for(request.length_bytes, profile_.interface_bytes_per_s);
  VirtualTime end = arrived + positioning(request) + transfer(request);
  if (continues_last_read(request)) {  // the head has been reading on since then
    const uint64_t ahead = std::min(request.length_bytes, profile_.read_ahead_bytes);
    const Nanoseconds head_start =
        std::min(arrived - last_read_time_, transfer({RequestKind::read, request.offset_bytes, ahead}));
    end = arrived + transfer(request) - head_start;
  }
  end = std::max(end, over_interface);
  head_cylinder_ = position_of((request.end_bytes() - 1) / sector_bytes).cylinder;
  last_read_end_ = request.kind == RequestKind::read ? request.end_bytes() : UINT64_MAX;
  last_read_time_ = end;
  events_.schedule(end, *this);
}

Hdd::Position Hdd::position_of(uint64_t sector) const {
  const auto after = std::ranges::upper_bound(zones_, sector, {}, &ZoneStart::first_sector);
  const ZoneStart& zone = *(after - 1);
  const uint64_t track_in_zone = (sector - zone.first_sector) / zone.sectors_per_track;
  return {.cylinder = zone.first_cylinder + track_in_zone / profile_.surfaces,
          .track = zone.first_track + track_in_zone,
          .sector = (sector - zone.first_sector) % zone.sectors_per_track,
          .sectors_per_track = zone.sectors_per_track};
}

bool Hdd::continues_last_read(const DeviceRequest& request) const {
  return profile_.read_ahead_bytes > 0 && request.kind == RequestKind::read &&
         request.offset_bytes == last_read_end_;
}

// Seek, settle and the wait for the sector. Tracks are skewed by the time of a track switch, so that a run
// over several tracks goes on without a lost rotation.
Nanoseconds Hdd::positioning(const DeviceRequest& request) const {
  if (continues_last_read(request)) return Nanoseconds(0);
  const Position target = position_of(request.offset_bytes / sector_bytes);
  const uint64_t distance =
      target.cylinder > head_cylinder_ ? target.cylinder - head_cylinder_ : head_cylinder_ - target.cylinder;
  Nanoseconds moving = seek_time(profile_, distance);
  if (request.kind == RequestKind::write) moving += profile_.write_settle;
  const auto rotation = static_cast<uint64_t>(rotation_.count());
  const uint64_t skew = target.track * static_cast<uint64_t>(profile_.track_switch.count());
  const uint64_t passes_at = (target.sector * rotation / target.sectors_per_track + skew) % rotation;
  const auto there =
      static_cast<uint64_t>((events_.now() + profile_.overhead + moving).time_since_epoch().count());
  return moving + Nanoseconds(static_cast<int64_t>((passes_at + rotation - there % rotation) % rotation));
}

Nanoseconds Hdd::transfer(const DeviceRequest& request) const {
  const Position first = position_of(request.offset_bytes / sector_bytes);
  const uint64_t sectors =
      divide_up(request.offset_bytes % sector_bytes + request.length_bytes, sector_bytes);
  const auto rotation = static_cast<uint64_t>(rotation_.count());
  const uint64_t switches = (first.sector + sectors - 1) / first.sectors_per_track;
  return Nanoseconds(static_cast<int64_t>(sectors * rotation / first.sectors_per_track)) +
         static_cast<int64_t>(switches) * profile_.track_switch;
}

}  // namespace vhdlab::sim
