/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the back-end engine share.
 *
 *   session.c          open, close, queries
 *   run.c              vhr_run(): what is due, in bounded portions
 *   events.c           the one fd to wait on, and what was behind it
 *   connection.c       frontend there, frontend gone, device that needs a reset
 *   dispatch.c         one message: gate, handler, reply
 *   features.c, ring_messages.c, memory_messages.c, inflight_messages.c, config.c, net.c,
 *   reset.c, status.c  the handlers
 *   ring_state.c       a ring's readiness and the lock discipline around it
 *   ring_format.c      what depends on its format
 *   doorbell.c         what a datapath calls
 *   offer.c            which features a session can carry
 *   device_info.c      what the function is, and its registers
 */
#ifndef VHOST_RELAY_BACKEND_INTERNAL_H
#define VHOST_RELAY_BACKEND_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../vhr.h"
#include "../vvu/vvu.h"

#define BIT(n) (1ull << (n))

#define VHR_F_RING_PACKED 34

#define CACHE_LINE 64

/* The protocol features a session implements; and INFLIGHT_SHMFD where it is asked for. */
#define VHR_PROTOCOL_FEATURES \
	(BIT(VHU_PROTOCOL_F_MQ) | BIT(VHU_PROTOCOL_F_REPLY_ACK) | BIT(VHU_PROTOCOL_F_MTU) | \
	 BIT(VHU_PROTOCOL_F_RARP) | BIT(VHU_PROTOCOL_F_BACKEND_REQ) | \
	 BIT(VHU_PROTOCOL_F_CONFIG) | BIT(VHU_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | \
	 BIT(VHU_PROTOCOL_F_RESET_DEVICE) | BIT(VHU_PROTOCOL_F_STATUS) | \
	 BIT(VHU_PROTOCOL_F_GPA_ADDRESSES))

/* Levels of vhr_ops.log, the numbers of enum vvu_log_level. */
enum vhr_log_level {
	VHR_LOG_ERROR,
	VHR_LOG_WARNING,
	VHR_LOG_INFO,
	VHR_LOG_DEBUG,
};

/*
 * What a handler says of a request. A broken rule ends the connection; a request that is
 * well-formed but cannot be carried out is answered where the frontend asked for an
 * answer, and ends the connection where it did not, because nothing else would tell it
 * (vhost-user, "VHOST_USER_PROTOCOL_F_REPLY_ACK").
 */
enum vhr_verdict {
	VHR_DONE,	/* and the reply, if the row has one, is filled in */
	VHR_FAILED,	/* s->reason says why */
	VHR_ILLEGAL,	/* s->reason says why */
};

enum vhr_link {
	VHR_LINK_DOWN,		/* BACKEND_UP not set */
	VHR_LINK_WAITING,	/* set; no frontend */
	VHR_LINK_CONNECTED,
	VHR_LINK_CLOSING,	/* cleared; FRONTEND_UP not yet clear, or rxq not yet empty */
	VHR_LINK_FAILED,	/* the device is closed; opened again at reopen_at_ns */
};

struct ring_slot {
	/* First a cache line of its own, because data threads of other rings are near. */
	_Alignas(CACHE_LINE) struct vhr_ring ring;

	/* All below belongs to the control thread. */
	bool num_set;
	bool base_set;
	uint32_t base;		/* SET_VRING_BASE, or where the ring stopped: as in the message */
	bool running;		/* used_idx was taken; the ring has been ready since its start */
	bool ready_seen;	/* ring.ready as the control thread last saw it under the lock */
	bool ready_told;	/* ... as ops->ring_ready was last told */
	bool broken_told;	/* the reason is in the log */
	struct vhu_reason untranslated;	/* why the addresses lead nowhere; "" if they do */
};

/* SET_INFLIGHT_FD: the parts of all rings; checked to be in the shared memory. */
struct vhr_inflight_area {
	uint8_t *base;		/* NULL: there is none */
	uint64_t size;
	uint16_t num_queues;
	uint16_t queue_size;
};

struct vhr_log_limit {
	uint64_t window_ns;
	unsigned int count;
	unsigned int suppressed;
};

struct vhr_events {
	int epoll_fd;
	int wake_fd;	/* eventfd: a ring broke, or work was left over */
	int timer_fd;
	int config_fd;	/* the device's, while registered; -1 */
	int rxq_fd;
	bool timer_armed;
	bool config_due;	/* the device's status wants a look */
};

struct vhr_session {
	struct vhr_vvu vvu;
	struct vhr_bus *bus;
	struct vhr_ops ops;
	void *priv;
	struct vhr_config config;	/* ops and priv as above */
	uint64_t features_offered;
	uint64_t features_next;		/* what the next frontend will be offered */
	uint64_t protocol_offered;
	unsigned int num_rings;
	struct ring_slot *slot;
	struct vhr_events events;

	/* ---- the device ---- */
	bool want_up;
	enum vhr_link link;
	uint32_t epoch;
	bool leaving;			/* rings stop because their frontend is gone */
	uint64_t closing_since_ns;
	unsigned int drained;		/* messages thrown away in VHR_LINK_CLOSING */
	unsigned int reopen_attempts;
	uint64_t reopen_at_ns;

	/* ---- of one connection ---- */
	bool features_set;
	uint64_t features;
	uint64_t protocol_features;
	uint8_t device_status;
	bool channel;			/* SET_BACKEND_REQ_FD */
	const struct vhr_memory *memory;	/* never NULL */
	struct vhr_inflight_area inflight;
	bool reply_pending;		/* txq was full */
	struct vhu_msg reply;

	/* ---- counters and words ---- */
	uint64_t connections;
	uint64_t messages;
	uint64_t refused;
	uint64_t last_message_ns;
	uint64_t max_message_ns;
	uint64_t message_times[VHR_MESSAGE_TIMES];
	struct vhu_reason reason;
	struct vhr_log_limit log_limit[VHR_LOG_DEBUG];	/* per level below */
	/* Set by any data thread whose ring broke. */
	atomic_bool ring_broke;

	struct vhu_msg request;		/* being handled */
};

/* The format of rings: what was acknowledged, or, before that, what may be. */
static inline bool
vhr_may_be_packed(const struct vhr_session *s)
{
	return ((s->features_set ? s->features : s->features_offered) & BIT(VHR_F_RING_PACKED)) !=
	       0;
}

/*
 * QEMU 10.0.13 makes all rings as long as it can, 1024, and in messages about the inflight area
 * still says the "queue-size" that it was given. Behind what the text describes our area has a
 * second one of so many entries per queue, for rings that are longer than what was said; other
 * back-ends do not miss it.
 */
#define VHR_INFLIGHT_SPARE	1024u

static inline uint16_t
vhr_inflight_spare(const struct vhr_session *s)
{
	uint32_t max = s->config.max_ring_size;

	return (uint16_t)(max < VHR_INFLIGHT_SPARE ? max : VHR_INFLIGHT_SPARE);
}

/* log.c */
__attribute__((format(printf, 3, 4)))
void vhr_log(struct vhr_session *s, enum vhr_log_level level, const char *fmt, ...);
void vhr_log_message(struct vhr_session *s, const char *what, enum vhu_space space,
		     const struct vhu_msg *msg);
uint64_t vhr_now_ns(void);

/* offer.c: -EINVAL with @reason. */
int vhr_offer(const struct vhr_config *config, const struct vhr_ops *ops, uint64_t *features,
	      uint64_t *protocol_features, struct vhu_reason *reason);

/* events.c */
int vhr_events_open(struct vhr_session *s);
void vhr_events_close(struct vhr_session *s);
/* Watch, or no longer watch, the fds of the device. */
int vhr_events_attach(struct vhr_session *s);
void vhr_events_detach(struct vhr_session *s);
void vhr_events_collect(struct vhr_session *s);
/* Make the poll fd readable. From any thread. */
void vhr_events_wake(struct vhr_session *s);
/* Make it readable in @delay_ns; 0: never. */
void vhr_events_timer(struct vhr_session *s, uint64_t delay_ns);

/* connection.c */
int vhr_device_open(struct vhr_session *s);
/* Look at the device's status and follow it. Returns whether something changed. */
bool vhr_connection_check(struct vhr_session *s);
/* Break the connection for s->reason, and serve the next frontend if the session is up. */
void vhr_connection_drop(struct vhr_session *s);
void vhr_connection_up(struct vhr_session *s);
void vhr_connection_down(struct vhr_session *s);
/* The device is of no use as it is: close it, and open it again later. */
void vhr_device_failed(struct vhr_session *s);
/* Open it again now, whatever was tried before. */
void vhr_device_retry(struct vhr_session *s);
/* For good. */
void vhr_device_close(struct vhr_session *s);
/* How long until the connection wants a look without an event; 0: not at all. */
uint64_t vhr_connection_timeout_ns(const struct vhr_session *s);

/* dispatch.c */
void vhr_dispatch(struct vhr_session *s, enum vhu_space space);
/* Send the reply that is waiting. False while it still waits. */
bool vhr_dispatch_flush(struct vhr_session *s);

typedef enum vhr_verdict vhr_handler(struct vhr_session *s, const struct vhu_msg *request,
				     struct vhu_msg *reply);
#define VHR_HANDLERS(X) \
	X(GET_FEATURES, get_features) \
	X(SET_FEATURES, set_features) \
	X(SET_OWNER, set_owner) \
	X(RESET_OWNER, reset_owner) \
	X(SET_MEM_TABLE, set_mem_table) \
	X(SET_VRING_NUM, set_vring_num) \
	X(SET_VRING_ADDR, set_vring_addr) \
	X(SET_VRING_BASE, set_vring_base) \
	X(GET_VRING_BASE, get_vring_base) \
	X(SET_VRING_KICK, set_vring_kick) \
	X(SET_VRING_CALL, set_vring_call) \
	X(SET_VRING_ERR, set_vring_err) \
	X(GET_PROTOCOL_FEATURES, get_protocol_features) \
	X(SET_PROTOCOL_FEATURES, set_protocol_features) \
	X(GET_QUEUE_NUM, get_queue_num) \
	X(SET_VRING_ENABLE, set_vring_enable) \
	X(SEND_RARP, send_rarp) \
	X(NET_SET_MTU, net_set_mtu) \
	X(SET_BACKEND_REQ_FD, set_backend_req_fd) \
	X(GET_CONFIG, get_config) \
	X(SET_CONFIG, set_config) \
	X(GET_INFLIGHT_FD, get_inflight_fd) \
	X(SET_INFLIGHT_FD, set_inflight_fd) \
	X(RESET_DEVICE, reset_device) \
	X(GET_MAX_MEM_SLOTS, get_max_mem_slots) \
	X(ADD_MEM_REG, add_mem_reg) \
	X(REM_MEM_REG, rem_mem_reg) \
	X(SET_STATUS, set_status) \
	X(GET_STATUS, get_status)
#define VHR_DECLARE(name, handler) vhr_handler vhr_##handler;
VHR_HANDLERS(VHR_DECLARE)
#undef VHR_DECLARE

/*
 * ring_state.c. vhr_ring_begin() locks a ring, vhr_ring_end() brings its readiness up to
 * date, tells the device what changed and unlocks. Between the two the ring is ours.
 */
struct vhr_ring *vhr_ring_begin(struct vhr_session *s, unsigned int index);
void vhr_ring_end(struct vhr_session *s, unsigned int index);
/* Stop, whatever its state; the datapath has finished with it when this returns. */
void vhr_ring_stop(struct vhr_session *s, unsigned int index);
/*
 * Stop all rings, put them into their initial state and forget the inflight area. @gone: the
 * frontend is gone, and so is whoever listened for calls.
 */
void vhr_rings_reset(struct vhr_session *s, bool gone);
/*
 * Put a new memory table under all rings and free the old one; takes over @memory. NULL is
 * the empty table.
 */
void vhr_rings_set_memory(struct vhr_session *s, const struct vhr_memory *memory);
/* Apply s->features, or s->protocol_features, to all rings. */
void vhr_rings_update_features(struct vhr_session *s);
void vhr_rings_update_translation(struct vhr_session *s);
/* Tell ops->ring_ready and the log what changed since the last call. No lock is held. */
void vhr_rings_tell(struct vhr_session *s);
/* A data thread says a ring broke: find it. */
void vhr_rings_find_broken(struct vhr_session *s);
unsigned int vhr_rings_started(const struct vhr_session *s);

/*
 * ring_format.c. Does what is known of the ring fit its format? False with s->reason. Before
 * SET_FEATURES any format will do that is offered.
 */
bool vhr_ring_check_format(struct vhr_session *s, const struct ring_slot *slot);
/* The num field of a base message (vhost-user, "Vring state"). */
uint32_t vhr_ring_base(const struct vhr_ring *ring);
/* Go on from there; @set: a frontend said so. Then check; false: the ring is broken. */
void vhr_ring_set_base(struct vhr_ring *ring, bool set, uint32_t base);
bool vhr_ring_check_base(struct vhr_ring *ring, uint32_t base);
/* Translate addr anew; for use between vhr_ring_begin() and vhr_ring_end(). */
void vhr_ring_translate(struct vhr_session *s, struct ring_slot *slot);

/* reset.c: RESET_DEVICE, and status 0. */
void vhr_device_reset(struct vhr_session *s);

#endif
