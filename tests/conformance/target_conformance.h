// What every Target promises, whatever it runs on. A target joins by instantiating the suite with a way to
// make one:
//
//   INSTANTIATE_TEST_SUITE_P(Engine, TargetConformance, testing::Values(TargetImplementation{...}));
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "scenarios/targets/target.h"

namespace vhdlab::tests {

// A target and whatever must live as long as it does.
struct TargetWorld {
  std::shared_ptr<void> surroundings;
  std::unique_ptr<scenarios::Target> target;
};

struct TargetImplementation {
  std::string name;
  std::function<TargetWorld()> make_world;
};

class TargetConformance : public testing::TestWithParam<TargetImplementation> {
 protected:
  void SetUp() override { world_ = GetParam().make_world(); }

  [[nodiscard]] scenarios::Target& target() { return *world_.target; }

 private:
  TargetWorld world_;
};

}  // namespace vhdlab::tests
