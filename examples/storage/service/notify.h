/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A service manager: what it is told (sd_notify(3)), the watchdog it may have set up, and the
 * sockets it may have opened (socket activation). Without one nothing of this does anything.
 */
#ifndef STORAGE_NOTIFY_H
#define STORAGE_NOTIFY_H

#include <jansson.h>

#include "storage/target/worker.h"

void notify_ready(unsigned int devices);
void notify_status(unsigned int devices);
void notify_stopping(void);

/*
 * Give the sockets that were handed over (LISTEN_FDS) to the devices in the array @devices that
 * have none of "socket-path", "fd" and "device": those of a device's name (LISTEN_FDNAMES)
 * first, then in order. -EINVAL: one is left over.
 */
int notify_take_sockets(json_t *devices, struct vhu_reason *reason);

/*
 * A timer that is readable when the watchdog is due: notify_watchdog(). -1 with *@watchdog NULL
 * where there is none; or -errno.
 */
struct watchdog;
int watchdog_create(struct worker_pool *pool, struct watchdog **watchdog);
int watchdog_fd(const struct watchdog *watchdog);
/*
 * The main thread is alive: if all workers have done what they were given the last time,
 * they are too, and the service manager is told.
 */
void watchdog_run(struct watchdog *watchdog);
/* The workers are gone. NULL is fine. */
void watchdog_destroy(struct watchdog *watchdog);

#endif
