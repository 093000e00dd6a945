# Goal: what `cmake --install` leaves is complete, and the installed program finds its scenarios by itself.
# Method: install into an empty prefix; compare the files with the checkout's; run the program from the prefix, in a
# folder of its own. Arguments: BUILD_FOLDER, SOURCE_FOLDER, PREFIX (emptied first).
cmake_minimum_required(VERSION 3.25)

function(expect_same installed source)
  if(NOT EXISTS "${PREFIX}/${installed}")
    message(SEND_ERROR "${installed} is not installed")
    return()
  endif()
  file(SHA256 "${PREFIX}/${installed}" found)
  file(SHA256 "${SOURCE_FOLDER}/${source}" expected)
  if(NOT found STREQUAL expected)
    message(SEND_ERROR "${installed} differs from ${source}")
  endif()
endfunction()

file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD_FOLDER}" --prefix "${PREFIX}"
                OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "cmake --install ended with ${status}:\n${output}")
endif()

foreach(document IN ITEMS README.md ARCHITECTURE.md CHANGELOG.md LICENSE)
  if(EXISTS "${SOURCE_FOLDER}/${document}")
    expect_same("share/doc/vhdlab/${document}" "${document}")
  endif()
endforeach()

file(GLOB scenarios RELATIVE "${SOURCE_FOLDER}" "${SOURCE_FOLDER}/scenarios/library/*.yaml")
foreach(scenario IN LISTS scenarios)
  expect_same("share/vhdlab/${scenario}" "${scenario}")
endforeach()

set(elsewhere "${PREFIX}/empty-folder")
file(MAKE_DIRECTORY "${elsewhere}")
execute_process(COMMAND "${PREFIX}/bin/vhdlab" list WORKING_DIRECTORY "${elsewhere}"
                OUTPUT_VARIABLE listed ERROR_VARIABLE complaint RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the installed 'vhdlab list' ended with ${status}: ${complaint}")
endif()
foreach(scenario IN LISTS scenarios)
  cmake_path(GET scenario STEM name)
  string(FIND "${listed}" "${name}" position)
  if(position EQUAL -1)
    message(SEND_ERROR "the installed 'vhdlab list' does not name '${name}':\n${listed}")
  endif()
endforeach()
