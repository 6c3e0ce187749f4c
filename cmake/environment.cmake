# What ./dsrl adds to every CMake package of the workspace (CMAKE_PROJECT_INCLUDE takes one file only).
include("${CMAKE_CURRENT_LIST_DIR}/drop_foreign_includes.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/python_interfaces.cmake")
