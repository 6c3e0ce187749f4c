# Builds of interface packages only what ./dsrl's environment uses: Python messages over Fast DDS. That takes half of
# the processor time. Passed by ./dsrl through environment.cmake, never named by a package: a plain
# `colcon build` generates everything.

# Every generator registers itself when it is found, once. Found here, before the package looks for them, the list can
# be shortened: no C++ messages. (Introspection in C stays: Fast DDS describes a topic's type by it.)
find_package(rosidl_default_generators REQUIRED)
list(FILTER AMENT_EXTENSIONS_rosidl_generate_idl_interfaces EXCLUDE REGEX "_cpp:")

# All files of a target in one: most of the time goes into the headers, which are the same in all. Not the descriptions:
# they use the same names for different things.
function(dsrl_compile_together)
  get_property(targets DIRECTORY "${CMAKE_SOURCE_DIR}" PROPERTY BUILDSYSTEM_TARGETS)
  list(FILTER targets INCLUDE REGEX "__rosidl_(generator|typesupport)_")
  foreach(target IN LISTS targets)
    get_target_property(sources ${target} SOURCES)
    list(FILTER sources INCLUDE REGEX "__description\\.c$")
    set_source_files_properties(${sources} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL dsrl_compile_together)

# Generated code copies fields: more than this takes longer to compile and is no faster to run.
set(CMAKE_C_FLAGS_RELEASE "-O1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG")
