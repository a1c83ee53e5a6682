/* SPDX-License-Identifier: BSD-3-Clause */
/* What a datapath calls, from its own thread and with the ring's lock held. */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"
#include "vvu-device/layout.h"

void
vhr_ring_call(struct vhr_ring *ring)
{
	struct vhr_session *s = ring->session;

	if (ring->call_none || s == NULL)
		return;
	ring->calls++;
	vhr_vvu_doorbell(&s->vvu, VVU_DOORBELL_CALL(s->vvu.max_vhost_queues, ring->index));
}

void
vhr_ring_break(struct vhr_ring *ring, const char *fmt, ...)
{
	struct vhr_session *s = ring->session;
	va_list ap;

	ring->ready = false;
	if (ring->broken)
		return;
	ring->broken = true;
	va_start(ap, fmt);
	if (vsnprintf(ring->broken_reason.text, sizeof(ring->broken_reason.text), fmt, ap) < 0)
		ring->broken_reason.text[0] = '\0';
	va_end(ap);
	/* A ring of its own, in a test or a fuzzer, has nobody to tell. */
	if (s == NULL)
		return;
	vhr_vvu_doorbell(&s->vvu, VVU_DOORBELL_ERR(s->vvu.max_vhost_queues, ring->index));
	/* The callbacks belong to the control thread. */
	atomic_store(&s->ring_broke, true);
	vhr_events_wake(s);
}
