/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_TWINS_H
#define SAPMCU_TWINS_H

/* For builds that compile all kernels for a core that isn't known before: which of two files of one name
 * gives the function. The twins for cores with the DSP extension need the intrinsics of ACLE for its 32-bit
 * SIMD, which gcc has from version 10 on (Arduino's Mbed and SAMD cores bring gcc 7). -DSAPMCU_PORTABLE: none
 * of them. Both compute the same bytes. */
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && !defined(SAPMCU_PORTABLE) &&              \
    (defined(__clang__) || __GNUC__ >= 10)
#define SAPMCU_TAKES_DSP 1
#else
#define SAPMCU_TAKES_DSP 0
#endif

/* Of vectors (Cortex-M55): they go before those with DSP instructions. */
#if defined(__ARM_FEATURE_MVE) && !defined(SAPMCU_PORTABLE) && (defined(__clang__) || __GNUC__ >= 12)
#define SAPMCU_TAKES_MVE 1
#else
#define SAPMCU_TAKES_MVE 0
#endif

/* Of ARMv6-M (Cortex-M0, M0+). */
#if defined(__ARM_ARCH_6M__) && !defined(SAPMCU_PORTABLE)
#define SAPMCU_TAKES_V6M 1
#else
#define SAPMCU_TAKES_V6M 0
#endif

/* A file that gives nothing else is no C without a declaration. */
typedef int sapmcu_twin;

#endif
