/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "vvu-device/host_ops.h"

static const char *const names[] = {
	[VVU_LOG_ERROR] = "error",
	[VVU_LOG_WARNING] = "warning",
	[VVU_LOG_INFO] = "info",
	[VVU_LOG_DEBUG] = "debug",
};
#define LEVELS ((int)(sizeof(names) / sizeof(names[0])))

static const char *program = "storage";
static atomic_int threshold = VVU_LOG_INFO;
/* stderr is the journal: it wants to know how severe a line is (sd-daemon(3)). */
static bool to_journal;

void log_init(const char *name)
{
	program = name;
	to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(int level)
{
	atomic_store(&threshold, level);
}

int log_level(void)
{
	return atomic_load(&threshold);
}

int log_level_parse(const char *name)
{
	for (int i = 0; i < LEVELS; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -EINVAL;
}

const char *log_level_name(int level)
{
	return level >= 0 && level < LEVELS ? names[level] : names[VVU_LOG_DEBUG];
}

void program_log(int level, const char *fmt, ...)
{
	static const int severity[] = { 3, 4, 6, 7 };
	char text[1024];
	va_list args;
	size_t used = 0;

	if (level < 0)
		level = 0;
	if (level >= LEVELS)
		level = LEVELS - 1;
	if (level > log_level())
		return;
	if (to_journal)
		used = (size_t)snprintf(text, sizeof(text), "<%d>", severity[level]);
	used += (size_t)snprintf(text + used, sizeof(text) - used, "%s: %s%s", program,
				 level <= VVU_LOG_WARNING ? names[level] : "",
				 level <= VVU_LOG_WARNING ? ": " : "");
	if (used < sizeof(text) - 1) {
		va_start(args, fmt);
		vsnprintf(text + used, sizeof(text) - used, fmt, args);
		va_end(args);
	}
	/* What a peer sent may be in it: one message is one line. */
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	used = strlen(text);
	if (used > sizeof(text) - 2)
		used = sizeof(text) - 2;
	text[used++] = '\n';
	/* One write, so that lines of threads do not mix. */
	if (write(STDERR_FILENO, text, used) < 0)
		return;
}
