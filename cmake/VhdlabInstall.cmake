# What `cmake --install` puts where. Under share/vhdlab the tree is the checkout's, so that the program looks for a
# shipped scenario at the same place below either root:
#
#   bin/vhdlab
#   share/vhdlab/scenarios/library/**        scenarios, devices, and the recordings some scenarios replay
#   share/vhdlab/**/*.schema.json            what editors and scripts check scenarios and results against
#   share/doc/vhdlab/                        README, ARCHITECTURE, CHANGELOG, LICENSE
#   share/man/man1/vhdlab.1
include(GNUInstallDirs)

if(TARGET vhdlab)
  install(TARGETS vhdlab RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()

if(EXISTS "${CMAKE_SOURCE_DIR}/scenarios/library")
  install(DIRECTORY scenarios/library/ DESTINATION "${CMAKE_INSTALL_DATADIR}/vhdlab/scenarios/library"
          FILES_MATCHING PATTERN "*.yaml" PATTERN "*.csv")
endif()

file(GLOB_RECURSE schemas RELATIVE "${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/scenarios/*.schema.json"
     "${CMAKE_SOURCE_DIR}/reports/*.schema.json")
foreach(schema IN LISTS schemas)
  if(NOT schema MATCHES "node_modules")
    cmake_path(GET schema PARENT_PATH folder)
    install(FILES "${schema}" DESTINATION "${CMAKE_INSTALL_DATADIR}/vhdlab/${folder}")
  endif()
endforeach()

foreach(document IN ITEMS README.md ARCHITECTURE.md CHANGELOG.md LICENSE)
  install(FILES "${document}" DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL)
endforeach()
install(FILES scenarios/cli/vhdlab.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL)
