# Lets a CMake package build against ROS 2 from Python wheels. Passed by ./dsrl through environment.cmake, never
# named by a package: with a ROS installation the workspace builds without it.
#
# The wheels' imported targets export include directories of the machine that built them (/opt/python/...). CMake
# refuses a target whose include directories do not exist, so they are dropped from every imported target, at the end
# of the top-level directory, when all find_package calls have been made.

function(dsrl_drop_foreign_includes directory)
  get_property(targets DIRECTORY "${directory}" PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(includes)
      list(FILTER includes EXCLUDE REGEX "^/opt/python/")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${includes}")
    endif()
  endforeach()
  get_property(subdirectories DIRECTORY "${directory}" PROPERTY SUBDIRECTORIES)
  foreach(subdirectory IN LISTS subdirectories)
    dsrl_drop_foreign_includes("${subdirectory}")
  endforeach()
endfunction()

# project() may be called again below the top.
get_property(_dsrl_deferred GLOBAL PROPERTY DSRL_DROP_FOREIGN_INCLUDES)
if(NOT _dsrl_deferred)
  set_property(GLOBAL PROPERTY DSRL_DROP_FOREIGN_INCLUDES TRUE)
  cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}"
    CALL dsrl_drop_foreign_includes "${CMAKE_SOURCE_DIR}")
endif()
