/* SPDX-License-Identifier: BSD-3-Clause */
/* Words for the device's log callback, not more of them than somebody can read. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "internal.h"

#define SECOND_NS	1000000000ull
/* A frontend that is refused and comes back at once writes one line each time. */
#define LINES_PER_SECOND 20u

uint64_t
vhr_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

static bool
allowed(struct vhr_session *s, enum vhr_log_level level)
{
	struct vhr_log_limit *limit = &s->log_limit[level];
	uint64_t now = vhr_now_ns();
	char text[64];

	if (now - limit->window_ns >= SECOND_NS) {
		if (limit->suppressed != 0) {
			snprintf(text, sizeof(text), "%u lines left out", limit->suppressed);
			s->ops.log(s->priv, (int)level, text);
		}
		*limit = (struct vhr_log_limit){ .window_ns = now };
	}
	if (limit->count++ < LINES_PER_SECOND)
		return true;
	limit->suppressed++;
	return false;
}

void
vhr_log(struct vhr_session *s, enum vhr_log_level level, const char *fmt, ...)
{
	char text[VHU_REASON_MAX + 128];
	va_list ap;
	int len;

	if (s->ops.log == NULL || (level != VHR_LOG_DEBUG && !allowed(s, level)))
		return;
	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len >= 0)
		s->ops.log(s->priv, (int)level, text);
}

void
vhr_log_message(struct vhr_session *s, const char *what, enum vhu_space space,
		const struct vhu_msg *msg)
{
	char line[512];
	size_t at;

	if (s->ops.log == NULL)
		return;
	at = (size_t)snprintf(line, sizeof(line), "%s ", what);
	vhu_print(space, msg, line + at, sizeof(line) - at);
	s->ops.log(s->priv, VHR_LOG_DEBUG, line);
}
