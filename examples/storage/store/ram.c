/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ram: the disk is memory of the process, gone with it. All queues work on the same mapping.
 *
 * Operations of two threads on the same bytes are as of a disk without atomicity: after both,
 * each byte is of one of them. They are data races in the sense of C, which is why the copy under
 * the thread sanitizer is one that it does not look at.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kinds.h"

/* Address space for growth: costs nothing until it is used. */
#define RAM_ROOM_BYTES		(64ull << 30)
#define RAM_TRANSFER_MAX	(1ull << 30)

struct ram_options {
	struct store_options common;
	uint64_t size_bytes;
	uint64_t block_bytes;
};

struct ram {
	struct store store;
	char *data;
	uint64_t room_bytes;
	uint64_t page_bytes;
};

struct ram_queue {
	struct store_queue queue;
};

#ifdef __SANITIZE_THREAD__
/* Accesses through volatile stay accesses; the compiler would make memcpy() of others. */
__attribute__((no_sanitize("thread")))
static void copy(void *to, const void *from, size_t length)
{
	volatile unsigned char *out = to;
	const volatile unsigned char *in = from;

	while (length--)
		*out++ = *in++;
}

__attribute__((no_sanitize("thread")))
static void zero(void *to, size_t length)
{
	volatile unsigned char *out = to;

	while (length--)
		*out++ = 0;
}
#else
static inline void copy(void *to, const void *from, size_t length)
{
	memcpy(to, from, length);
}

static inline void zero(void *to, size_t length)
{
	memset(to, 0, length);
}
#endif

static inline struct ram *ram_of(struct store *store)
{
	return (struct ram *)store;
}

/* Zero a range, and give its whole pages back to the system. */
static void release(struct ram *ram, uint64_t offset, uint64_t length)
{
	uint64_t begin = (offset + ram->page_bytes - 1) & ~(ram->page_bytes - 1);
	uint64_t end = (offset + length) & ~(ram->page_bytes - 1);

	/* Locked memory cannot be given back. */
	if (begin >= end || madvise(ram->data + begin, end - begin, MADV_DONTNEED)) {
		zero(ram->data + offset, length);
		return;
	}
	zero(ram->data + offset, begin - offset);
	zero(ram->data + end, offset + length - end);
}

static void ram_submit(struct store_queue *queue, struct store_io *io)
{
	struct ram *ram = ram_of(queue->store);
	char *at = ram->data + io->offset;

	switch (io->op) {
	case STORE_READ:
		for (unsigned int i = 0; i < io->iov_num; i++) {
			copy(io->iov[i].iov_base, at, io->iov[i].iov_len);
			at += io->iov[i].iov_len;
		}
		break;
	case STORE_WRITE:
		for (unsigned int i = 0; i < io->iov_num; i++) {
			copy(at, io->iov[i].iov_base, io->iov[i].iov_len);
			at += io->iov[i].iov_len;
		}
		break;
	case STORE_WRITE_ZEROES:
		if (!(io->flags & STORE_F_UNMAP)) {
			zero(at, io->length);
			break;
		}
		/* fall through */
	case STORE_DISCARD:
		release(ram, io->offset, io->length);
		break;
	default: /* a flush: nothing outlives the process */
		break;
	}
	store_complete(io, 0);
}

static void ram_queue_close(struct store_queue *queue)
{
	free(queue);
}

static int ram_queue_open(struct store *store, struct store_queue **queue)
{
	struct ram_queue *ram_queue = calloc(1, sizeof(*ram_queue));

	if (!ram_queue)
		return -ENOMEM;
	ram_queue->queue.ops = store->ops;
	ram_queue->queue.store = store;
	*queue = &ram_queue->queue;
	return 0;
}

static int ram_resize(struct store *store, uint64_t size_bytes)
{
	struct ram *ram = ram_of(store);
	uint64_t old = store_size(store);

	if (!size_bytes || size_bytes == old)
		return 0;
	if (size_bytes > ram->room_bytes)
		return -ENOSPC;
	if (size_bytes > old && mprotect(ram->data, size_bytes, PROT_READ | PROT_WRITE))
		return -errno;
	/*
	 * What is cut off stays accessible: an operation that was checked against the old size
	 * may still use it. It reads as zeroes when the disk grows again.
	 */
	if (size_bytes > old)
		release(ram, old, size_bytes - old);
	__atomic_store_n(&store->info.size_bytes, size_bytes, __ATOMIC_RELAXED);
	if (size_bytes < old)
		release(ram, size_bytes, old - size_bytes);
	return 0;
}

static json_t *ram_describe(struct store *store)
{
	return json_pack("{s:s, s:s}", "type", "ram", "state", "ok");
}

static void ram_close(struct store *store)
{
	struct ram *ram = ram_of(store);

	if (ram->data)
		munmap(ram->data, ram->room_bytes);
	free(ram);
}

static const struct store_ops ram_ops = {
	.type = "ram",
	.queue_open = ram_queue_open,
	.queue_close = ram_queue_close,
	.submit = ram_submit,
	.resize = ram_resize,
	.describe = ram_describe,
	.close = ram_close,
};

/* Address space for the disk and its growth, of which only the disk may be accessed. */
static int ram_map(struct ram *ram, uint64_t size_bytes)
{
	uint64_t rooms[] = { size_bytes + RAM_ROOM_BYTES, size_bytes };

	for (unsigned int i = 0; i < 2; i++) {
		ram->room_bytes = rooms[i];
		ram->data = mmap(NULL, rooms[i], PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (ram->data != MAP_FAILED)
			break;
	}
	if (ram->data == MAP_FAILED) {
		ram->data = NULL;
		return -errno;
	}
	if (mprotect(ram->data, size_bytes, PROT_READ | PROT_WRITE))
		return -errno;
	/* Only faster. */
	madvise(ram->data, ram->room_bytes, MADV_HUGEPAGE);
	return 0;
}

static void ram_defaults(void *options)
{
	((struct ram_options *)options)->block_bytes = 512;
}

static int ram_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct ram_options *options = arg;
	struct ram *ram;
	int ret;

	if (!store_block_size_ok(options->block_bytes) ||
	    options->size_bytes & (options->block_bytes - 1)) {
		vhu_reason_set(reason, "ram: size %llu is not whole blocks of block_bytes %llu, "
			       "a power of two", (unsigned long long)options->size_bytes,
			       (unsigned long long)options->block_bytes);
		return -EINVAL;
	}
	ram = calloc(1, sizeof(*ram));
	if (!ram)
		return -ENOMEM;
	ram->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	ret = ram_map(ram, options->size_bytes);
	if (ret) {
		vhu_reason_set(reason, "ram: %llu bytes of memory: %s",
			       (unsigned long long)options->size_bytes, strerror(-ret));
		ram_close(&ram->store);
		return ret;
	}
	ram->store.ops = &ram_ops;
	ram->store.info = (struct store_info){
		.size_bytes = options->size_bytes,
		.block_bytes = (uint32_t)options->block_bytes,
		.physical_bytes = (uint32_t)options->block_bytes,
		.optimal_bytes = 4096,
		.max_transfer_bytes = RAM_TRANSFER_MAX,
		.max_discard_bytes = RAM_TRANSFER_MAX,
		.max_zeroes_bytes = RAM_TRANSFER_MAX,
		.discard_granularity_bytes = 4096,
		.discard_zeroes = true,
	};
	*store = &ram->store;
	return 0;
}

STORE_OPTIONS_FIT(ram_options);

static const struct store_key ram_keys[] = {
	{ "size", STORE_KEY_SIZE, true, offsetof(struct ram_options, size_bytes), 512,
	  1ull << 44, NULL },
	{ "block_bytes", STORE_KEY_NUMBER, false, offsetof(struct ram_options, block_bytes), 512,
	  65536, NULL },
	{ 0 },
};

const struct store_kind store_kind_ram = {
	.type = "ram",
	.keys = ram_keys,
	.defaults = ram_defaults,
	.open = ram_open,
};
