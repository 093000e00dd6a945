// An array that is there only where it is used.
#include "engine/base/slab_array.h"

#include <thread>

#include <gtest/gtest.h>

#include "engine/base/bytes.h"

namespace vhdlab::tests {
namespace {

TEST(SlabArray, TakesMemoryOnlyWhereAnElementWasChanged) {
  SlabArray<uint64_t> array(size_t{1} << 27);  // regions of 64 TiB
  const size_t empty_bytes = array.memory_bytes();
  EXPECT_LE(empty_bytes, 1 * mib);
  EXPECT_EQ(array.find(0), nullptr);
  EXPECT_EQ(array.find(array.size() - 1), nullptr);
  array.at(array.size() - 1) = 7;
  EXPECT_EQ(*array.find(array.size() - 1), 7U);
  EXPECT_EQ(*array.find(array.size() - 2), 0U);
  EXPECT_EQ(array.find(0), nullptr);
  EXPECT_EQ(array.memory_bytes() - empty_bytes, array.slab_length * sizeof(uint64_t));
}

TEST(SlabArray, GivesAllThreadsTheSameElements) {
  // Goal: threads that touch a slab first at the same time share it. Method: all count up all elements.
  constexpr size_t size = 64;
  constexpr uint64_t thread_count = 8;
  SlabArray<std::atomic<uint64_t>, 4> array(size);
  {
    std::vector<std::jthread> threads;
    for (uint64_t thread = 0; thread < thread_count; ++thread) {
      threads.emplace_back([&] {
        for (size_t i = 0; i < size; ++i)
          ++array.at(i);
      });
    }
  }
  for (size_t i = 0; i < size; ++i)
    EXPECT_EQ(array.at(i), thread_count) << i;
}

}  // namespace
}  // namespace vhdlab::tests
