/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/virtio_ring.h>

#include "../../embedded/raw_frontend.h"

#include "frontend.h"

#define MEMORY_UVA	0x7f1200000000ull
#define RING_BYTES	0x4000u
#define AVAIL_OFFSET	0x1000u
#define USED_OFFSET	0x2000u

#define PROTOCOL_FEATURES \
	(1ull << VHU_PROTOCOL_F_MQ | 1ull << VHU_PROTOCOL_F_REPLY_ACK | \
	 1ull << VHU_PROTOCOL_F_BACKEND_REQ | 1ull << VHU_PROTOCOL_F_CONFIG | \
	 1ull << VHU_PROTOCOL_F_RESET_DEVICE | 1ull << VHU_PROTOCOL_F_STATUS | \
	 1ull << VHU_PROTOCOL_F_INFLIGHT_SHMFD)

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

void
wait_until(bool (*condition)(void *arg), void *arg)
{
	int64_t deadline = now_ms() + FE_TIMEOUT_MS;

	while (!condition(arg)) {
		if (now_ms() >= deadline)
			fail_msg("condition did not come true within %d ms", FE_TIMEOUT_MS);
		usleep(200);
	}
}

bool
frontend_answered(struct frontend *fe, int ms)
{
	struct pollfd fd = { .fd = fe->sock, .events = POLLIN };

	return poll(&fd, 1, ms) == 1;
}

void
frontend_send(struct frontend *fe, uint32_t id, const void *payload, uint32_t size, int fd)
{
	uint32_t flags = VHU_VERSION | (fe->reply_ack ? VHU_FLAG_NEED_REPLY : 0);

	fe_send(fe->sock, id, flags, payload, size, &fd, fd >= 0);
}

uint32_t
frontend_receive(struct frontend *fe, uint32_t id, void *payload, size_t room)
{
	struct vhu_header hdr;

	if (!frontend_answered(fe, FE_TIMEOUT_MS))
		fail_msg("no answer to %s", vhu_message_name(VHU_SPACE_FRONTEND, id));
	if (recv(fe->sock, &hdr, sizeof(hdr), MSG_WAITALL) != sizeof(hdr))
		fail_msg("%s: connection closed", vhu_message_name(VHU_SPACE_FRONTEND, id));
	assert_int_equal(hdr.request, id);
	assert_int_equal(hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	assert_true(hdr.size <= room);
	if (hdr.size != 0)
		assert_int_equal(recv(fe->sock, payload, hdr.size, MSG_WAITALL), hdr.size);
	return hdr.size;
}

uint64_t
frontend_ack(struct frontend *fe, uint32_t id)
{
	uint64_t value;

	assert_int_equal(frontend_receive(fe, id, &value, sizeof(value)), sizeof(value));
	return value;
}

uint64_t
frontend_request(struct frontend *fe, uint32_t id, const void *payload, uint32_t size, int fd)
{
	frontend_send(fe, id, payload, size, fd);
	return fe->reply_ack ? frontend_ack(fe, id) : 0;
}

static void
request_ok(struct frontend *fe, uint32_t id, const void *payload, uint32_t size, int fd)
{
	if (frontend_request(fe, id, payload, size, fd) != 0)
		fail_msg("%s was refused", vhu_message_name(VHU_SPACE_FRONTEND, id));
}

static uint64_t
ask(struct frontend *fe, uint32_t id)
{
	frontend_send(fe, id, NULL, 0, -1);
	return frontend_ack(fe, id);
}

void
frontend_set_memory(struct frontend *fe)
{
	struct {
		uint32_t num, padding;
		struct vhu_mem_region region;
	} table = {
		.num = 1,
		.region = {
			.guest_addr = FE_MEMORY_GPA,
			.size = FE_MEMORY_BYTES,
			.user_addr = MEMORY_UVA,
		},
	};

	request_ok(fe, VHU_SET_MEM_TABLE, &table, sizeof(table), fe->memory_fd);
}

void
frontend_open(struct frontend *fe, const char *path, uint64_t features)
{
	const uint64_t base = 1ull << VHU_VIRTIO_F_VERSION_1 | 1ull << VHU_F_PROTOCOL_FEATURES;
	uint64_t offered, protocol = PROTOCOL_FEATURES;
	unsigned int i;

	memset(fe, 0, sizeof(*fe));
	fe->sock = fe_connect(path);
	fe->memory_fd = fe_memfd(FE_MEMORY_BYTES);
	fe->memory = mmap(NULL, FE_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fe->memory_fd,
			  0);
	assert_ptr_not_equal(fe->memory, MAP_FAILED);
	for (i = 0; i < FE_RINGS; i++) {
		fe->ring[i].base = fe->memory + i * RING_BYTES;
		fe->ring[i].kick_fd = fe_eventfd();
		fe->ring[i].call_fd = fe_eventfd();
	}
	offered = ask(fe, VHU_GET_FEATURES);
	features |= base;
	assert_true((features & ~offered) == 0);
	assert_true((ask(fe, VHU_GET_PROTOCOL_FEATURES) & protocol) == protocol);
	frontend_send(fe, VHU_SET_PROTOCOL_FEATURES, &protocol, sizeof(protocol), -1);
	fe->reply_ack = true;
	request_ok(fe, VHU_SET_OWNER, NULL, 0, -1);
	request_ok(fe, VHU_SET_FEATURES, &features, sizeof(features), -1);
	frontend_set_memory(fe);
}

void
frontend_close(struct frontend *fe)
{
	unsigned int i;

	close(fe->sock);
	for (i = 0; i < FE_RINGS; i++) {
		close(fe->ring[i].kick_fd);
		close(fe->ring[i].call_fd);
	}
	munmap(fe->memory, FE_MEMORY_BYTES);
	close(fe->memory_fd);
}

static bool
is_closed(void *arg)
{
	struct frontend *fe = arg;

	return fe_closed(fe->sock);
}

void
frontend_wait_closed(struct frontend *fe)
{
	wait_until(is_closed, fe);
}

static void
set_state(struct frontend *fe, uint32_t id, unsigned int index, uint32_t num)
{
	struct vhu_vring_state state = { .index = index, .num = num };

	request_ok(fe, id, &state, sizeof(state), -1);
}

static void
clear_ring(struct fe_ring *ring)
{
	memset(ring->base, 0, RING_BYTES);
	ring->next_desc = 0;
	ring->avail = 0;
	ring->used = 0;
}

static void
start_ring(struct frontend *fe, unsigned int index, uint32_t base, bool kicks)
{
	struct fe_ring *ring = &fe->ring[index];
	uint64_t uva = MEMORY_UVA + (uint64_t)(ring->base - fe->memory);
	struct vhu_vring_addr addr = {
		.index = index,
		.desc = uva,
		.avail = uva + AVAIL_OFFSET,
		.used = uva + USED_OFFSET,
	};
	uint64_t fd_index = index, none = index | VHU_VRING_NOFD;

	set_state(fe, VHU_SET_VRING_NUM, index, FE_RING_SIZE);
	set_state(fe, VHU_SET_VRING_BASE, index, base);
	request_ok(fe, VHU_SET_VRING_ADDR, &addr, sizeof(addr), -1);
	request_ok(fe, VHU_SET_VRING_CALL, &fd_index, 8, ring->call_fd);
	if (kicks)
		request_ok(fe, VHU_SET_VRING_KICK, &fd_index, 8, ring->kick_fd);
	else
		request_ok(fe, VHU_SET_VRING_KICK, &none, 8, -1);
	set_state(fe, VHU_SET_VRING_ENABLE, index, 1);
}

void
frontend_start_ring(struct frontend *fe, unsigned int index)
{
	clear_ring(&fe->ring[index]);
	start_ring(fe, index, 0, true);
}

void
frontend_start_ring_polled(struct frontend *fe, unsigned int index)
{
	clear_ring(&fe->ring[index]);
	start_ring(fe, index, 0, false);
}

void
frontend_continue_ring(struct frontend *fe, unsigned int index, uint32_t base)
{
	start_ring(fe, index, base, true);
}

void
frontend_ask_stop(struct frontend *fe, unsigned int index)
{
	struct vhu_vring_state state = { .index = index };

	frontend_send(fe, VHU_GET_VRING_BASE, &state, sizeof(state), -1);
}

uint32_t
frontend_await_stop(struct frontend *fe, unsigned int index)
{
	struct vhu_vring_state state;

	assert_int_equal(frontend_receive(fe, VHU_GET_VRING_BASE, &state, sizeof(state)),
			 sizeof(state));
	assert_int_equal(state.index, index);
	return state.num;
}

uint16_t
frontend_put(struct frontend *fe, unsigned int index, const struct fe_piece *pieces,
	     unsigned int num)
{
	struct fe_ring *ring = &fe->ring[index];
	struct vring_desc *desc = (struct vring_desc *)(void *)ring->base;
	uint16_t *avail = (uint16_t *)(void *)(ring->base + AVAIL_OFFSET);
	uint16_t head = ring->next_desc % FE_RING_SIZE, i;

	for (i = 0; i < num; i++) {
		uint16_t at = (uint16_t)(ring->next_desc + i) % FE_RING_SIZE;

		desc[at] = (struct vring_desc){
			.addr = FE_MEMORY_GPA + pieces[i].offset,
			.len = pieces[i].bytes,
			.flags = (uint16_t)((pieces[i].writable ? VRING_DESC_F_WRITE : 0) |
					    (i + 1u < num ? VRING_DESC_F_NEXT : 0)),
			.next = (uint16_t)(at + 1) % FE_RING_SIZE,
		};
	}
	ring->next_desc = (uint16_t)(ring->next_desc + num);
	avail[2 + ring->avail % FE_RING_SIZE] = head;
	ring->avail++;
	__atomic_store_n(&avail[1], ring->avail, __ATOMIC_RELEASE);
	return head;
}

void
frontend_kick(struct frontend *fe, unsigned int index)
{
	uint64_t one = 1;

	assert_int_equal(write(fe->ring[index].kick_fd, &one, sizeof(one)), sizeof(one));
}

uint16_t
frontend_put_simple(struct frontend *fe, unsigned int index)
{
	uint32_t at = FE_DATA + index * 0x10000 + (fe->ring[index].avail % FE_RING_SIZE) * 64u;
	const struct fe_piece pieces[] = {
		{ .offset = at, .bytes = 16 },
		{ .offset = at + 32, .bytes = 16, .writable = true },
	};
	uint16_t head = frontend_put(fe, index, pieces, 2);

	frontend_kick(fe, index);
	return head;
}

uint16_t
frontend_used_idx(const struct frontend *fe, unsigned int index)
{
	const uint16_t *used = (const uint16_t *)(const void *)(fe->ring[index].base + USED_OFFSET);

	return __atomic_load_n(&used[1], __ATOMIC_ACQUIRE);
}

struct used_wait {
	const struct frontend *fe;
	unsigned int index;
	uint16_t count;
};

static bool
enough_used(void *arg)
{
	const struct used_wait *w = arg;

	return frontend_used_idx(w->fe, w->index) == w->count;
}

void
frontend_wait_used(struct frontend *fe, unsigned int index, uint16_t count)
{
	struct used_wait w = { .fe = fe, .index = index, .count = count };

	wait_until(enough_used, &w);
}

void
frontend_used(const struct frontend *fe, unsigned int index, uint16_t n, uint32_t *head,
	      uint32_t *bytes)
{
	const struct vring_used *used =
		(const struct vring_used *)(const void *)(fe->ring[index].base + USED_OFFSET);

	*head = used->ring[n % FE_RING_SIZE].id;
	*bytes = used->ring[n % FE_RING_SIZE].len;
}
