/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>
#include <unistd.h>

#include "vvu_burst.h"
#include "vvu_log.h"
#include "vvu_port.h"
#include "vvu_zc.h"
#include "vvu_zc_mbuf.h"
#include "vvu_zc_port.h"
#include "vvu_zc_ring.h"

#define MS_NS			1000000ull
/* Between two looks at what has come back. */
#define LOOK_US			50
/* A wait that was in vain is not repeated at the next message: the application holds on. */
#define PATIENCE_BACK_NS	(1000 * MS_NS)
/* How long the next frontend waits before that is worth a line in the log. */
#define TELL_NS			(1000 * MS_NS)

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MS_NS + (uint64_t)now.tv_nsec;
}

/* Half the ring stays with the driver whatever the application holds. */
static uint32_t
most_out(const struct vhr_ring *ring)
{
	return ring->size / 2;
}

void
vvu_zc_update(struct vvu_queue *q)
{
	if (!q->port->args.zero_copy || !q->rx || q->ring == NULL || !q->ring->ready)
		return;
	if (q->zc == NULL && q->lends) {
		q->zc = vvu_zc_new(q->ring->size, most_out(q->ring), q->port->zc_window);
		if (q->zc == NULL) {
			VVU_PMD_LOG(WARNING, "%s: no memory to lend frames of rx queue %u",
				    q->port->name, q->queue_id);
			return;
		}
		vvu_zc_describe(q->zc);
	} else if (q->zc != NULL) {
		q->zc->most = q->lends ? most_out(q->ring) : 0;
	}
}

void
vvu_zc_drop(struct vvu_queue *q)
{
	q->stats.lent_late += vvu_zc_abandon(q->zc);
	q->zc = NULL;
}

/* A disabled ring takes entries back, too. */
static bool
is_usable(const struct vhr_ring *ring)
{
	return ring != NULL && ring->started && ring->desc != NULL && !ring->broken;
}

static void
settle(struct vvu_queue *q)
{
	if (q->ring->packed)
		vvu_zc_packed_settle(q, q->ring, q->zc);
	else
		vvu_zc_split_settle(q, q->ring, q->zc);
}

/* Lend no more, use what has come back. Returns how many are out. */
static uint32_t
pause_lending(struct vvu_queue *q)
{
	uint32_t out = 0;

	vvu_queue_lock(q);
	if (q->zc != NULL) {
		q->zc->most = 0;
		vvu_zc_collect(q->zc);
		if (is_usable(q->ring))
			settle(q);
		out = q->zc->out;
	}
	vvu_queue_unlock(q);
	return out;
}

/* Until nothing of rings @first to @last is out, or for as long as we are ready to wait. */
static void
wait_for_frames(struct vvu_port *port, unsigned int first, unsigned int last)
{
	uint64_t begin = now_ns(), limit = port->args.zero_copy_wait_ms * MS_NS;
	unsigned int i;
	uint32_t out;

	if (begin < port->zc_no_wait_before_ns)
		limit = 0;
	for (;;) {
		out = 0;
		for (i = first; i <= last; i++) {
			if (port->queues[i].rx)
				out += pause_lending(&port->queues[i]);
		}
		if (out == 0)
			return;
		if (now_ns() - begin >= limit)
			break;
		usleep(LOOK_US);
	}
	if (limit != 0)
		port->zc_no_wait_before_ns = now_ns() + PATIENCE_BACK_NS;
	VVU_PMD_LOG(WARNING, "%s: %u frames are not back after %u ms; their bytes may change",
		    port->name, out, (unsigned int)(limit / MS_NS));
}

/* What is still out is used all the same, and the ring goes on without lending. */
static void
force(struct vvu_queue *q)
{
	vvu_queue_lock(q);
	if (q->zc != NULL) {
		vvu_zc_force(q->zc);
		if (is_usable(q->ring))
			settle(q);
		vvu_zc_drop(q);
		vvu_burst_choose(q);
	}
	vvu_queue_unlock(q);
}

void
vvu_zc_ring_stop(struct vvu_port *port, unsigned int index)
{
	struct vvu_queue *q = &port->queues[index];
	struct vhr_status status;

	/* Without a session the port is being closed, and no queue has a ring any more. */
	if (!q->rx || !port->args.zero_copy || port->session == NULL)
		return;
	vhr_status(port->session, &status);
	if (status.connected) {
		wait_for_frames(port, index, index);
		force(q);
		return;
	}
	/* A frontend that comes back resumes at the used index as it left it. */
	vvu_queue_lock(q);
	vvu_zc_drop(q);
	vvu_burst_choose(q);
	vvu_queue_unlock(q);
}

void
vvu_zc_memory_change(struct vvu_port *port, bool begin)
{
	struct vvu_queue *q;
	unsigned int i;

	if (!port->args.zero_copy)
		return;
	if (begin)
		wait_for_frames(port, 0, port->num_rings - 1);
	for (i = 0; i < port->num_rings; i++) {
		q = &port->queues[i];
		if (!q->rx)
			continue;
		if (begin) {
			force(q);
			continue;
		}
		vvu_queue_lock(q);
		vvu_zc_update(q);
		vvu_burst_choose(q);
		vvu_queue_unlock(q);
	}
}

bool
vvu_zc_memory_in_use(struct vvu_port *port)
{
	uint64_t now;

	if (!port->args.zero_copy || !vvu_zc_window_in_use(port->zc_window)) {
		port->zc_in_use_since_ns = 0;
		return false;
	}
	now = now_ns();
	if (port->zc_in_use_since_ns == 0) {
		port->zc_in_use_since_ns = now;
		port->zc_in_use_told = false;
	}
	if (!port->zc_in_use_told && now - port->zc_in_use_since_ns >= TELL_NS) {
		port->zc_in_use_told = true;
		VVU_PMD_LOG(WARNING, "%s: frames of the last frontend are still held: the next "
			    "is not let in before they are freed", port->name);
	}
	return true;
}

void
vvu_zc_close(struct vvu_port *port)
{
	if (port->args.zero_copy && port->zc_window != NULL)
		wait_for_frames(port, 0, port->num_rings - 1);
}
