# @generated@
# @command@
if(TARGET @name@)
  return()
endif()
get_filename_component(_sapmcu_sources "${CMAKE_CURRENT_LIST_DIR}/../../../src" ABSOLUTE)
# All kernels for all cores: each file knows by the compiler's macros whether its core is the one (sapmcu/twins.h).
add_library(@name@ STATIC
@sources@
)
add_library(sapmcu::@model@ ALIAS @name@)
target_include_directories(@name@ PUBLIC "${_sapmcu_sources}")
target_compile_features(@name@ PRIVATE c_std_11)
unset(_sapmcu_sources)
