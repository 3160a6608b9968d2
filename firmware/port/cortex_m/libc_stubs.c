/* SPDX-License-Identifier: Apache-2.0 */
/* What newlib asks of an operating system. There is none: no heap, no files, no processes. */
#include "sapmcu/port.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

void *_sbrk(ptrdiff_t increment);
int _close(int file);
int _fstat(int file, struct stat *status);
int _getpid(void);
int _isatty(int file);
int _kill(int process, int signal);
long _lseek(int file, long offset, int whence);
int _read(int file, char *data, int length);
int _write(int file, const char *data, int length);
__attribute__((noreturn)) void _exit(int code);

void *_sbrk(ptrdiff_t increment) {
    (void)increment;
    errno = ENOMEM;
    return (void *)(intptr_t)-1;
}

int _close(int file) {
    (void)file;
    return -1;
}

int _fstat(int file, struct stat *status) {
    (void)file;
    status->st_mode = S_IFCHR;
    return 0;
}

int _getpid(void) {
    return 1;
}

int _isatty(int file) {
    (void)file;
    return 1;
}

int _kill(int process, int signal) {
    (void)process;
    (void)signal;
    return -1;
}

long _lseek(int file, long offset, int whence) {
    (void)file;
    (void)offset;
    (void)whence;
    return 0;
}

int _read(int file, char *data, int length) {
    (void)file;
    (void)data;
    (void)length;
    return 0;
}

int _write(int file, const char *data, int length) {
    (void)file;
    sapmcu_port_write(data, (size_t)length);
    return length;
}

void _exit(int code) {
    sapmcu_port_exit(code);
}

void abort(void) {
    static const char message[] = "abort(): a check inside a library failed\n";
    sapmcu_port_write(message, sizeof message - 1);
    sapmcu_port_exit(134); /* 128 + SIGABRT, as on a host */
}
