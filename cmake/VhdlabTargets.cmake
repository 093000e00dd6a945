# How every target of the project is compiled, and the helpers that declare them.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# Asserts state promises of the program to itself; the program users run keeps them.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE}")
endif()

add_library(vhdlab_compile_options INTERFACE)
target_include_directories(vhdlab_compile_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(vhdlab_compile_options INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
# A field left out of a designated initializer keeps its default on purpose.
target_compile_options(vhdlab_compile_options INTERFACE -Wno-missing-field-initializers)
# g++ 12 sees overlapping copies in `"text" + string` that are not there (its bug 105651).
target_compile_options(vhdlab_compile_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
# std::stable_sort of libstdc++ 12 uses what C++23 deprecates; clang tells, g++ does not.
target_compile_options(vhdlab_compile_options INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
if(VHDLAB_WARNINGS_AS_ERRORS)
  target_compile_options(vhdlab_compile_options INTERFACE -Werror)
endif()
if(VHDLAB_SANITIZE)
  target_compile_options(vhdlab_compile_options INTERFACE -fsanitize=${VHDLAB_SANITIZE} -fno-omit-frame-pointer
                                                          -fno-sanitize-recover=all)
  # g++ 12 takes the sanitizers' own code in std::regex and std::function for uses of uninitialized values. The builds
  # without sanitizers keep this warning.
  target_compile_options(vhdlab_compile_options INTERFACE
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(vhdlab_compile_options INTERFACE -fsanitize=${VHDLAB_SANITIZE})
endif()
if(VHDLAB_FUZZ)
  # Tells a fuzzer which code an input reached; the fuzzers themselves bring in libFuzzer (tests/fuzz).
  target_compile_options(vhdlab_compile_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(vhdlab_compile_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# vhdlab_library(NAME SOURCES ... LINK ...): one floor, or a part of one.
function(vhdlab_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC vhdlab_compile_options ${ARG_LINK} PRIVATE ${ARG_PRIVATE_LINK})
endfunction()

# vhdlab_test(NAME SOURCES ... LINK ...): one Google Test program, its cases known to ctest one by one.
# TIMEOUT is seconds for a single case (default 300): generous, because a slow machine is not a fault.
function(vhdlab_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE vhdlab_compile_options ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
