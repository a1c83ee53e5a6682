/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods that all programs have; those of the type follow them. */
#ifndef STORAGE_METHODS_H
#define STORAGE_METHODS_H

#include "devices.h"
#include "notify.h"
#include "privileges.h"
#include "program.h"
#include "settings.h"

/* What the methods work on: their argument. */
struct program {
	const struct program_type *type;
	struct settings settings;
	struct worker_pool *pool;
	struct devices *devices;
	struct rpc_server *rpc;
	struct rpc_method *methods;
	struct watchdog *watchdog;	/* NULL: none */
	struct identity identity;
	int epoll_fd;
	int signal_fd;
	unsigned int told;	/* devices, as the service manager knows */
	bool started;
	bool ending;
};

/* A new table: ours and the type's. NULL: no memory. */
struct rpc_method *methods_table(const struct program_type *type);

#endif
