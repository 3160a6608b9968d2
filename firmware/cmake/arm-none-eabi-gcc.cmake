# SPDX-License-Identifier: Apache-2.0
# Toolchain file: arm-none-eabi-gcc with newlib, for the core that board.cmake names.

include("${CMAKE_CURRENT_LIST_DIR}/../board.cmake")

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

find_program(SAPMCU_GCC arm-none-eabi-gcc)
find_program(SAPMCU_GXX arm-none-eabi-g++)
if(NOT SAPMCU_GCC OR NOT SAPMCU_GXX)
    message(FATAL_ERROR
        "arm-none-eabi-gcc or arm-none-eabi-g++ is not on PATH.\n"
        "Debian, Ubuntu: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib\n"
        "Elsewhere: https://developer.arm.com/downloads/-/arm-gnu-toolchain-downloads")
endif()
set(CMAKE_C_COMPILER "${SAPMCU_GCC}")
set(CMAKE_CXX_COMPILER "${SAPMCU_GXX}")
set(CMAKE_ASM_COMPILER "${SAPMCU_GCC}")

string(JOIN " " SAPMCU_CORE_FLAGS ${SAPMCU_CORE_OPTIONS})
set(CMAKE_C_FLAGS_INIT "${SAPMCU_CORE_FLAGS}")
set(CMAKE_CXX_FLAGS_INIT "${SAPMCU_CORE_FLAGS}")
set(CMAKE_ASM_FLAGS_INIT "${SAPMCU_CORE_FLAGS}")
set(CMAKE_EXECUTABLE_SUFFIX_C .elf)
set(CMAKE_EXECUTABLE_SUFFIX_CXX .elf)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE NEVER)
