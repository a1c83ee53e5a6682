/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device on a host that records what it is asked for, a frontend and a driver that are
 * a few helper functions, and the checks that hold at any time:
 *   - window changes come between begin and commit, never over a range that is mapped, and
 *     only ranges that were mapped are unmapped;
 *   - a descriptor is valid while it is armed;
 *   - at the end of each test nothing is mapped or armed, and no descriptor is left.
 */
#ifndef TESTS_UNIT_DEVICE_FIXTURE_H
#define TESTS_UNIT_DEVICE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vvu-device/device.h"
#include "vvu-device/internal.h"

#define FIXTURE_QUEUES 4u
#define FIXTURE_BAR (64ull << 20)
#define KIB 1024ull
#define MIB (1024ull * KIB)

#define ALL_PROTOCOL (vhu_protocol_features_passed())
#define PROTOCOL(name) (1ull << VHU_PROTOCOL_F_##name)
#define FEATURES_BASE ((1ull << VHU_VIRTIO_F_VERSION_1) | \
		       (1ull << VHU_F_PROTOCOL_FEATURES) | (1ull << VHU_F_LOG_ALL))

#define MAX_OPS 2048
#define MAX_MESSAGES 256

struct fixture {
	struct vvu_device *device;
	struct vvu_device_config config;

	/* Every op as a line of text, in order */
	char ops[MAX_OPS][96];
	unsigned int nops;
	/* What rxq and the frontend got; decoded */
	struct vhu_msg rxq[MAX_MESSAGES];
	unsigned int nrxq;
	struct vhu_msg sent[MAX_MESSAGES];
	unsigned int nsent;
	int sent_fd; /* of the last reply, -1 when there was none */
	struct vhu_msg channel[MAX_MESSAGES];
	unsigned int nchannel;

	/* How the host is to behave */
	unsigned int rxq_buffers; /* posted; a message takes one */
	int rxq_error; /* instead, when not 0 */
	int map_error_at; /* fail the nth map from now, 0: none */
	int send_error;
	int channel_error;
	int kick_error;

	/* What it holds */
	struct vvu_mapping maps[VVU_MAX_MAPS];
	unsigned int nmaps;
	bool changing; /* between begin and commit */
	int kicks[VHU_MAX_VRINGS];
	int doorbells[2 * VHU_MAX_VRINGS + 1];
	int channel_fd;
	unsigned int config_changes;
	unsigned int needs_resets;
	unsigned int closes;
	char last_warning[256];
	unsigned int descriptors; /* open before the test */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* For a test of another configuration: fill fixture->config, then this. */
void fixture_recreate(struct fixture *f);

#define device_test(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

unsigned int count_descriptors(void);

/* Index of the first recorded op that starts with @text at or after @from, -1: none. */
int op_find(const struct fixture *f, const char *text, unsigned int from);
void op_clear(struct fixture *f);
/* All of these, in this order, others in between do not matter; ends with NULL. */
void assert_ops(const struct fixture *f, const char *first, ...);
void assert_no_op(const struct fixture *f, const char *text);

/* ---- the driver ---- */
void write_status(struct fixture *f, uint8_t status);
uint32_t read_status(struct fixture *f);
uint32_t read_config32(struct fixture *f, uint32_t offset);
/* DRIVER_OK, BACKEND_UP and a frontend. */
void connect_frontend(struct fixture *f);
int driver_send(struct fixture *f, enum vhu_space space, const struct vhu_msg *msg);
int driver_reply_u64(struct fixture *f, uint32_t id, uint64_t value);
int driver_reply_none(struct fixture *f, uint32_t id);
int driver_request(struct fixture *f, uint32_t id, uint32_t flags);
const struct vhu_msg *rxq_last(const struct fixture *f);

/* ---- the frontend ---- */
int frontend_send_raw(struct fixture *f, const void *buf, size_t len, const int *fds,
		      unsigned int nfds);
/* Encodes @msg; descriptors are given away. Returns what the device said last. */
int frontend_send(struct fixture *f, const struct vhu_msg *msg, const int *fds,
		  unsigned int nfds);
int frontend_u64(struct fixture *f, uint32_t id, uint32_t flags, uint64_t value);
int frontend_none(struct fixture *f, uint32_t id, uint32_t flags);
int frontend_state(struct fixture *f, uint32_t id, uint32_t index, uint32_t num);
/* SET_VRING_KICK, _CALL or _ERR with an eventfd. */
int frontend_eventfd(struct fixture *f, uint32_t id, uint64_t index);
/* Features as asked, protocol features as asked; the driver offers everything. */
void negotiate(struct fixture *f, uint64_t features, uint64_t protocol);
/* connect_frontend() and negotiate(): every feature but ACCESS_PLATFORM. */
void start(struct fixture *f);

struct region {
	uint64_t gpa, size, uva, offset;
	int fd; /* given away */
};
int frontend_table(struct fixture *f, uint32_t flags, const struct region *regions,
		   unsigned int n);
int frontend_region(struct fixture *f, uint32_t id, uint32_t flags, const struct region *region);

/* A memfd of @size bytes whose first bytes of each page are @tag. */
int make_memfd(uint64_t size);
int make_eventfd(void);

bool is_connected(const struct fixture *f);
/* The connection is over, for this reason; BACKEND_UP and FRONTEND_UP are clear. */
void assert_disconnected(struct fixture *f, const char *reason);
/* What is mapped at @offset of @shmid, NULL when nothing. */
const struct vvu_mapping *mapped_at(const struct fixture *f, uint8_t shmid, uint64_t offset);
/* Every region of the table on rxq is where the driver's formula looks for it. */
void assert_formula(const struct fixture *f, const struct vhu_msg *msg,
		    const struct vvu_mapping *expected);

#endif
