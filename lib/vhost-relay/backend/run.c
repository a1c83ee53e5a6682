/* SPDX-License-Identifier: BSD-3-Clause */
/* vhr_run(): what is due, in portions that end. */
#include <errno.h>

#include "internal.h"

#define MESSAGES_PER_ROUND	32u
#define ROUNDS			4u

static bool
receiving(const struct vhr_session *s)
{
	return s->link == VHR_LINK_WAITING || s->link == VHR_LINK_CONNECTED;
}

/* Messages in rxq, as long as their answers find room. Returns how many. */
static unsigned int
run_messages(struct vhr_session *s)
{
	unsigned int n = 0;

	while (n < MESSAGES_PER_ROUND && receiving(s)) {
		enum vhu_space space;
		int ret;

		/* No request is taken before the one ahead of it is answered. */
		if (!vhr_dispatch_flush(s))
			break;
		ret = vhr_vvu_receive(&s->vvu, &s->request, &space);
		if (ret == 0)
			break;
		n++;
		/* The queue itself is broken; all else is about one message. */
		if (ret == -EIO) {
			s->reason = s->vvu.reason;
			vhr_device_failed(s);
			break;
		}
		/* A message may come before the interrupt that tells of its frontend. */
		if (s->link == VHR_LINK_WAITING) {
			vhr_connection_check(s);
			if (s->link != VHR_LINK_CONNECTED)
				continue;
		}
		if (ret < 0) {
			s->messages++;
			s->refused++;
			s->reason = s->vvu.reason;
			vhr_connection_drop(s);
			continue;
		}
		vhr_dispatch(s, space);
	}
	return n;
}

static int
run_once(struct vhr_session *s)
{
	int n = 0;

	if (s->bus->ops->run != NULL) {
		n = s->bus->ops->run(s->bus);
		if (n < 0) {
			vhu_reason_set(&s->reason, "device's event mechanism failed: error %d",
				       -n);
			return n;
		}
	}
	vhr_events_collect(s);
	if (atomic_exchange(&s->ring_broke, false)) {
		vhr_rings_find_broken(s);
		n++;
	}
	/* Without an interrupt, and while something is under way, look each time. */
	if (s->events.config_due || s->events.config_fd < 0 || s->link == VHR_LINK_CLOSING)
		n += vhr_connection_check(s);
	return n + (int)run_messages(s);
}

int
vhr_run(struct vhr_session *s)
{
	unsigned int round;
	int events = 0;

	for (round = 0; round < ROUNDS; round++) {
		int n = run_once(s);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		events += n;
	}
	/* The interrupts have been read, so what is left over needs an event of its own. */
	if (round == ROUNDS || s->events.config_due)
		vhr_events_wake(s);
	vhr_events_timer(s, vhr_connection_timeout_ns(s));
	if (s->link == VHR_LINK_FAILED && s->reopen_at_ns == 0)
		return -EIO;
	return events;
}
