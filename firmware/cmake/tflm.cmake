# SPDX-License-Identifier: Apache-2.0
# The user's build of TensorFlow Lite Micro: find it below TFLM_DIR, check that it is for this core, make target `tflm`.
# Layouts that work: upstream's source tree after `make microlite`, upstream's project generation, an installed copy
# with include/ and the library.

set(TFLM_DIR "" CACHE PATH "directory with the headers of TensorFlow Lite Micro and libtensorflow-microlite.a")
set(TFLM_LIBRARY "" CACHE FILEPATH "libtensorflow-microlite.a, where TFLM_DIR holds several")

set(SAPMCU_TFLM_HINT
    "Give -DTFLM_DIR=<directory> with the headers (tensorflow/lite/micro/...) and libtensorflow-microlite.a.\n"
    "How to build them: https://github.com/tensorflow/tflite-micro, in short\n"
    "  make -f tensorflow/lite/micro/tools/make/Makefile TARGET=cortex_m_generic\n"
    "    TARGET_ARCH=${SAPMCU_TFLM_TARGET_ARCH} OPTIMIZED_KERNEL_DIR=cmsis_nn microlite")
string(CONCAT SAPMCU_TFLM_HINT ${SAPMCU_TFLM_HINT})

# Look for headers and library; needs no compiler, so that a wrong TFLM_DIR is the first thing that is said.
function(sapmcu_find_tflm)
    if(NOT TFLM_DIR)
        message(FATAL_ERROR "TFLM_DIR is not set.\n${SAPMCU_TFLM_HINT}")
    elseif(NOT IS_DIRECTORY "${TFLM_DIR}")
        message(FATAL_ERROR "TFLM_DIR is not a directory: ${TFLM_DIR}\n${SAPMCU_TFLM_HINT}")
    endif()
    set(roots "${TFLM_DIR}" "${TFLM_DIR}/include")
    set(downloads tensorflow/lite/micro/tools/make/downloads)
    sapmcu_find_header(tensorflow/lite/micro/micro_interpreter.h "" ${roots})
    sapmcu_find_header(flatbuffers/flatbuffers.h
        "third_party/flatbuffers/include;${downloads}/flatbuffers/include;flatbuffers/include" ${roots})
    sapmcu_find_header(fixedpoint/fixedpoint.h
        "third_party/gemmlowp;${downloads}/gemmlowp;gemmlowp" ${roots})
    sapmcu_find_header(ruy/profiler/instrumentation.h "third_party/ruy;${downloads}/ruy;ruy" ${roots})
    set(SAPMCU_TFLM_INCLUDE_DIRS ${SAPMCU_TFLM_INCLUDE_DIRS} PARENT_SCOPE)

    if(TFLM_LIBRARY)
        set(libraries "${TFLM_LIBRARY}")
    else()
        file(GLOB libraries "${TFLM_DIR}/libtensorflow-microlite.a" "${TFLM_DIR}/lib/libtensorflow-microlite.a"
            "${TFLM_DIR}/gen/*/lib/libtensorflow-microlite.a")
    endif()
    list(LENGTH libraries count)
    if(count EQUAL 0)
        message(FATAL_ERROR "TFLM_DIR holds no libtensorflow-microlite.a (looked in it, in lib/ and in gen/*/lib/): "
            "${TFLM_DIR}\n${SAPMCU_TFLM_HINT}")
    elseif(count GREATER 1)
        string(REPLACE ";" "\n  " found "${libraries}")
        message(FATAL_ERROR "TFLM_DIR holds ${count} libraries; choose with -DTFLM_LIBRARY=\n  ${found}")
    elseif(NOT EXISTS "${libraries}")
        message(FATAL_ERROR "TFLM_LIBRARY does not exist: ${libraries}")
    endif()
    set(SAPMCU_TFLM_LIBRARY "${libraries}" PARENT_SCOPE)
endfunction()

# Add to SAPMCU_TFLM_INCLUDE_DIRS the first directory that has `header`: a root, or `places` (relative) below a root.
function(sapmcu_find_header header places)
    set(directories "")
    foreach(root IN LISTS ARGN)
        list(APPEND directories "${root}")
        foreach(place IN LISTS places)
            list(APPEND directories "${root}/${place}")
        endforeach()
    endforeach()
    foreach(directory IN LISTS directories)
        if(EXISTS "${directory}/${header}")
            list(APPEND SAPMCU_TFLM_INCLUDE_DIRS "${directory}")
            list(REMOVE_DUPLICATES SAPMCU_TFLM_INCLUDE_DIRS)
            set(SAPMCU_TFLM_INCLUDE_DIRS ${SAPMCU_TFLM_INCLUDE_DIRS} PARENT_SCOPE)
            return()
        endif()
    endforeach()
    string(REPLACE ";" "\n  " looked "${directories}")
    message(FATAL_ERROR "TFLM_DIR lacks ${header}; looked in\n  ${looked}\n${SAPMCU_TFLM_HINT}")
endfunction()

# Stop where the library is for another core or float ABI: it would not link, or fault on the board.
# Source: Arm ABI addenda32, build attributes, as readelf prints them.
function(sapmcu_check_tflm_library)
    execute_process(COMMAND "${CMAKE_READELF}" -A "${SAPMCU_TFLM_LIBRARY}"
        OUTPUT_VARIABLE attributes ERROR_VARIABLE ignored RESULT_VARIABLE result)
    if(NOT result EQUAL 0 OR NOT attributes MATCHES "Tag_CPU_arch")
        message(FATAL_ERROR "not a library of Arm objects: ${SAPMCU_TFLM_LIBRARY}\n${SAPMCU_TFLM_HINT}")
    endif()
    string(REGEX MATCHALL "Tag_CPU_arch: [^\n]+" archs "${attributes}")
    list(REMOVE_DUPLICATES archs)
    foreach(arch IN LISTS archs)
        string(REPLACE "Tag_CPU_arch: " "" arch "${arch}")
        if(NOT arch IN_LIST SAPMCU_ELF_ARCHS)
            message(FATAL_ERROR "the TFLM library is built for Arm ${arch}, which a ${SAPMCU_CORE} doesn't run: "
                "${SAPMCU_TFLM_LIBRARY}\n${SAPMCU_TFLM_HINT}")
        endif()
    endforeach()
    set(abi soft)
    if(attributes MATCHES "Tag_ABI_VFP_args: VFP registers")
        set(abi hard)
    endif()
    if(NOT abi STREQUAL SAPMCU_FLOAT_ABI)
        message(FATAL_ERROR "the TFLM library is built for the ${abi} float ABI, the board ${SAPMCU_BOARD} needs "
            "${SAPMCU_FLOAT_ABI}: ${SAPMCU_TFLM_LIBRARY}\n${SAPMCU_TFLM_HINT}")
    endif()
endfunction()

# Target `tflm` with the definitions that the library was built with: they change structures and inline functions.
function(sapmcu_add_tflm)
    execute_process(COMMAND "${CMAKE_NM}" "${SAPMCU_TFLM_LIBRARY}"
        OUTPUT_VARIABLE symbols ERROR_VARIABLE ignored)
    add_library(tflm STATIC IMPORTED)
    set_target_properties(tflm PROPERTIES IMPORTED_LOCATION "${SAPMCU_TFLM_LIBRARY}")
    target_include_directories(tflm SYSTEM INTERFACE ${SAPMCU_TFLM_INCLUDE_DIRS})
    target_compile_definitions(tflm INTERFACE TF_LITE_STATIC_MEMORY)
    # Out of line in a library with CMSIS-NN, inline in the headers otherwise.
    if(symbols MATCHES " T _ZN6tflite21Register_CONV_2D_INT8Ev")
        target_compile_definitions(tflm INTERFACE CMSIS_NN)
    endif()
    # Without messages MicroPrintf is a macro.
    if(NOT symbols MATCHES " T _Z11MicroPrintfPKcz")
        target_compile_definitions(tflm INTERFACE TF_LITE_STRIP_ERROR_STRINGS)
    endif()
endfunction()
