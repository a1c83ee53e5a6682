/* SPDX-License-Identifier: BSD-3-Clause */
/* The recording host, set-up and teardown. */
#include "fixture.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void record(struct fixture *f, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void record(struct fixture *f, const char *fmt, ...)
{
	va_list args;

	assert_true(f->nops < MAX_OPS);
	va_start(args, fmt);
	vsnprintf(f->ops[f->nops++], sizeof(f->ops[0]), fmt, args);
	va_end(args);
}

static void assert_open(int fd)
{
	assert_true(fcntl(fd, F_GETFD) >= 0);
}

static void host_begin(void *host)
{
	struct fixture *f = host;

	assert_false(f->changing);
	f->changing = true;
	record(f, "begin");
}

static void host_commit(void *host)
{
	struct fixture *f = host;

	assert_true(f->changing);
	f->changing = false;
	record(f, "commit");
}

static int host_map(void *host, const struct vvu_mapping *m)
{
	struct fixture *f = host;
	const struct vvu_range *range = vvu_layout_shm(&f->config.layout, m->shmid);
	unsigned int i;

	assert_true(f->changing);
	assert_open(m->fd);
	assert_non_null(range);
	assert_true(m->length != 0 && m->length % 4096 == 0);
	assert_true(m->offset % 4096 == 0 && m->fd_offset % 4096 == 0);
	assert_true(m->offset <= range->length && m->length <= range->length - m->offset);
	for (i = 0; i < f->nmaps; i++)
		assert_false(f->maps[i].shmid == m->shmid &&
			     f->maps[i].offset < m->offset + m->length &&
			     m->offset < f->maps[i].offset + f->maps[i].length);
	if (f->map_error_at > 0 && --f->map_error_at == 0) {
		record(f, "map failed");
		return -ENOMEM;
	}
	record(f, "map %u 0x%llx+0x%llx from 0x%llx", m->shmid, (unsigned long long)m->offset,
	       (unsigned long long)m->length, (unsigned long long)m->fd_offset);
	f->maps[f->nmaps++] = *m;
	return 0;
}

static void host_unmap(void *host, const struct vvu_mapping *m)
{
	struct fixture *f = host;
	unsigned int i;

	assert_true(f->changing);
	for (i = 0; i < f->nmaps; i++)
		if (f->maps[i].shmid == m->shmid && f->maps[i].offset == m->offset &&
		    f->maps[i].length == m->length)
			break;
	assert_true(i < f->nmaps);
	f->maps[i] = f->maps[--f->nmaps];
	record(f, "unmap %u 0x%llx+0x%llx", m->shmid, (unsigned long long)m->offset,
	       (unsigned long long)m->length);
}

static int host_kick_set(void *host, unsigned int queue, int fd)
{
	struct fixture *f = host;

	assert_true(queue < f->config.max_vhost_queues);
	if (f->kicks[queue] >= 0)
		assert_open(f->kicks[queue]);
	if (fd >= 0)
		assert_open(fd);
	if (f->kick_error != 0 && fd >= 0)
		return f->kick_error;
	f->kicks[queue] = fd;
	record(f, "kick %u %s", queue, fd >= 0 ? "on" : "off");
	return 0;
}

static int host_doorbell_set(void *host, unsigned int index, int fd)
{
	struct fixture *f = host;

	assert_true(index < VVU_NUM_DOORBELLS(f->config.max_vhost_queues));
	if (f->doorbells[index] >= 0)
		assert_open(f->doorbells[index]);
	if (fd >= 0)
		assert_open(fd);
	f->doorbells[index] = fd;
	record(f, "doorbell %u %s", index, fd >= 0 ? "on" : "off");
	return 0;
}

/* A message whose id both spaces have is told apart by the reply flag (device contract). */
static int host_rxq_put(void *host, const void *buf, size_t len)
{
	struct fixture *f = host;
	struct vhu_reason reason;
	enum vhu_space space;
	uint32_t flags;
	bool reply;

	memcpy(&flags, (const uint8_t *)buf + 4, sizeof(flags));
	reply = le32toh(flags) & VHU_FLAG_REPLY;
	space = reply ? VHU_SPACE_BACKEND : VHU_SPACE_FRONTEND;
	assert_true(f->nrxq < MAX_MESSAGES);
	assert_int_equal(vhu_decode(VHU_ORDER_LE, space, reply, buf, len, &f->rxq[f->nrxq],
				    &reason),
			 0);
	if (f->rxq_error != 0)
		return f->rxq_error;
	if (f->rxq_buffers == 0)
		return -EAGAIN;
	f->rxq_buffers--;
	record(f, "rxq %s", vhu_message_name(space, f->rxq[f->nrxq].hdr.request));
	f->nrxq++;
	return 0;
}

static int host_frontend_send(void *host, const void *buf, size_t len, const int *fds,
			      unsigned int nfds)
{
	struct fixture *f = host;
	struct vhu_reason reason;

	assert_true(f->nsent < MAX_MESSAGES);
	assert_true(nfds <= 1);
	assert_int_equal(vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_FRONTEND, true, buf, len,
				    &f->sent[f->nsent], &reason),
			 0);
	assert_int_equal(f->sent[f->nsent].hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	if (f->send_error != 0)
		return f->send_error;
	if (f->sent_fd >= 0)
		close(f->sent_fd);
	f->sent_fd = nfds != 0 ? dup(fds[0]) : -1;
	record(f, "send %s fds=%u",
	       vhu_message_name(VHU_SPACE_FRONTEND, f->sent[f->nsent].hdr.request), nfds);
	f->nsent++;
	return 0;
}

static void host_frontend_close(void *host)
{
	struct fixture *f = host;

	f->closes++;
	record(f, "close");
}

static int host_channel_set(void *host, int fd)
{
	struct fixture *f = host;

	if (f->channel_fd >= 0)
		assert_open(f->channel_fd);
	if (fd >= 0)
		assert_open(fd);
	f->channel_fd = fd;
	record(f, "channel %s", fd >= 0 ? "on" : "off");
	return 0;
}

static int host_channel_send(void *host, const void *buf, size_t len)
{
	struct fixture *f = host;
	struct vhu_reason reason;

	assert_true(f->channel_fd >= 0);
	if (f->channel_error != 0)
		return f->channel_error;
	assert_true(f->nchannel < MAX_MESSAGES);
	assert_int_equal(vhu_decode(VHU_ORDER_NATIVE, VHU_SPACE_BACKEND, false, buf, len,
				    &f->channel[f->nchannel], &reason),
			 0);
	record(f, "channel send %s",
	       vhu_message_name(VHU_SPACE_BACKEND, f->channel[f->nchannel].hdr.request));
	f->nchannel++;
	return 0;
}

static void host_config_changed(void *host)
{
	struct fixture *f = host;

	f->config_changes++;
	record(f, "config changed");
}

static void host_needs_reset(void *host)
{
	struct fixture *f = host;

	f->needs_resets++;
	record(f, "needs reset");
}

static void host_log(void *host, enum vvu_log_level level, const char *text)
{
	struct fixture *f = host;

	if (level == VVU_LOG_WARNING)
		snprintf(f->last_warning, sizeof(f->last_warning), "%s", text);
}

static const struct vvu_host_ops host_ops = {
	.window_begin = host_begin,
	.window_commit = host_commit,
	.window_map = host_map,
	.window_unmap = host_unmap,
	.kick_set = host_kick_set,
	.doorbell_set = host_doorbell_set,
	.rxq_put = host_rxq_put,
	.frontend_send = host_frontend_send,
	.frontend_close = host_frontend_close,
	.channel_set = host_channel_set,
	.channel_send = host_channel_send,
	.config_changed = host_config_changed,
	.needs_reset = host_needs_reset,
	.log = host_log,
};

unsigned int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void create(struct fixture *f)
{
	struct vhu_reason reason;

	assert_int_equal(vvu_device_create(&f->config, &host_ops, f, &f->device, &reason), 0);
}

void fixture_recreate(struct fixture *f)
{
	vvu_device_destroy(f->device);
	create(f);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct vhu_reason reason;
	unsigned int i;

	assert_non_null(f);
	f->descriptors = count_descriptors();
	f->sent_fd = -1;
	f->channel_fd = -1;
	f->rxq_buffers = MAX_MESSAGES;
	for (i = 0; i < VHU_MAX_VRINGS; i++)
		f->kicks[i] = -1;
	for (i = 0; i < 2 * VHU_MAX_VRINGS + 1; i++)
		f->doorbells[i] = -1;
	f->config.max_vhost_queues = FIXTURE_QUEUES;
	assert_int_equal(vvu_layout_init(&f->config.layout, FIXTURE_BAR, FIXTURE_QUEUES, false,
					 &reason),
			 0);
	create(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	unsigned int i;

	vvu_device_destroy(f->device);
	assert_int_equal(f->nmaps, 0);
	assert_false(f->changing);
	assert_int_equal(f->channel_fd, -1);
	for (i = 0; i < VHU_MAX_VRINGS; i++)
		assert_int_equal(f->kicks[i], -1);
	for (i = 0; i < 2 * VHU_MAX_VRINGS + 1; i++)
		assert_int_equal(f->doorbells[i], -1);
	if (f->sent_fd >= 0)
		close(f->sent_fd);
	assert_int_equal(count_descriptors(), f->descriptors);
	free(f);
	return 0;
}
