/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETLOAD_COMMANDS_H
#define NETLOAD_COMMANDS_H

#include <stdbool.h>

/* Do what @line says and print one line of JSON. False: the program is to end. */
bool command_do(char *line);

#endif
