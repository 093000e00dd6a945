// The host's clock; it has no state of its own, so one is enough for everybody.
#include "engine/base/clock.h"

#include <thread>

namespace vhdlab {
namespace {

class SystemClock final : public Clock {
 public:
  Nanoseconds now() override { return std::chrono::steady_clock::now().time_since_epoch(); }
  void sleep(Nanoseconds duration) override { std::this_thread::sleep_for(duration); }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace vhdlab
