/* SPDX-License-Identifier: BSD-3-Clause */
/* One JSON object per line on standard output, written as it is built. */
#ifndef JSON_OUT_H
#define JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* { ... } or [ ... ]; @key is NULL for elements of an array and for the outermost. */
void json_open(const char *key, char bracket);
/* Closes what json_open() opened; the outermost ends the line and flushes. */
void json_close(void);
void json_u64(const char *key, uint64_t value);
void json_s64(const char *key, int64_t value);
void json_null(const char *key);
void json_bool(const char *key, bool value);
void json_string(const char *key, const char *value);
/* Bytes as a string of hexadecimal digits. */
void json_hex(const char *key, const uint8_t *bytes, size_t len);

#endif
