/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SAPMCU_SMALL_H
#define SAPMCU_SMALL_H

/* Of functions that take little of a run: that they are small matters, that they are fast doesn't. */
#ifdef __clang__
#define SAPMCU_SMALL __attribute__((minsize))
#else
#define SAPMCU_SMALL __attribute__((cold))
#endif

#endif
