/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages about one ring. */
#include <inttypes.h>

#include "internal.h"

/* The ring of a message, checked in full width; NULL with the reason. */
static struct ring_slot *
ring_of(struct vhr_session *s, const struct vhu_msg *request, uint32_t index)
{
	if (index < s->num_rings)
		return &s->slot[index];
	vhu_reason_set(&s->reason, "%s: ring %u, the device has %u",
		       vhu_message_name(VHU_SPACE_FRONTEND, request->hdr.request), index,
		       s->num_rings);
	return NULL;
}

/* The same for the three messages whose u64 holds the index and the no-fd bit. */
static struct ring_slot *
ring_of_u64(struct vhr_session *s, const struct vhu_msg *request)
{
	return ring_of(s, request, (uint32_t)(request->u64 & VHU_VRING_INDEX_MASK));
}

enum vhr_verdict
vhr_set_vring_num(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct ring_slot *slot = ring_of(s, request, request->state.index);
	uint32_t num = request->state.num, max = s->config.max_ring_size;

	if (slot == NULL)
		return VHR_ILLEGAL;
	if (num == 0 || num > max || ((num & (num - 1)) != 0 && !vhr_may_be_packed(s))) {
		vhu_reason_set(&s->reason, "SET_VRING_NUM: ring %u: num %u, expected %s up to %u",
			       request->state.index, num,
			       vhr_may_be_packed(s) ? "a number" : "a power of two", max);
		return VHR_ILLEGAL;
	}
	if (slot->running && num != slot->ring.size) {
		vhu_reason_set(&s->reason, "SET_VRING_NUM: ring %u: num %u, it runs with %u",
			       request->state.index, num, slot->ring.size);
		return VHR_FAILED;
	}
	vhr_ring_begin(s, request->state.index);
	slot->ring.size = (uint16_t)num;
	slot->num_set = true;
	vhr_ring_translate(s, slot);
	vhr_ring_end(s, request->state.index);
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_vring_addr(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	const struct vhu_vring_addr *addr = &request->addr;
	struct ring_slot *slot = ring_of(s, request, addr->index);
	struct vhu_vring_addr old;
	bool old_set, fits;

	if (slot == NULL)
		return VHR_ILLEGAL;
	if (addr->flags & ~VHU_VRING_ADDR_F_LOG) {
		vhu_reason_set(&s->reason, "SET_VRING_ADDR: ring %u: flags 0x%x", addr->index,
			       addr->flags);
		return VHR_ILLEGAL;
	}
	vhr_ring_begin(s, addr->index);
	old = slot->ring.addr;
	old_set = slot->ring.addr_set;
	slot->ring.addr = *addr;
	slot->ring.addr_set = true;
	fits = vhr_ring_check_format(s, slot);
	if (!fits) {
		slot->ring.addr = old;
		slot->ring.addr_set = old_set;
	}
	vhr_ring_translate(s, slot);
	vhr_ring_end(s, addr->index);
	if (!fits)
		return VHR_ILLEGAL;

	/*
	 * Without a memory table there is nothing to find fault with yet. With one, the
	 * frontend learns of it if it asked; the next table may cure it in any case.
	 */
	if (slot->untranslated.text[0] == '\0' || s->memory->num == 0)
		return VHR_DONE;
	/* How long the parts are depends on the format. */
	if (!s->features_set && vhr_may_be_packed(s))
		return VHR_DONE;
	s->reason = slot->untranslated;
	if ((request->hdr.flags & VHU_FLAG_NEED_REPLY) &&
	    (s->protocol_features & BIT(VHU_PROTOCOL_F_REPLY_ACK)))
		return VHR_FAILED;
	vhr_log(s, VHR_LOG_WARNING, "%s", s->reason.text);
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_vring_base(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct ring_slot *slot = ring_of(s, request, request->state.index);
	uint32_t num = request->state.num;
	enum vhr_verdict verdict = VHR_DONE;

	if (slot == NULL)
		return VHR_ILLEGAL;
	/* A split ring has an index of 16 bits here and nothing above. */
	if (num > UINT16_MAX && !vhr_may_be_packed(s)) {
		vhu_reason_set(&s->reason, "SET_VRING_BASE: ring %u: num 0x%x, expected 16 bits",
			       request->state.index, num);
		return VHR_ILLEGAL;
	}
	vhr_ring_begin(s, request->state.index);
	if (!slot->running) {
		slot->base = num;
		slot->base_set = true;
		/* Taken as it is when the ring starts; until then for whoever looks at it. */
		if (!slot->ring.packed)
			slot->ring.last_avail = (uint16_t)num;
	} else if (vhr_ring_base(&slot->ring) != num) {
		vhu_reason_set(&s->reason, "SET_VRING_BASE: ring %u: num %u, it runs and is at %u",
			       request->state.index, num, vhr_ring_base(&slot->ring));
		verdict = VHR_FAILED;
	}
	vhr_ring_end(s, request->state.index);
	return verdict;
}

enum vhr_verdict
vhr_get_vring_base(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct ring_slot *slot = ring_of(s, request, request->state.index);

	if (slot == NULL)
		return VHR_ILLEGAL;
	vhr_ring_stop(s, request->state.index);
	vhu_reply_init(reply, request, sizeof(reply->state));
	reply->state.index = request->state.index;
	reply->state.num = slot->base;
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_vring_kick(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct ring_slot *slot = ring_of_u64(s, request);
	struct vhr_ring *ring;

	if (slot == NULL)
		return VHR_ILLEGAL;
	ring = vhr_ring_begin(s, slot->ring.index);
	if (!ring->started) {
		ring->started = true;
		ring->broken = false;
		ring->broken_reason.text[0] = '\0';
		slot->broken_told = false;
		slot->running = false;
	}
	ring->kick_none = (request->u64 & VHU_VRING_NOFD) != 0;
	vhr_ring_end(s, ring->index);
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_vring_call(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct ring_slot *slot = ring_of_u64(s, request);
	struct vhr_ring *ring;

	if (slot == NULL)
		return VHR_ILLEGAL;
	ring = vhr_ring_begin(s, slot->ring.index);
	ring->call_none = (request->u64 & VHU_VRING_NOFD) != 0;
	/*
	 * What was used until now has been signalled to nobody, or to a descriptor that is not
	 * looked at any more: QEMU starts a ring with one that it never reads, and replaces it
	 * afterwards. With VIRTIO_F_EVENT_IDX a driver that misses one call gets no other.
	 */
	if (ring->ready)
		vhr_ring_call(ring);
	vhr_ring_end(s, ring->index);
	return VHR_DONE;
}

enum vhr_verdict
vhr_set_vring_err(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	/* Whether somebody listens to the err doorbell is the device's business. */
	return ring_of_u64(s, request) != NULL ? VHR_DONE : VHR_ILLEGAL;
}

enum vhr_verdict
vhr_set_vring_enable(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	struct ring_slot *slot = ring_of(s, request, request->state.index);

	if (slot == NULL)
		return VHR_ILLEGAL;
	/* A frontend may send this before SET_FEATURES, but not after one without the bit. */
	if (s->features_set && !(s->features & BIT(VHU_F_PROTOCOL_FEATURES))) {
		vhu_reason_set(&s->reason,
			       "SET_VRING_ENABLE: ring %u: feature bit 30 was not acknowledged",
			       request->state.index);
		return VHR_ILLEGAL;
	}
	if (request->state.num > 1) {
		vhu_reason_set(&s->reason, "SET_VRING_ENABLE: ring %u: num %u, expected 0 or 1",
			       request->state.index, request->state.num);
		return VHR_ILLEGAL;
	}
	vhr_ring_begin(s, request->state.index);
	slot->ring.enabled = request->state.num == 1;
	vhr_ring_end(s, request->state.index);
	return VHR_DONE;
}

enum vhr_verdict
vhr_get_queue_num(struct vhr_session *s, const struct vhu_msg *request, struct vhu_msg *reply)
{
	vhu_reply_init(reply, request, sizeof(reply->u64));
	reply->u64 = s->config.queue_num;
	return VHR_DONE;
}
