// Work ends when the first server that is free has done it.
#include "sim/time/server_pool.h"

#include <gtest/gtest.h>

namespace vhdlab::sim {
namespace {

VirtualTime at(int64_t nanoseconds) {
  return VirtualTime(Nanoseconds(nanoseconds));
}

TEST(ServerPool, OneServerTakesOnePieceAfterTheOther) {
  ServerPool link(1);
  EXPECT_EQ(link.serve(at(0), Nanoseconds(10)), at(10));
  EXPECT_EQ(link.serve(at(5), Nanoseconds(10)), at(20));
  EXPECT_EQ(link.serve(at(100), Nanoseconds(10)), at(110));
  EXPECT_EQ(link.busy(), Nanoseconds(30));
}

TEST(ServerPool, SeveralServersShareTheWork) {
  ServerPool processors(2);
  EXPECT_EQ(processors.serve(at(0), Nanoseconds(10)), at(10));
  EXPECT_EQ(processors.serve(at(0), Nanoseconds(30)), at(30));
  EXPECT_EQ(processors.serve(at(1), Nanoseconds(10)), at(20));
  EXPECT_EQ(processors.serve(at(2), Nanoseconds(10)), at(30));
}

}  // namespace
}  // namespace vhdlab::sim
