/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <poll.h>
#include <stdio.h>

#include "session_fixture.h"

struct recorded rec;
struct vhr_session *session;

static void
ring_lock(void *priv, unsigned int index)
{
	assert_ptr_equal(priv, &rec);
	assert_true(index < RINGS);
	/* Not nested, and ascending where several are held. */
	assert_int_equal(rec.locked >> index, 0);
	if (session != NULL && rec.snapshot_valid[index])
		assert_memory_equal(&rec.snapshot[index], vhr_ring(session, index),
				    sizeof(struct vhr_ring));
	rec.locked |= 1u << index;
}

static void
ring_unlock(void *priv, unsigned int index)
{
	assert_true(rec.locked & (1u << index));
	rec.locked &= ~(1u << index);
	if (session != NULL) {
		memcpy(&rec.snapshot[index], vhr_ring(session, index), sizeof(struct vhr_ring));
		rec.snapshot_valid[index] = true;
	}
}

static void
ring_changed(void *priv, struct vhr_ring *ring)
{
	assert_true(rec.locked & (1u << ring->index));
	rec.changed[ring->index]++;
}

static void
ring_ready(void *priv, unsigned int index, bool ready)
{
	assert_int_equal(rec.locked, 0);
	assert_int_not_equal(rec.ready[index], ready);
	rec.ready[index] = ready;
	rec.ready_calls++;
}

static void
ring_stop(void *priv, unsigned int index)
{
	struct vhr_status status;

	assert_int_equal(rec.locked, 0);
	vhr_status(session, &status);
	rec.connected_at_stop[index] = status.connected;
	rec.stops[index]++;
}

static void
memory_change(void *priv, bool begin)
{
	struct vhr_status status;

	assert_int_equal(rec.locked, 0);
	assert_int_equal(rec.memory_begins, rec.memory_ends + !begin);
	vhr_status(session, &status);
	if (begin) {
		rec.memory_begins++;
		rec.regions_at_begin = status.regions;
	} else {
		rec.memory_ends++;
		rec.regions_at_end = status.regions;
	}
}

/* No ring is left with the datapath when this is asked. */
static bool
memory_in_use(void *priv)
{
	struct vhr_status status;

	assert_int_equal(rec.locked, 0);
	vhr_status(session, &status);
	assert_int_equal(status.rings_started, 0);
	assert_int_equal(status.regions, 0);
	rec.memory_in_use_calls++;
	return rec.memory_in_use;
}

static void
connected(void *priv, bool is)
{
	assert_int_equal(rec.locked, 0);
	assert_int_not_equal(rec.connected, is);
	rec.connected = is;
	if (is)
		rec.connects++;
	else
		rec.disconnects++;
}

static int
set_features(void *priv, uint64_t features)
{
	rec.set_features_calls++;
	rec.features = features;
	return rec.refuse_features;
}

static int
get_config(void *priv, uint32_t offset, uint32_t size, uint8_t *data)
{
	if (offset > sizeof(rec.config) || size > sizeof(rec.config) - offset)
		return -EINVAL;
	memcpy(data, rec.config + offset, size);
	return 0;
}

static int
set_config(void *priv, uint32_t offset, uint32_t size, const uint8_t *data, uint32_t flags)
{
	if (offset > sizeof(rec.config) || size > sizeof(rec.config) - offset)
		return -EINVAL;
	memcpy(rec.config + offset, data, size);
	rec.config_writes++;
	rec.config_flags = flags;
	return 0;
}

static int
set_mtu(void *priv, uint16_t mtu)
{
	if (mtu > rec.mtu_max)
		return -EINVAL;
	rec.mtu = mtu;
	return 0;
}

static int
send_rarp(void *priv, const uint8_t mac[6])
{
	memcpy(rec.rarp, mac, 6);
	return rec.refuse_rarp;
}

static void
set_status(void *priv, uint8_t status)
{
	rec.status = status;
}

static void
reset(void *priv)
{
	rec.resets++;
}

static void
log_line(void *priv, int level, const char *text)
{
	assert_in_range(level, 0, 3);
	assert_true(strlen(text) > 0);
	if (level > 1)
		return;
	rec.warnings++;
	snprintf(rec.last_log, sizeof(rec.last_log), "%s", text);
}

const struct vhr_ops session_ops = {
	.ring_lock = ring_lock,
	.ring_unlock = ring_unlock,
	.ring_changed = ring_changed,
	.ring_ready = ring_ready,
	.ring_stop = ring_stop,
	.memory_change = memory_change,
	.memory_in_use = memory_in_use,
	.connected = connected,
	.set_features = set_features,
	.get_config = get_config,
	.set_config = set_config,
	.set_mtu = set_mtu,
	.send_rarp = send_rarp,
	.set_status = set_status,
	.reset = reset,
	.log = log_line,
};

void
session_open(void (*edit)(struct vhr_config *config))
{
	struct vhr_config config = {
		.ops = &session_ops,
		.priv = &rec,
		.features = F_OFFERED,
		.max_rings = RINGS,
		.queue_num = RINGS / 2,
	};
	struct vhu_reason reason = { "" };
	struct vhr_session *s;

	memset(&rec, 0, sizeof(rec));
	rec.connected = -1;
	rec.mtu_max = 9000;
	session = NULL;
	if (edit != NULL)
		edit(&config);
	if (vhr_open(fake_bus(), &config, &s, &reason) < 0)
		fail_msg("vhr_open: %s", reason.text);
	session = s;
}

void
session_run(void)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		assert_true(vhr_run(session) >= 0);
		struct pollfd pfd = { .fd = vhr_poll_fd(session), .events = POLLIN };

		if (poll(&pfd, 1, 0) == 0)
			return;
	}
	fail_msg("the session's fd stays readable");
}

int
session_setup(void **state)
{
	fake_reset();
	session_open(NULL);
	assert_int_equal(vhr_up(session), 0);
	session_run();
	assert_true(fake_connect());
	session_run();
	expect_connected();
	return 0;
}

int
session_setup_negotiated(void **state)
{
	session_setup(state);
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF_ALL));
	give(request_u64(VHU_SET_FEATURES, F_BASE | F_INDIRECT));
	expect_connected();
	return 0;
}

int
session_setup_memory(void **state)
{
	session_setup_negotiated(state);
	give(request_table());
	expect_connected();
	return 0;
}

int
session_teardown(void **state)
{
	unsigned int closes = fake.bus_closes;

	vhr_close(session);
	session = NULL;
	assert_false(fake.is_open);
	assert_int_equal(fake.bus_closes, closes + 1);
	assert_int_equal(rec.locked, 0);
	fake_free();
	return 0;
}

struct vhu_msg
request(uint32_t id, uint32_t size)
{
	struct vhu_msg msg = { .hdr = { .request = id, .flags = VHU_VERSION, .size = size } };

	return msg;
}

struct vhu_msg
request_u64(uint32_t id, uint64_t value)
{
	struct vhu_msg msg = request(id, sizeof(msg.u64));

	msg.u64 = value;
	return msg;
}

struct vhu_msg
request_state(uint32_t id, uint32_t index, uint32_t num)
{
	struct vhu_msg msg = request(id, sizeof(msg.state));

	msg.state.index = index;
	msg.state.num = num;
	return msg;
}

struct vhu_msg
request_addr(uint32_t index)
{
	struct vhu_msg msg = request(VHU_SET_VRING_ADDR, sizeof(msg.addr));

	msg.addr.index = index;
	msg.addr.desc = MEM_UVA + RING_OFFSET(index);
	msg.addr.avail = msg.addr.desc + AVAIL_OFFSET;
	msg.addr.used = msg.addr.desc + USED_OFFSET;
	return msg;
}

struct vhu_msg
request_table(void)
{
	struct vhu_msg msg = request(VHU_SET_MEM_TABLE, 8 + sizeof(msg.table.region[0]));

	msg.table.nregions = 1;
	msg.table.region[0] = (struct vhu_mem_region){ MEM_GPA, MEM_SIZE, MEM_UVA, 0 };
	return msg;
}

struct vhu_msg
need_reply(struct vhu_msg msg)
{
	msg.hdr.flags |= VHU_FLAG_NEED_REPLY;
	return msg;
}

void
give(struct vhu_msg msg)
{
	fake_push(VHU_SPACE_FRONTEND, &msg);
	session_run();
}

const struct vhu_msg *
answer(void)
{
	assert_int_equal(fake.num_sent, 1);
	fake.num_sent = 0;
	return &fake.sent[0].msg;
}

void
no_answer(void)
{
	assert_int_equal(fake.num_sent, 0);
}

void
give_acked(struct vhu_msg msg, uint64_t value)
{
	const struct vhu_msg *reply;

	no_answer();
	give(need_reply(msg));
	reply = answer();
	assert_int_equal(reply->hdr.request, msg.hdr.request);
	assert_int_equal(reply->hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	assert_int_equal(reply->hdr.size, sizeof(reply->u64));
	assert_int_equal(reply->u64, value);
	expect_connected();
}

void
expect_connected(void)
{
	struct vhr_status status;

	vhr_status(session, &status);
	if (!status.connected)
		fail_msg("not connected: %s", vhr_last_error(session));
	assert_int_equal(rec.connected, true);
}

void
expect_dropped(const char *why)
{
	struct vhr_status status;
	unsigned int i;

	vhr_status(session, &status);
	assert_false(status.connected);
	assert_int_equal(rec.connected, false);
	assert_int_equal(status.rings_started, 0);
	assert_int_equal(status.rings_ready, 0);
	assert_int_equal(status.regions, 0);
	assert_int_equal(status.features, 0);
	assert_int_equal(status.protocol_features, 0);
	for (i = 0; i < RINGS; i++)
		assert_false(rec.ready[i]);
	if (strstr(vhr_last_error(session), why) == NULL)
		fail_msg("\"%s\" says nothing of \"%s\"", vhr_last_error(session), why);
	/* The next one is welcome. */
	assert_int_equal(fake.status, VVU_STATUS_BACKEND_UP);
}

void
give_illegal(struct vhu_msg msg, const char *why)
{
	unsigned int downs = fake.downs;

	no_answer();
	give(msg);
	expect_dropped(why);
	assert_int_equal(fake.downs, downs + 1);
	no_answer();
}

void
start_ring(unsigned int i)
{
	give(request_state(VHU_SET_VRING_NUM, i, RING_NUM));
	give(request_state(VHU_SET_VRING_BASE, i, 0));
	give(request_addr(i));
	give(request_u64(VHU_SET_VRING_KICK, i));
	give(request_u64(VHU_SET_VRING_CALL, i));
	give(request_state(VHU_SET_VRING_ENABLE, i, 1));
	expect_connected();
	assert_true(vhr_ring(session, i)->ready);
	assert_true(rec.ready[i]);
}

struct vhr_ring *
data_lock(unsigned int i)
{
	ring_lock(&rec, i);
	return vhr_ring(session, i);
}

void
data_unlock(unsigned int i)
{
	ring_unlock(&rec, i);
}

void
set_used_idx(unsigned int i, uint16_t idx)
{
	uint16_t le = htole16(idx);

	memcpy(fake.window + RING_OFFSET(i) + USED_OFFSET + 2, &le, sizeof(le));
}
