/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/clock.h"
#include "load.h"

/* How often peers are looked at while the rings are polled. */
#define CHECK_NS	10000000u
#define CHECK_ROUNDS	256u
#define SLEEP_MS	100
#define STATUS_UNSET	0xff
/* What a buffer holds before a read that is checked. */
#define STALE_BYTE	0xa5

int load_fail(struct load *load, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(load->reason.text, sizeof(load->reason.text), fmt, args);
	va_end(args);
	return error;
}

static unsigned int lane_index(const struct lane *lane)
{
	return (unsigned int)(lane - lane->disk->lane);
}

static uint64_t disk_offset(const struct load *load, const struct lane *lane,
			    const struct io *io)
{
	return (lane->disk->device.first + io->block) * load->options->block_bytes;
}

/* A request that went wrong: it is counted, and the first one is told about. */
static void note_error(struct load *load, const struct lane *lane, const struct io *io,
		       const char *what)
{
	static const char *const kinds[] = { [IO_READ] = "read", [IO_WRITE] = "write",
					     [IO_FLUSH] = "flush" };

	if (!load->first_error[0])
		snprintf(load->first_error, sizeof(load->first_error), "%s at %llu on disk %u: %s",
			 kinds[io->kind],
			 io->kind == IO_FLUSH ? 0ull :
			 (unsigned long long)disk_offset(load, lane, io),
			 (unsigned int)(lane->disk - load->disk), what);
}

static void add_data(const struct load *load, const struct lane *lane, const struct io *io,
		     struct vq_buffer *buffer, unsigned int *buffers)
{
	uint64_t bytes = load->options->block_bytes, step = load->options->segment_bytes;

	if (!step || step > bytes)
		step = bytes;
	for (uint64_t at = 0; at < bytes; at += step)
		buffer[(*buffers)++] = (struct vq_buffer){
			io->data + at, (uint32_t)(at + step > bytes ? bytes - at : step),
			io->kind == IO_READ,
		};
}

static void prepare_verify(struct load *load, struct lane *lane, struct io *io)
{
	struct blocks *blocks = &lane->disk->blocks;
	size_t bytes = load->options->block_bytes;

	blocks->busy[io->block] = true;
	if (io->kind == IO_READ) {
		io->generation = blocks->generation[io->block];
		/* What an earlier request left in the buffer may be just the right data. */
		memset(io->data, STALE_BYTE, bytes);
		return;
	}
	io->generation = blocks_next_generation(blocks);
	pattern_fill(io->data, bytes, disk_offset(load, lane, io), io->generation,
		     load->options->seed);
}

static void add(struct load *load, struct lane *lane, unsigned int slot)
{
	static const uint32_t types[] = { [IO_READ] = VIRTIO_BLK_T_IN,
					  [IO_WRITE] = VIRTIO_BLK_T_OUT,
					  [IO_FLUSH] = VIRTIO_BLK_T_FLUSH };
	struct vq_buffer buffer[2 + SEGMENTS_MAX];
	struct io *io = &lane->io[slot];
	unsigned int buffers = 0;

	io->header->type = htole32(types[io->kind]);
	io->header->ioprio = 0;
	io->header->sector = htole64(io->kind == IO_FLUSH ? 0 :
				     disk_offset(load, lane, io) / SECTOR_BYTES);
	*io->status = STATUS_UNSET;
	buffer[buffers++] = (struct vq_buffer){ io->header, sizeof(*io->header), false };
	if (io->kind != IO_FLUSH) {
		if (load->options->verify)
			prepare_verify(load, lane, io);
		add_data(load, lane, io, buffer, &buffers);
	}
	buffer[buffers++] = (struct vq_buffer){ io->status, 1, true };
	lane->vq.ops->add(&lane->vq, slot, buffer, buffers);
}

/* Fill the lane. */
static int lane_submit(struct load *load, struct lane *lane)
{
	unsigned int first = lane->free_num;
	uint64_t now_ns, one = 1;

	while (lane->free_num > 0 &&
	       load->phase->next(load, lane, &lane->io[lane->free[lane->free_num - 1]]))
		add(load, lane, lane->free[--lane->free_num]);
	if (lane->free_num == first)
		return 0;
	load->in_flight += first - lane->free_num;
	/* The clock is read before the device can see them: no time is left out. */
	now_ns = clock_ns();
	for (unsigned int i = lane->free_num; i < first; i++)
		lane->io[lane->free[i]].shown_ns = now_ns;
	if (lane->vq.in_flight == first - lane->free_num)
		lane->progress_ns = now_ns;	/* it was idle */
	if (!lane->vq.ops->publish(&lane->vq))
		return 0;
	load->kicks += load->phase->measured;
	if (write(lane->kick_fd, &one, sizeof(one)) < 0)
		return load_fail(load, -errno, "kick of ring %u: %s", lane_index(lane),
				 strerror(errno));
	return 0;
}

static void check_data(struct load *load, const struct lane *lane, const struct io *io)
{
	size_t bytes = load->options->block_bytes, at;
	char what[64];

	if (!io->generation)
		return;
	load->checked_blocks++;
	at = pattern_check(io->data, bytes, disk_offset(load, lane, io), io->generation,
			   load->options->seed);
	if (at == bytes)
		return;
	load->wrong_blocks++;
	snprintf(what, sizeof(what), "not what was written, from byte %zu on", at);
	note_error(load, lane, io, what);
}

static void complete(struct load *load, struct lane *lane, unsigned int slot, uint64_t now_ns)
{
	struct io *io = &lane->io[slot];
	uint8_t status = __atomic_load_n(io->status, __ATOMIC_RELAXED);
	char what[32];

	if (status != VIRTIO_BLK_S_OK) {
		load->failed++;
		snprintf(what, sizeof(what), "status %u", status);
		note_error(load, lane, io, what);
	}
	if (load->options->verify && io->kind != IO_FLUSH) {
		struct blocks *blocks = &lane->disk->blocks;

		blocks->busy[io->block] = false;
		if (io->kind == IO_WRITE)
			blocks->generation[io->block] =
				status == VIRTIO_BLK_S_OK ? io->generation : 0;
		else if (status == VIRTIO_BLK_S_OK)
			check_data(load, lane, io);
	}
	if (load->phase->measured && status == VIRTIO_BLK_S_OK && now_ns >= load->begin_ns &&
	    now_ns < load->end_ns) {
		struct tally *tally = &load->tally[io->kind];

		if (!tally->latency.count || now_ns - io->shown_ns < tally->least_ns)
			tally->least_ns = now_ns - io->shown_ns;
		histogram_add(&tally->latency, now_ns - io->shown_ns);
		if (io->kind != IO_FLUSH)
			tally->bytes += load->options->block_bytes;
		lane->disk->measured++;
	}
}

/* Take what is done and put as much back. How many were done. */
static int lane_round(struct load *load, struct lane *lane)
{
	int done = lane->vq.ops->reap(&lane->vq, lane->done, (unsigned int)load->options->depth);
	uint64_t now_ns;
	int ret;

	if (done < 0)
		return load_fail(load, done, "ring %u of %s: %s", lane_index(lane),
				 lane->disk->device.path, lane->vq.reason.text);
	if (done == 0)
		return 0;
	/* After they were seen, and once for all that were seen together. */
	now_ns = clock_ns();
	for (int i = 0; i < done; i++) {
		complete(load, lane, lane->done[i], now_ns);
		lane->free[lane->free_num++] = lane->done[i];
	}
	load->in_flight -= (unsigned int)done;
	lane->progress_ns = load->last_ns = now_ns;
	if (now_ns >= load->end_ns)
		load->stopping = true;
	ret = lane_submit(load, lane);
	return ret ? ret : done;
}

static int all_lanes(struct load *load, int (*fn)(struct load *load, struct lane *lane))
{
	int ret, sum = 0;

	for (unsigned int d = 0; d < load->options->devices; d++) {
		for (unsigned int q = 0; q < load->options->queues; q++) {
			ret = fn(load, &load->disk[d].lane[q]);
			if (ret < 0)
				return ret;
			sum += ret;
		}
	}
	return sum;
}

static int lane_check(struct load *load, struct lane *lane)
{
	uint64_t silent_ns = load->checked_ns > lane->progress_ns ?
			     load->checked_ns - lane->progress_ns : 0;

	if (lane->vq.in_flight == 0 || silent_ns < load->options->timeout_ns)
		return 0;
	return load_fail(load, -ETIMEDOUT, "%s: %u requests in ring %u, and none was done for "
			 "%.3g s", lane->disk->device.path, lane->vq.in_flight, lane_index(lane),
			 (double)silent_ns / 1e9);
}

static int lane_want_calls(struct load *load, struct lane *lane)
{
	return lane->vq.ops->want_calls(&lane->vq, true);
}

static int peer_event(struct load *load, const struct epoll_event *event)
{
	const struct device *device;
	ssize_t got;
	char byte;

	if (event->data.u32 == UINT32_MAX) {
		uint64_t calls;

		if (read(load->call_fd, &calls, sizeof(calls)) == (ssize_t)sizeof(calls))
			load->wakeups += load->phase->measured;
		return 0;
	}
	device = &load->disk[event->data.u32 / 2].device;
	if (event->data.u32 % 2)
		return load_fail(load, -EIO, "%s: it signals that a ring is broken", device->path);
	got = recv(device->control.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (got > 0)
		return load_fail(load, -EPROTO, "%s: it sent what nobody asked for", device->path);
	return load_fail(load, -EPIPE, "%s: it closed the connection", device->path);
}

static int look_at_peers(struct load *load, int wait_ms)
{
	struct epoll_event event[16];
	int num = epoll_wait(load->epoll_fd, event, 16, wait_ms), ret;

	for (int i = 0; i < num; i++) {
		ret = peer_event(load, &event[i]);
		if (ret)
			return ret;
	}
	load->checked_ns = clock_ns();
	return all_lanes(load, lane_check);
}

/* Nothing was done: sleep until something is, or go on polling. */
static int idle(struct load *load)
{
	if (!load->options->call || all_lanes(load, lane_want_calls) > 0)
		return 0;
	return look_at_peers(load, SLEEP_MS);
}

int load_phase(struct load *load, const struct phase *phase)
{
	const struct options *options = load->options;
	uint64_t now_ns = clock_ns();
	unsigned int rounds = 0;
	int ret;

	load->phase = phase;
	load->stopping = false;
	load->issued = 0;
	load->checked_ns = now_ns;
	load->begin_ns = now_ns + (phase->measured ? options->ramp_ns : 0);
	load->end_ns = phase->measured ? load->begin_ns + options->runtime_ns : UINT64_MAX;
	for (unsigned int d = 0; d < options->devices; d++)
		load->disk[d].cursor = 0;
	ret = all_lanes(load, lane_submit);
	while (ret >= 0 && load->in_flight > 0) {
		ret = all_lanes(load, lane_round);
		load->rounds += phase->measured;
		load->empty_rounds += phase->measured && ret == 0;
		if (ret == 0)
			ret = idle(load);
		if (ret >= 0 && ++rounds % CHECK_ROUNDS == 0 &&
		    clock_ns() - load->checked_ns >= CHECK_NS)
			ret = look_at_peers(load, 0);
	}
	if (ret < 0)
		return ret;
	if (phase->measured) {
		/* Short of its time if it was limited by a number. */
		uint64_t end_ns = load->last_ns < load->end_ns ? load->last_ns : load->end_ns;

		load->workload_ios = load->issued;
		load->measured_ns = end_ns > load->begin_ns ? end_ns - load->begin_ns : 0;
	}
	return 0;
}

int load_run(struct load *load)
{
	bool verify = load->options->verify;
	int ret = 0;

	if (verify)
		ret = load_phase(load, &phase_write_all);
	if (!ret)
		ret = load_phase(load, &phase_measure);
	if (!ret && verify)
		ret = load_phase(load, &phase_read_all);
	return ret;
}
