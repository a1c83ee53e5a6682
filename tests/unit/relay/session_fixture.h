/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session on the fake device, with callbacks that record what they were told and check
 * how they were called: locks in order and never nested, no change of a ring outside its
 * lock, callbacks with and without the lock as vhr.h says.
 */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_vvu.h"
#include "vhost-relay/vhr.h"

#define RINGS 4u

#define BIT(n) (1ull << (n))
#define F_BASE (BIT(VHU_VIRTIO_F_VERSION_1) | BIT(VHU_F_PROTOCOL_FEATURES))
#define F_INDIRECT BIT(28)
#define F_EVENT_IDX BIT(29)
#define F_NET (BIT(0) | BIT(5) | BIT(15))
/* Offered to the frontend besides bits 30 and 32. */
#define F_OFFERED (F_NET | F_INDIRECT | F_EVENT_IDX)
#define PF(name) BIT(VHU_PROTOCOL_F_##name)
#define PF_ALL \
	(PF(MQ) | PF(REPLY_ACK) | PF(MTU) | PF(RARP) | PF(BACKEND_REQ) | PF(CONFIG) | \
	 PF(CONFIGURE_MEM_SLOTS) | PF(RESET_DEVICE) | PF(STATUS))

/* The frontend's memory: one region of the whole window. */
#define MEM_SIZE FAKE_WINDOW
#define MEM_GPA 0x40000000ull
#define MEM_UVA 0x7f1200000000ull
/* Where ring i lies in it. */
#define RING_OFFSET(i) (0x10000ull * ((i) + 1))
#define RING_NUM 16u
#define AVAIL_OFFSET 0x1000u
#define USED_OFFSET 0x2000u

struct recorded {
	unsigned int locked;		/* bit per ring */
	unsigned int changed[RINGS];
	unsigned int stops[RINGS];
	bool connected_at_stop[RINGS];
	bool ready[RINGS];
	unsigned int ready_calls;
	unsigned int memory_begins, memory_ends;
	unsigned int regions_at_begin, regions_at_end;
	bool memory_in_use;
	unsigned int memory_in_use_calls;
	int connected;			/* -1: never told */
	unsigned int connects, disconnects;
	unsigned int set_features_calls;
	uint64_t features;
	int refuse_features;
	uint8_t config[64];
	unsigned int config_writes;
	uint32_t config_flags;
	unsigned int mtu;
	unsigned int mtu_max;
	uint8_t rarp[6];
	int refuse_rarp;
	uint8_t status;
	unsigned int resets;
	unsigned int warnings;
	char last_log[512];
	struct vhr_ring snapshot[RINGS];	/* as it was at the last unlock */
	bool snapshot_valid[RINGS];
};

extern struct recorded rec;
extern struct vhr_session *session;
extern const struct vhr_ops session_ops;

/* Open with all callbacks; @edit, if any, changes the configuration. Not yet up. */
void session_open(void (*edit)(struct vhr_config *config));
/* cmocka setup: open, up, a frontend connected. */
int session_setup(void **state);
/* ... and all of PF_ALL, and features, negotiated. */
int session_setup_negotiated(void **state);
/* ... and a memory table. */
int session_setup_memory(void **state);
int session_teardown(void **state);

/* Run until nothing is due. */
void session_run(void);

struct vhu_msg request(uint32_t id, uint32_t size);
struct vhu_msg request_u64(uint32_t id, uint64_t value);
struct vhu_msg request_state(uint32_t id, uint32_t index, uint32_t num);
struct vhu_msg request_addr(uint32_t index);
struct vhu_msg request_table(void);
struct vhu_msg need_reply(struct vhu_msg msg);

/* Send a request and run. */
void give(struct vhu_msg msg);
/* ... with NEED_REPLY, and expect the answer @value. */
void give_acked(struct vhu_msg msg, uint64_t value);
/* The one message sent since the last call; fails if there is not exactly one. */
const struct vhu_msg *answer(void);
void no_answer(void);
/* The frontend was disconnected, for a reason that contains @why; BACKEND_UP is set again. */
void expect_dropped(const char *why);
void expect_connected(void);
/* Send a request that must end the connection. */
void give_illegal(struct vhu_msg msg, const char *why);

/* Everything that makes ring @i ready, with base 0. */
void start_ring(unsigned int i);
/* Access a ring as a data thread would. */
struct vhr_ring *data_lock(unsigned int i);
void data_unlock(unsigned int i);

void set_used_idx(unsigned int i, uint16_t idx);

#endif
