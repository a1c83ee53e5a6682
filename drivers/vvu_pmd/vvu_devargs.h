/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of a port: what follows the device's name in --vdev and -a. */
#ifndef VVU_PMD_DEVARGS_H
#define VVU_PMD_DEVARGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include <rte_ether.h>

#include "vhost-relay/memory/memory.h"

#define VVU_MAX_QUEUE_PAIRS	(VHU_MAX_VRINGS / 2)

/* Which devices take an option. */
#define VVU_DEVARGS_VDEV	0x1u
#define VVU_DEVARGS_PCI		0x2u

/* The same text for -h style listings and for dpdk-pmdinfo. */
#define VVU_DEVARGS_COMMON \
	"queues=<1..128> " \
	"max-ring-size=<power of two, 64..32768> " \
	"mac=<xx:xx:xx:xx:xx:xx> " \
	"mtu=<68..65513> " \
	"mrg_rxbuf=<0|1> " \
	"indirect=<0|1> " \
	"event_idx=<0|1> " \
	"in_order=<0|1> " \
	"packed=<0|1> " \
	"csum=<0|1> " \
	"tso=<0|1> " \
	"ufo=<0|1> " \
	"uso=<0|1> " \
	"speed=<0..2147483647> " \
	"virtio-id=<1..63> "
#define VVU_DEVARGS_HELP_VDEV \
	"socket=<path> " \
	"server=<0|1> " \
	VVU_DEVARGS_COMMON \
	"layout=<sum|draft> " \
	"shm-size=<bytes[K|M|G|T], a power of two> " \
	"zero-copy=<0|1> " \
	"zero-copy-min=<14..65535> " \
	"zero-copy-wait=<0..10000> " \
	"uuid=<xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx> " \
	"socket-mode=<octal>"
#define VVU_DEVARGS_HELP_PCI \
	VVU_DEVARGS_COMMON \
	"layout=<sum|draft|offset>"

struct vvu_devargs {
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool client;
	unsigned int queues;		/* pairs */
	uint32_t max_ring_size;
	struct rte_ether_addr mac;
	bool mac_set;
	uint16_t mtu;			/* 0: not given */
	bool mrg_rxbuf;
	bool indirect;
	bool event_idx;
	bool in_order;
	bool packed;
	bool csum;
	bool tso;
	bool ufo;
	bool uso;
	uint32_t speed_mbps;		/* 0: not given */
	bool zero_copy;
	uint32_t zero_copy_min;		/* bytes of a frame that is worth it */
	uint32_t zero_copy_wait_ms;
	uint32_t virtio_id;		/* 0: not given */
	uint64_t shm_size;		/* bytes, 0: not given */
	uint8_t uuid[16];
	enum vhr_layout layout;
	unsigned int socket_mode;	/* 0: not given */
};

/*
 * Parse @text (NULL is an empty one) for a device of @scope, VVU_DEVARGS_VDEV or _PCI.
 * -EINVAL with a reason that names key, value and what is allowed; -ENOMEM.
 */
int vvu_devargs_parse(const char *text, unsigned int scope, struct vvu_devargs *args,
		      struct vhu_reason *reason);

#endif
