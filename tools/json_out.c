/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>

#include "json_out.h"

#define DEPTH_MAX 8

static char closers[DEPTH_MAX];
static bool first = true;
static int depth;

static void
put_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void
put_key(const char *key)
{
	if (!first)
		putchar(',');
	first = false;
	if (key == NULL)
		return;
	put_string(key);
	putchar(':');
}

void
json_open(const char *key, char bracket)
{
	put_key(key);
	putchar(bracket);
	if (depth < DEPTH_MAX)
		closers[depth] = bracket == '{' ? '}' : ']';
	depth++;
	first = true;
}

void
json_close(void)
{
	depth--;
	if (depth < DEPTH_MAX)
		putchar(closers[depth]);
	first = depth == 0;
	if (depth == 0) {
		putchar('\n');
		fflush(stdout);
	}
}

void
json_u64(const char *key, uint64_t value)
{
	put_key(key);
	printf("%" PRIu64, value);
}

void
json_s64(const char *key, int64_t value)
{
	put_key(key);
	printf("%" PRId64, value);
}

void
json_null(const char *key)
{
	put_key(key);
	fputs("null", stdout);
}

void
json_bool(const char *key, bool value)
{
	put_key(key);
	fputs(value ? "true" : "false", stdout);
}

void
json_string(const char *key, const char *value)
{
	put_key(key);
	put_string(value);
}

void
json_hex(const char *key, const uint8_t *bytes, size_t len)
{
	size_t i;

	put_key(key);
	putchar('"');
	for (i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	putchar('"');
}
