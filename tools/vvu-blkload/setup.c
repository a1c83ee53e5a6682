/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices, memory and rings of a load, and their end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "load.h"

#define LINE_BYTES	64u
#define PAGE_BYTES	4096u
#define RING_MIN	256u

static unsigned int buffers_of(const struct device *device)
{
	return device->segments + 2;
}

static struct vq_config vq_config_of(const struct load *load, const struct device *device)
{
	struct vq_config config = {
		.size = RING_MIN,
		.slots = (unsigned int)load->options->depth,
		.buffers = buffers_of(device),
		.event_idx = device_has(device, VIRTIO_RING_F_EVENT_IDX),
		.indirect = device_has(device, VIRTIO_RING_F_INDIRECT_DESC),
	};

	while (config.size < config.slots * (config.indirect ? 1 : config.buffers))
		config.size *= 2;
	if (load->options->ring_size)
		config.size = (unsigned int)load->options->ring_size;
	return config;
}

static size_t data_bytes(const struct load *load)
{
	return (load->options->block_bytes + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

static int area_for(struct load *load, struct device *device)
{
	struct vq_config config = vq_config_of(load, device);
	size_t lane = vq_bytes(&config) + PAGE_BYTES + LINE_BYTES +
		      load->options->depth * (LINE_BYTES + data_bytes(load));

	return area_create(&device->area, load->options->queues * lane, load->options->huge,
			   &load->reason);
}

static int make_requests(struct load *load, struct lane *lane)
{
	unsigned int depth = (unsigned int)load->options->depth;
	struct area *area = &lane->disk->device.area;
	uint64_t bytes = load->options->block_bytes;
	uint8_t *lines = area_take(area, depth * LINE_BYTES, LINE_BYTES);
	uint8_t *data = area_take(area, depth * data_bytes(load), PAGE_BYTES);

	lane->io = calloc(depth, sizeof(*lane->io));
	lane->free = calloc(depth, sizeof(*lane->free));
	lane->done = calloc(depth, sizeof(*lane->done));
	if (!lane->io || !lane->free || !lane->done)
		return load_fail(load, -ENOMEM, "no memory");
	if (!lines || !data)
		return load_fail(load, -ENOSPC, "the shared memory is too small");
	for (unsigned int i = 0; i < depth; i++) {
		lane->io[i].data = data + i * data_bytes(load);
		lane->io[i].header = (struct virtio_blk_outhdr *)(lines + i * LINE_BYTES);
		lane->io[i].status = lines + i * LINE_BYTES + sizeof(struct virtio_blk_outhdr);
		/* Data that neither end can make short work of. */
		pattern_fill(lane->io[i].data, bytes, i * bytes, 1, load->options->seed);
		lane->free[lane->free_num++] = (uint16_t)i;
	}
	return 0;
}

static int open_lane(struct load *load, struct disk *disk, unsigned int index)
{
	const struct options *options = load->options;
	struct vq_config config = vq_config_of(load, &disk->device);
	struct lane *lane = &disk->lane[index];
	uint64_t blocks = disk->device.blocks;
	int ret;

	lane->disk = disk;
	lane->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lane->kick_fd < 0)
		return load_fail(load, -errno, "eventfd(): %s", strerror(errno));
	ret = vq_init(&lane->vq, options->packed ? &vq_packed_ops : &vq_split_ops, &config,
		      &disk->device.area);
	if (ret == -EINVAL)
		return load_fail(load, ret,
				 "%u requests of %u buffers do not fit into a ring of %u",
				 config.slots, config.buffers, config.size);
	if (ret)
		return load_fail(load, ret, "ring %u: %s", index, strerror(-ret));
	lane->vq.ops->want_calls(&lane->vq, options->call);
	lane->first = lane->cursor = blocks / options->queues * index;
	lane->end = index + 1 == options->queues ? blocks :
		    blocks / options->queues * (index + 1);
	/* Never 0, and each lane's own. */
	lane->random = (options->seed + 1) * 0x9e3779b97f4a7c15ull +
		       (uint64_t)(disk - load->disk) * QUEUES_MAX + index;
	if (!lane->random)
		lane->random = 1;
	return make_requests(load, lane);
}

static int watch(struct load *load, int fd, uint32_t what)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.u32 = what };

	if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		return load_fail(load, -errno, "epoll_ctl(): %s", strerror(errno));
	return 0;
}

static int open_blocks(struct load *load, struct disk *disk)
{
	const struct options *options = load->options;
	uint64_t blocks = disk->device.blocks;

	if (blocks > BLOCKS_MAX)
		return load_fail(load, -EINVAL, "--verify keeps account of %llu blocks at most, "
				 "the region has %llu: use --size", BLOCKS_MAX,
				 (unsigned long long)blocks);
	if (blocks <= options->depth * options->queues)
		return load_fail(load, -EINVAL, "--verify needs a region of more requests than are "
				 "in flight: it has %llu", (unsigned long long)blocks);
	if (blocks_init(&disk->blocks, blocks))
		return load_fail(load, -ENOMEM, "no memory to keep account of %llu blocks",
				 (unsigned long long)blocks);
	return 0;
}

static int start_disk(struct load *load, struct disk *disk)
{
	struct device_ring ring[QUEUES_MAX];
	unsigned int num = (unsigned int)load->options->queues;
	uint32_t number = (uint32_t)(disk - load->disk);
	int ret;

	for (unsigned int i = 0; i < num; i++)
		ring[i] = (struct device_ring){ &disk->lane[i].vq, disk->lane[i].kick_fd,
						load->call_fd };
	ret = device_start(&disk->device, ring, num, &load->reason);
	if (!ret)
		ret = watch(load, disk->device.control.fd, number * 2);
	return ret ? ret : watch(load, disk->device.err_fd, number * 2 + 1);
}

static int open_disk(struct load *load, struct disk *disk, const char *path)
{
	const struct options *options = load->options;
	int ret;

	ret = device_open(&disk->device, path, options, &load->reason);
	if (!ret && options->verify)
		ret = open_blocks(load, disk);
	if (!ret)
		ret = area_for(load, &disk->device);
	if (ret)
		return ret;
	disk->lane = calloc(options->queues, sizeof(*disk->lane));
	if (!disk->lane)
		return load_fail(load, -ENOMEM, "no memory");
	for (unsigned int i = 0; i < options->queues; i++)
		disk->lane[i].kick_fd = -1;
	for (unsigned int i = 0; i < options->queues && !ret; i++)
		ret = open_lane(load, disk, i);
	return ret ? ret : start_disk(load, disk);
}

/* Before what went wrong: with which of the back-ends. */
static void name_device(struct load *load, const char *path)
{
	struct vhu_reason reason = load->reason;

	/* Longer than a socket's path can be, it would hide what is wrong with it. */
	vhu_reason_set(&load->reason, "%.107s: %s", path, reason.text);
}

int load_open(struct load *load, const struct options *options)
{
	int ret;

	*load = (struct load){ .options = options, .epoll_fd = -1, .call_fd = -1 };
	load->disk = calloc(options->devices, sizeof(*load->disk));
	if (!load->disk)
		return load_fail(load, -ENOMEM, "no memory");
	for (unsigned int i = 0; i < options->devices; i++)
		load->disk[i].device = (struct device){ .control = { .fd = -1 },
							.area = { .fd = -1 }, .err_fd = -1 };
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	load->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (load->epoll_fd < 0 || load->call_fd < 0)
		return load_fail(load, -errno, "epoll or eventfd: %s", strerror(errno));
	ret = watch(load, load->call_fd, UINT32_MAX);
	for (unsigned int i = 0; i < options->devices && !ret; i++) {
		ret = open_disk(load, &load->disk[i], options->socket[i]);
		if (ret)
			name_device(load, options->socket[i]);
	}
	return ret;
}

int load_stop(struct load *load)
{
	struct device_ring ring[QUEUES_MAX];
	unsigned int num = (unsigned int)load->options->queues;
	int ret;

	for (unsigned int d = 0; d < load->options->devices; d++) {
		struct disk *disk = &load->disk[d];

		for (unsigned int i = 0; i < num; i++)
			ring[i].vq = &disk->lane[i].vq;
		ret = device_stop(&disk->device, ring, num, &load->reason);
		if (ret) {
			name_device(load, disk->device.path);
			return ret;
		}
	}
	return 0;
}

static void close_disk(struct load *load, struct disk *disk)
{
	/* The connection first: a back-end has no business with memory that goes away. */
	device_close(&disk->device);
	for (unsigned int i = 0; disk->lane && i < load->options->queues; i++) {
		struct lane *lane = &disk->lane[i];

		if (lane->kick_fd >= 0)
			close(lane->kick_fd);
		vq_free(&lane->vq);
		free(lane->io);
		free(lane->free);
		free(lane->done);
	}
	free(disk->lane);
	blocks_free(&disk->blocks);
}

void load_close(struct load *load)
{
	for (unsigned int i = 0; load->disk && i < load->options->devices; i++)
		close_disk(load, &load->disk[i]);
	free(load->disk);
	if (load->epoll_fd >= 0)
		close(load->epoll_fd);
	if (load->call_fd >= 0)
		close(load->call_fd);
}
