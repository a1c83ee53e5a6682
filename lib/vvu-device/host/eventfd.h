/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VVU_HOST_EVENTFD_H
#define VVU_HOST_EVENTFD_H

/* Of our own eventfds; those a peer shares are signalled by signaler.h. */
void vvu_eventfd_signal(int fd);
/*
 * Never blocks, whatever flags a peer sharing the description sets. 1 when it was signalled, 0
 * when not, -errno when it cannot be read.
 */
int vvu_eventfd_drain(int fd);

#endif
