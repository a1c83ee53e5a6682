/* SPDX-License-Identifier: BSD-3-Clause */
#include "mini_driver.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define DESC_F_WRITE 2u

void mini_path(char path[108])
{
	static unsigned int serial;

	snprintf(path, 108, "/tmp/vvu-test-%d-%u.sock", getpid(), serial++);
}

static void log_to_buffer(void *ctx, enum vvu_log_level level, const char *text)
{
	struct mini_driver *mini = ctx;
	size_t used = strlen(mini->log);

	if (level <= VVU_LOG_INFO)
		snprintf(mini->log + used, sizeof(mini->log) - used, "%s\n", text);
}

struct vvu_emb_config mini_config(struct mini_driver *mini)
{
	memset(mini, 0, sizeof(*mini));
	mini_path(mini->path);
	return (struct vvu_emb_config){
		.socket_path = mini->path,
		.bar_size = 64u << 20,
		.max_vhost_queues = MINI_QUEUES,
		.log = log_to_buffer,
		.log_ctx = mini,
	};
}

void mini_create_with(struct mini_driver *mini, const struct vvu_emb_config *config)
{
	struct vhu_reason reason = { "" };
	int err = vvu_emb_create(config, &mini->emb, &reason);

	if (err < 0)
		fail_msg("vvu_emb_create: %s (%s)", strerror(-err), reason.text);
	mini->dma = mmap(NULL, MINI_DMA_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(mini->dma != MAP_FAILED);
	assert_int_equal(vvu_emb_dma_map(mini->emb, MINI_IOVA, mini->dma, MINI_DMA_BYTES), 0);
	mini_find_caps(mini);
}

void mini_create(struct mini_driver *mini)
{
	struct vvu_emb_config config = mini_config(mini);

	mini_create_with(mini, &config);
}

void mini_destroy(struct mini_driver *mini)
{
	vvu_emb_destroy(mini->emb);
	munmap(mini->dma, MINI_DMA_BYTES);
}

uint32_t mini_cfg(struct mini_driver *mini, uint32_t offset, unsigned int width)
{
	uint8_t bytes[4] = { 0 };

	assert_int_equal(vvu_emb_cfg_read(mini->emb, offset, bytes, width), 0);
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void mini_set_cfg(struct mini_driver *mini, uint32_t offset, unsigned int width, uint32_t value)
{
	uint8_t bytes[4] = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
			     (uint8_t)(value >> 24) };

	assert_int_equal(vvu_emb_cfg_write(mini->emb, offset, bytes, width), 0);
}

void mini_find_caps(struct mini_driver *mini)
{
	unsigned int at = mini_cfg(mini, 0x34, 1);

	for (unsigned int n = 0; at != 0; at = mini_cfg(mini, at + 1, 1)) {
		struct mini_cap cap = { .present = true, .at = at };
		uint32_t type;

		assert_true(n++ < 20 && at >= 0x40 && at % 4 == 0);
		if (mini_cfg(mini, at, 1) == 0x11) {
			cap.length = 12;
			cap.bar = mini_cfg(mini, at + 4, 4) & 7;
			cap.offset = mini_cfg(mini, at + 4, 4) & ~7u;
			cap.extra = mini_cfg(mini, at + 8, 4) & ~7u;
			cap.size = vvu_emb_bar_size(mini->emb, cap.bar);
			mini->msix = cap;
			continue;
		}
		assert_int_equal(mini_cfg(mini, at, 1), 0x09);
		cap.length = mini_cfg(mini, at + 2, 1);
		type = mini_cfg(mini, at + 3, 1);
		cap.bar = mini_cfg(mini, at + 4, 1);
		cap.offset = mini_cfg(mini, at + 8, 4);
		cap.size = mini_cfg(mini, at + 12, 4);
		assert_true(at + cap.length <= 256);
		if (cap.length >= 20)
			cap.extra = mini_cfg(mini, at + 16, 4);
		if (type == VVU_CAP_SHARED_MEMORY) {
			unsigned int shmid = mini_cfg(mini, at + 5, 1);

			assert_int_equal(cap.length, 24);
			assert_in_range(shmid, 1, 3);
			cap.offset |= (uint64_t)cap.extra << 32;
			cap.size |= (uint64_t)mini_cfg(mini, at + 20, 4) << 32;
			mini->shm[shmid] = cap;
		} else {
			assert_in_range(type, 1, 7);
			mini->cap[type] = cap;
		}
	}
}

uint64_t mini_read(struct mini_driver *mini, const struct mini_cap *cap, uint64_t offset,
		   unsigned int width)
{
	uint64_t value;

	assert_true(cap->present);
	assert_int_equal(vvu_emb_bar_read(mini->emb, cap->bar, cap->offset + offset, width,
					  &value),
			 0);
	return value;
}

void mini_write(struct mini_driver *mini, const struct mini_cap *cap, uint64_t offset,
		unsigned int width, uint64_t value)
{
	assert_true(cap->present);
	assert_int_equal(vvu_emb_bar_write(mini->emb, cap->bar, cap->offset + offset, width,
					   value),
			 0);
}

uint64_t mini_common(struct mini_driver *mini, uint64_t offset, unsigned int width)
{
	return mini_read(mini, &mini->cap[1], offset, width);
}

void mini_set_common(struct mini_driver *mini, uint64_t offset, unsigned int width,
		     uint64_t value)
{
	mini_write(mini, &mini->cap[1], offset, width, value);
}

uint8_t mini_device_status(struct mini_driver *mini)
{
	return (uint8_t)mini_common(mini, 20, 1);
}

void mini_reset(struct mini_driver *mini)
{
	mini_set_common(mini, 20, 1, 0);
	assert_int_equal(mini_device_status(mini), 0);
	memset(mini->queue, 0, sizeof(mini->queue));
	memset(mini->dma, 0, MINI_DMA_BYTES);
}

void mini_features_ok(struct mini_driver *mini)
{
	mini_set_common(mini, 20, 1, 1);
	mini_set_common(mini, 20, 1, 1 | 2);
	for (unsigned int select = 0; select < 2; select++) {
		mini_set_common(mini, 0, 4, select);
		mini_set_common(mini, 8, 4, select);
		mini_set_common(mini, 12, 4, mini_common(mini, 4, 4));
	}
	mini_set_common(mini, 20, 1, 1 | 2 | 8);
	assert_int_equal(mini_device_status(mini), 1 | 2 | 8);
}

void mini_enable_msix(struct mini_driver *mini)
{
	unsigned int vectors = (mini_cfg(mini, mini->msix.at + 2, 2) & 0x7ff) + 1;

	for (unsigned int i = 0; i < vectors; i++)
		mini_write(mini, &mini->msix, 16 * i + 12, 4, 0);
	mini_set_cfg(mini, mini->msix.at + 2, 2, 0x8000);
}

void mini_setup_queue(struct mini_driver *mini, unsigned int index, uint16_t vector)
{
	struct mini_queue *queue = &mini->queue[index];
	uint64_t at = index * 0x10000u;

	memset(queue, 0, sizeof(*queue));
	queue->iova = MINI_IOVA + at;
	queue->desc = (struct mini_desc *)(mini->dma + at);
	queue->avail = (uint16_t *)(mini->dma + at + 0x1000);
	queue->used = mini->dma + at + 0x2000;
	queue->buffers = MINI_IOVA + 0x100000 + index * 0x80000;

	mini_set_common(mini, 22, 2, index);
	mini_set_common(mini, 24, 2, MINI_QUEUE_SIZE);
	mini_set_common(mini, 26, 2, vector);
	mini_set_common(mini, 32, 4, (uint32_t)queue->iova);
	mini_set_common(mini, 36, 4, queue->iova >> 32);
	mini_set_common(mini, 40, 4, (uint32_t)(queue->iova + 0x1000));
	mini_set_common(mini, 44, 4, (queue->iova + 0x1000) >> 32);
	mini_set_common(mini, 48, 4, (uint32_t)(queue->iova + 0x2000));
	mini_set_common(mini, 52, 4, (queue->iova + 0x2000) >> 32);
	mini_set_common(mini, 28, 2, 1);
}

void mini_make_available(struct mini_driver *mini, unsigned int index, uint16_t head)
{
	struct mini_queue *queue = &mini->queue[index];
	uint16_t idx = le16toh(queue->avail[1]);

	queue->avail[2 + idx % MINI_QUEUE_SIZE] = htole16(head);
	__atomic_store_n(&queue->avail[1], htole16(idx + 1), __ATOMIC_RELEASE);
}

static void post_buffer(struct mini_driver *mini, uint16_t i)
{
	struct mini_queue *queue = &mini->queue[VVU_RXQ];

	queue->desc[i] = (struct mini_desc){
		.addr = htole64(queue->buffers + i * MINI_BUFFER_SIZE),
		.len = htole32(MINI_BUFFER_SIZE),
		.flags = htole16(DESC_F_WRITE),
	};
	mini_make_available(mini, VVU_RXQ, i);
}

void mini_post_rxq(struct mini_driver *mini, unsigned int buffers)
{
	for (unsigned int i = 0; i < buffers; i++)
		post_buffer(mini, (uint16_t)i);
}

void mini_start(struct mini_driver *mini)
{
	mini_reset(mini);
	mini_features_ok(mini);
	mini_enable_msix(mini);
	mini_set_common(mini, 16, 2, MINI_VEC_CONFIG);
	mini_setup_queue(mini, VVU_RXQ, MINI_VEC_RXQ);
	mini_setup_queue(mini, VVU_TXQ, MINI_VEC_TXQ);
	mini_post_rxq(mini, MINI_BUFFERS);
	mini_set_common(mini, 20, 1, 1 | 2 | 8 | 4);
	assert_int_equal(mini_device_status(mini), 1 | 2 | 8 | 4);
	mini_run(mini);
}

uint32_t mini_status(struct mini_driver *mini)
{
	return (uint32_t)mini_read(mini, &mini->cap[4], VVU_CONFIG_STATUS, 4);
}

void mini_backend_up(struct mini_driver *mini, bool up)
{
	mini_write(mini, &mini->cap[4], VVU_CONFIG_STATUS, 4, up ? VVU_STATUS_BACKEND_UP : 0);
}

uint16_t mini_bind_kick(struct mini_driver *mini, uint16_t queue, uint16_t vector)
{
	mini_write(mini, &mini->cap[VVU_CAP_KICK_VECTOR], VVU_KICK_SELECT, 2, queue);
	mini_write(mini, &mini->cap[VVU_CAP_KICK_VECTOR], VVU_KICK_VECTOR, 2, vector);
	return (uint16_t)mini_read(mini, &mini->cap[VVU_CAP_KICK_VECTOR], VVU_KICK_VECTOR, 2);
}

void mini_ring(struct mini_driver *mini, unsigned int doorbell)
{
	const struct mini_cap *cap = &mini->cap[VVU_CAP_DOORBELL];

	mini_write(mini, cap, (uint64_t)doorbell * cap->extra, 2, doorbell);
}

void mini_run(struct mini_driver *mini)
{
	for (unsigned int i = 0; i < 10000; i++) {
		int handled = vvu_emb_run(mini->emb);

		assert_true(handled >= 0);
		if (handled == 0)
			return;
	}
	fail_msg("vvu_emb_run() always has something to do");
}

void mini_wait(struct mini_driver *mini, int ms)
{
	struct pollfd pfd = { .fd = vvu_emb_poll_fd(mini->emb), .events = POLLIN };

	poll(&pfd, 1, ms);
	mini_run(mini);
}

void mini_notify(struct mini_driver *mini, unsigned int queue)
{
	const struct mini_cap *cap = &mini->cap[2];

	mini_set_common(mini, 22, 2, queue);
	mini_write(mini, cap, mini_common(mini, 30, 2) * cap->extra, 2, queue);
}

static uint16_t used_idx(const struct mini_queue *queue)
{
	return le16toh(__atomic_load_n((uint16_t *)(queue->used + 2), __ATOMIC_ACQUIRE));
}

unsigned int mini_used(struct mini_driver *mini, unsigned int queue)
{
	return (uint16_t)(used_idx(&mini->queue[queue]) - mini->queue[queue].next_used);
}

/* Take the next used entry. */
static void next_used(struct mini_queue *queue, uint32_t *id, uint32_t *len)
{
	const uint32_t *elem =
		(const uint32_t *)(queue->used + 4 + 8 * (queue->next_used % MINI_QUEUE_SIZE));

	*id = le32toh(elem[0]);
	*len = le32toh(elem[1]);
	queue->next_used++;
	assert_true(*id < MINI_QUEUE_SIZE);
}

size_t mini_receive(struct mini_driver *mini, void *buf, size_t cap)
{
	struct mini_queue *queue = &mini->queue[VVU_RXQ];
	uint32_t id, len;

	if (mini_used(mini, VVU_RXQ) == 0)
		return 0;
	next_used(queue, &id, &len);
	assert_true(len <= MINI_BUFFER_SIZE && len <= cap);
	memcpy(buf, mini->dma + (queue->buffers - MINI_IOVA) + id * MINI_BUFFER_SIZE, len);
	post_buffer(mini, (uint16_t)id);
	mini_notify(mini, VVU_RXQ);
	return len;
}

void mini_send(struct mini_driver *mini, const void *msg, size_t len, bool notify)
{
	struct mini_queue *queue = &mini->queue[VVU_TXQ];
	uint16_t i = 0;

	while (mini_used(mini, VVU_TXQ) > 0) {
		uint32_t id, zero;

		next_used(queue, &id, &zero);
		assert_true(id < MINI_BUFFERS);
		queue->busy[id] = false;
	}
	while (i < MINI_BUFFERS && queue->busy[i])
		i++;
	assert_true(i < MINI_BUFFERS && len <= MINI_BUFFER_SIZE);
	queue->busy[i] = true;
	memcpy(mini->dma + (queue->buffers - MINI_IOVA) + i * MINI_BUFFER_SIZE, msg, len);
	queue->desc[i] = (struct mini_desc){
		.addr = htole64(queue->buffers + i * MINI_BUFFER_SIZE),
		.len = htole32((uint32_t)len),
	};
	mini_make_available(mini, VVU_TXQ, i);
	if (notify) {
		mini_notify(mini, VVU_TXQ);
		mini_run(mini);
	}
}

uint64_t mini_eventfd(int fd)
{
	uint64_t count = 0;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	if (poll(&pfd, 1, 0) != 1)
		return 0;
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

uint64_t mini_irq(struct mini_driver *mini, unsigned int vector)
{
	int fd = vvu_emb_irq_fd(mini->emb, vector);

	assert_true(fd >= 0);
	return mini_eventfd(fd);
}
