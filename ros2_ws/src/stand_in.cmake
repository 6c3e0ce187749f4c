# For a package of this workspace that stands in for one of ROS: tells where the real one is, if it is.
#
#   stand_in_for(PACKAGE RESULT)
#
# RESULT: the prefix of the real PACKAGE, or empty. If it is there, nothing of the stand-in is installed and what an
# earlier build of it left in the install space is removed: an empty prefix hides nothing, whatever the order in which
# the workspaces are sourced. Installing or removing a package below a sourced prefix makes the next build look again.

function(stand_in_for package result)
  set(prefixes "$ENV{AMENT_PREFIX_PATH}:$ENV{CMAKE_PREFIX_PATH}")
  string(REPLACE ":" ";" prefixes "${prefixes}")
  list(APPEND prefixes ${CMAKE_PREFIX_PATH})
  file(REAL_PATH "${CMAKE_INSTALL_PREFIX}" own)
  set(found "")
  foreach(prefix IN LISTS prefixes)
    if(NOT IS_DIRECTORY "${prefix}")
      continue()
    endif()
    file(REAL_PATH "${prefix}" prefix)
    # Our own install space, if it was sourced before the build.
    if(prefix STREQUAL own)
      continue()
    endif()
    set(index "${prefix}/share/ament_index/resource_index/packages")
    if(IS_DIRECTORY "${index}")
      # A directory's time changes with its entries.
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${index}")
    endif()
    if(NOT found AND EXISTS "${index}/${package}")
      set(found "${prefix}")
    endif()
  endforeach()
  if(found)
    message(STATUS "${package} is installed in ${found}: the stand-in is skipped")
    install(CODE "
      file(GLOB _stale
        \"\${CMAKE_INSTALL_PREFIX}/include/${package}\"
        \"\${CMAKE_INSTALL_PREFIX}/lib/lib${package}__*\"
        \"\${CMAKE_INSTALL_PREFIX}/lib/python*/site-packages/${package}\"
        \"\${CMAKE_INSTALL_PREFIX}/lib/python*/site-packages/${package}-*\"
        \"\${CMAKE_INSTALL_PREFIX}/local/lib/python*/dist-packages/${package}\"
        \"\${CMAKE_INSTALL_PREFIX}/local/lib/python*/dist-packages/${package}-*\"
        \"\${CMAKE_INSTALL_PREFIX}/share/${package}\"
        \"\${CMAKE_INSTALL_PREFIX}/share/ament_index/resource_index/*/${package}\")
      if(_stale)
        file(REMOVE_RECURSE \${_stale})
      endif()")
  endif()
  set(${result} "${found}" PARENT_SCOPE)
endfunction()
