# @generated@
# @command@
#
# find_package(@name@) makes the target sapmcu::@model@, a static library that is compiled with your project.
get_property(_sapmcu_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if(NOT "C" IN_LIST _sapmcu_languages)
  set(@name@_FOUND FALSE)
  set(@name@_NOT_FOUND_MESSAGE "its sources are C, which the project doesn't enable: project(... LANGUAGES C)")
  return()
endif()
foreach(_sapmcu_component IN LISTS @name@_FIND_COMPONENTS)
  if(@name@_FIND_REQUIRED_${_sapmcu_component})
    set(@name@_FOUND FALSE)
    set(@name@_NOT_FOUND_MESSAGE "it has no component ${_sapmcu_component}")
    return()
  endif()
endforeach()
include("${CMAKE_CURRENT_LIST_DIR}/@name@Targets.cmake")
