/* SPDX-License-Identifier: BSD-3-Clause */
/* What program_log() prints, and with what in front. */
#ifndef STORAGE_LOG_H
#define STORAGE_LOG_H

/* @name stands before every line; it must stay where it is. */
void log_init(const char *name);
void log_set_level(int level);
int log_level(void);
/* "error", "warning", "info", "debug"; -EINVAL for another name. */
int log_level_parse(const char *name);
const char *log_level_name(int level);

#endif
