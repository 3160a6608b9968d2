/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_V6M_H
#define SAPMCU_V6M_H

/* What the twins for ARMv6-M (Cortex-M0, M0+) share. */

/* gcc must not conclude from an empty body which registers stay as they are. */
#if defined(__clang__)
#define SAPMCU_NAKED __attribute__((naked, noinline))
#else
#define SAPMCU_NAKED __attribute__((naked, noinline, noipa))
#endif

#endif
