/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "codec.h"

void
vhu_reason_set(struct vhu_reason *reason, const char *fmt, ...)
{
	va_list ap;

	if (reason == NULL)
		return;
	va_start(ap, fmt);
	if (vsnprintf(reason->text, sizeof(reason->text), fmt, ap) < 0)
		reason->text[0] = '\0';
	va_end(ap);
}
