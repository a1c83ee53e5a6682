/* SPDX-License-Identifier: BSD-3-Clause */
/* file: a regular file or a block device, through io_uring. Opening, resizing, describing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

#define LOCK_WAIT_MS		5000u
#define LOCK_WAIT_MAX_MS	60000u
#define LOCK_PAUSE_MS		10u

enum direct { DIRECT_AUTO, DIRECT_ON, DIRECT_OFF };

struct file_options {
	struct store_options common;
	const char *path;
	uint64_t block_bytes;		/* 0: what fits */
	uint64_t queue_depth;
	uint64_t lock_wait_ms;
	unsigned int direct;		/* enum direct */
	bool lock;
};

static inline struct file *file_of(struct store *store)
{
	return (struct file *)store;
}

static int file_resize(struct store *store, uint64_t size_bytes)
{
	struct file *file = file_of(store);
	int ret;

	if (size_bytes) {
		if (file->is_block_device)
			return -EOPNOTSUPP;
		if (store->info.read_only)
			return -EROFS;
		if (size_bytes > INT64_MAX)
			return -EINVAL;
		if (ftruncate(file->fd, (off_t)size_bytes))
			return -errno;
	}
	ret = file_size(file->fd, file->is_block_device, &size_bytes);
	if (ret)
		return ret;
	size_bytes &= ~(uint64_t)(store->info.block_bytes - 1);
	__atomic_store_n(&store->info.size_bytes, size_bytes, __ATOMIC_RELAXED);
	return 0;
}

static json_t *file_describe(struct store *store)
{
	struct file *file = file_of(store);
	json_t *object;

	object = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:i}", "type", "file", "state", "ok",
			   "path", file->path, "kind",
			   file->is_block_device ? "block device" : "regular file", "direct",
			   file->direct, "lock", file->locked, "queue_depth",
			   (int)file->queue_depth);
	if (object && file->why_not_direct[0])
		json_object_set_new(object, "why_not_direct", json_string(file->why_not_direct));
	return object;
}

static void file_close(struct store *store)
{
	struct file *file = file_of(store);
	struct flock unlock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	/* Whatever else in the kernel still has the file open. */
	if (file->locked)
		fcntl(file->fd, F_OFD_SETLK, &unlock);
	if (file->fd >= 0)
		close(file->fd);
	if (file->zeroes)
		munmap(file->zeroes, FILE_ZEROES_BYTES);
	free(file->path);
	free(file);
}

const struct store_ops file_ops = {
	.type = "file",
	.queue_open = file_queue_open,
	.queue_close = file_queue_close,
	.submit = file_submit,
	.kick = file_kick,
	.poll = file_poll,
	.fd = file_queue_fd,
	.resize = file_resize,
	.describe = file_describe,
	.close = file_close,
};

/*
 * Whether to try again what failed because somebody else has the file, after a pause; for as
 * long as was asked for, in *waited_ms.
 *
 * That may be a process that was killed, for as long as the kernel still carries out what that
 * one had submitted: the operations hold the file open. A write of the old process must not land
 * on one that the new process has done meanwhile, so it is waited for, but not for ever.
 */
static bool wait_for_others(const struct file_options *options, uint64_t *waited_ms)
{
	const struct timespec pause = { 0, LOCK_PAUSE_MS * 1000000L };

	if (*waited_ms >= options->lock_wait_ms)
		return false;
	nanosleep(&pause, NULL);
	*waited_ms += LOCK_PAUSE_MS;
	return true;
}

/*
 * Of the whole file, and of this opening of it: a lock of another process, of another store in
 * this one, and of QEMU, which locks single bytes, all are in its way. -EBUSY.
 */
static int take_lock(const struct file *file, const struct file_options *options,
		     uint64_t *waited_ms)
{
	struct flock lock = { .l_type = options->common.read_only ? F_RDLCK : F_WRLCK,
			      .l_whence = SEEK_SET };

	while (fcntl(file->fd, F_OFD_SETLK, &lock)) {
		if (errno != EAGAIN && errno != EACCES)
			return -errno;
		if (!wait_for_others(options, waited_ms))
			return -EBUSY;
	}
	return 0;
}

static int in_use(const struct file_options *options, const char *how, struct vhu_reason *reason)
{
	vhu_reason_set(reason, "file: \"path\" %.100s is in use by another program or store (%s, "
		       "and still was after %u ms)", options->path, how,
		       (unsigned int)options->lock_wait_ms);
	return -EBUSY;
}

static int open_path(struct file *file, const struct file_options *options,
		     struct vhu_reason *reason)
{
	int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	uint64_t waited_ms = 0;
	struct stat st;
	int ret;

	/* Of a block device O_EXCL means: not while it is mounted or part of something. */
	if (options->common.read_only)
		flags |= O_RDONLY;
	else
		flags |= O_RDWR | (options->lock ? O_EXCL : 0);
	do {
		file->fd = open(options->path, flags);
	} while (file->fd < 0 && errno == EBUSY && wait_for_others(options, &waited_ms));
	if (file->fd < 0 && errno == EBUSY)
		return in_use(options, "it is opened exclusively or mounted", reason);
	if (file->fd < 0 || fstat(file->fd, &st)) {
		ret = -errno;
		vhu_reason_set(reason, "file: \"path\" %.100s: %s", options->path, strerror(-ret));
		return ret;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		vhu_reason_set(reason, "file: \"path\" %.100s is neither a regular file nor a "
			       "block device", options->path);
		return -EINVAL;
	}
	file->is_block_device = S_ISBLK(st.st_mode);
	/* It was only there so that a pipe does not keep us; io_uring would heed it. */
	if (fcntl(file->fd, F_SETFL, 0))
		return -errno;
	if (!options->lock)
		return 0;
	ret = take_lock(file, options, &waited_ms);
	if (ret == -EBUSY)
		return in_use(options, "it is locked", reason);
	if (ret)
		vhu_reason_set(reason, "file: \"path\" %.100s: lock: %s (\"lock\": false does "
			       "without)", options->path, strerror(-ret));
	file->locked = !ret;
	return ret;
}

/* Try direct I/O. Where it does not work file->why_not_direct says why. */
static void try_direct(struct file *file, uint64_t asked_block_bytes, uint32_t *offset_align)
{
	char *why = file->why_not_direct;
	int ret;

	if (fcntl(file->fd, F_SETFL, O_DIRECT)) {
		snprintf(why, sizeof(file->why_not_direct), "O_DIRECT: %s", strerror(errno));
		return;
	}
	ret = file_direct_alignment(file->fd, file->is_block_device, &file->memory_align,
				    offset_align);
	if (ret)
		snprintf(why, sizeof(file->why_not_direct), "direct reads: %s", strerror(-ret));
	else if (asked_block_bytes && asked_block_bytes < *offset_align)
		snprintf(why, sizeof(file->why_not_direct),
			 "blocks of %u bytes are smaller than the %u that it needs",
			 (unsigned int)asked_block_bytes, *offset_align);
	else
		file->direct = true;
	if (!file->direct && fcntl(file->fd, F_SETFL, 0))
		snprintf(why, sizeof(file->why_not_direct), "O_DIRECT: %s", strerror(errno));
}

static int choose_direct(struct file *file, const struct file_options *options,
			 struct file_limits *limits, struct vhu_reason *reason)
{
	uint32_t offset_align = 512;
	uint64_t asked = options->block_bytes;

	/* A file has blocks of 512 unless asked for: images that exist are made for those. */
	if (!asked && options->direct == DIRECT_AUTO)
		asked = limits->logical_bytes;
	if (options->direct == DIRECT_OFF)
		snprintf(file->why_not_direct, sizeof(file->why_not_direct), "\"direct\" is off");
	else
		try_direct(file, asked, &offset_align);
	if (options->direct == DIRECT_ON && !file->direct) {
		vhu_reason_set(reason, "file: \"direct\" is on, but not possible for %.80s: %s",
			       options->path, file->why_not_direct);
		return -EOPNOTSUPP;
	}
	if (file->direct && offset_align > limits->logical_bytes)
		limits->logical_bytes = offset_align;
	return 0;
}

static int choose_blocks(struct file *file, const struct file_options *options,
			 const struct file_limits *limits, struct vhu_reason *reason)
{
	struct store_info *info = &file->store.info;
	uint64_t block_bytes = options->block_bytes ? options->block_bytes : limits->logical_bytes;
	bool can_punch = limits->can_punch, can_zero = limits->can_zero;

	if (!store_block_size_ok(block_bytes) || block_bytes < limits->logical_bytes) {
		vhu_reason_set(reason, "file: \"block_bytes\" is %u, not a power of two from %u "
			       "to 65536", (unsigned int)block_bytes, limits->logical_bytes);
		return -EINVAL;
	}
	file->in_memory = limits->in_memory;
	file->can_punch = can_punch;
	file->can_zero = can_zero;
	*info = (struct store_info){
		.size_bytes = limits->size_bytes & ~(block_bytes - 1),
		.block_bytes = (uint32_t)block_bytes,
		.physical_bytes = limits->physical_bytes,
		.optimal_bytes = limits->optimal_bytes,
		.max_transfer_bytes = FILE_TRANSFER_MAX,
		.max_discard_bytes = can_punch ? FILE_RANGE_MAX : 0,
		.max_zeroes_bytes = FILE_RANGE_MAX,
		.discard_granularity_bytes = limits->discard_granularity_bytes,
		.discard_zeroes = can_punch,
		.read_only = options->common.read_only,
		.volatile_cache = true,
		.rotational = limits->rotational,
	};
	if (info->physical_bytes < block_bytes)
		info->physical_bytes = (uint32_t)block_bytes;
	if (info->discard_granularity_bytes < block_bytes)
		info->discard_granularity_bytes = (uint32_t)block_bytes;
	return 0;
}

static void file_defaults(void *arg)
{
	struct file_options *options = arg;

	options->queue_depth = 128;
	options->lock = true;
	options->lock_wait_ms = LOCK_WAIT_MS;
}

static int set_up(struct file *file, const struct file_options *options,
		  struct vhu_reason *reason)
{
	struct file_limits limits;
	int ret;

	file->path = strdup(options->path);
	file->zeroes = mmap(NULL, FILE_ZEROES_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	if (file->zeroes == MAP_FAILED)
		file->zeroes = NULL;
	if (!file->path || !file->zeroes)
		return -ENOMEM;
	ret = open_path(file, options, reason);
	if (ret)
		return ret;
	ret = file_uring_check();
	if (ret) {
		vhu_reason_set(reason, "file: io_uring: %s (kernel.io_uring_disabled, or a "
			       "filter of system calls?)", strerror(-ret));
		return ret;
	}
	ret = file_look(file->fd, file->is_block_device, !options->common.read_only, &limits);
	if (ret) {
		vhu_reason_set(reason, "file: \"path\" %.100s: %s", options->path, strerror(-ret));
		return ret;
	}
	if (limits.read_only && !options->common.read_only) {
		vhu_reason_set(reason, "file: \"path\" %.100s cannot be written", options->path);
		return -EROFS;
	}
	ret = choose_direct(file, options, &limits, reason);
	return ret ? ret : choose_blocks(file, options, &limits, reason);
}

static int file_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct file_options *options = arg;
	struct file *file = calloc(1, sizeof(*file));
	int ret;

	if (!file)
		return -ENOMEM;
	file->fd = -1;
	file->store.ops = &file_ops;
	file->queue_depth = (unsigned int)options->queue_depth;
	ret = set_up(file, options, reason);
	if (ret) {
		file_close(&file->store);
		return ret;
	}
	*store = &file->store;
	return 0;
}

static const char *const direct_choices[] = {
	[DIRECT_AUTO] = "auto", [DIRECT_ON] = "on", [DIRECT_OFF] = "off", NULL
};

STORE_OPTIONS_FIT(file_options);

static const struct store_key file_keys[] = {
	{ "path", STORE_KEY_STRING, true, offsetof(struct file_options, path), 0, 0, NULL },
	{ "block_bytes", STORE_KEY_NUMBER, false, offsetof(struct file_options, block_bytes), 512,
	  65536, NULL },
	{ "direct", STORE_KEY_CHOICE, false, offsetof(struct file_options, direct), 0, 0,
	  direct_choices },
	{ "lock", STORE_KEY_BOOL, false, offsetof(struct file_options, lock), 0, 0, NULL },
	{ "lock_wait_ms", STORE_KEY_NUMBER, false, offsetof(struct file_options, lock_wait_ms), 0,
	  LOCK_WAIT_MAX_MS, NULL },
	{ "queue_depth", STORE_KEY_NUMBER, false, offsetof(struct file_options, queue_depth), 1,
	  1024, NULL },
	{ 0 },
};

const struct store_kind store_kind_file = {
	.type = "file",
	.keys = file_keys,
	.defaults = file_defaults,
	.open = file_open,
};
