# @generated@
# cmake -S . -B build && cmake --build build && build/selftest
cmake_minimum_required(VERSION 3.15)
project(selftest LANGUAGES C)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
find_package(@name@ @version@ REQUIRED CONFIG PATHS "${CMAKE_CURRENT_LIST_DIR}/.." NO_DEFAULT_PATH)
add_executable(selftest main.c selftest.c)
target_link_libraries(selftest PRIVATE sapmcu::@model@)
