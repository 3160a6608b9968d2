# @generated@
# west build -b <board> samples/selftest
cmake_minimum_required(VERSION 3.20.0)
list(APPEND ZEPHYR_EXTRA_MODULES "${CMAKE_CURRENT_LIST_DIR}/../..")
find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})
project(selftest LANGUAGES C)
target_sources(app PRIVATE src/main.c src/selftest.c)
