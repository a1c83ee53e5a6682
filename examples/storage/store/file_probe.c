/* SPDX-License-Identifier: BSD-3-Clause */
/* What a file or block device can do. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file.h"

#define PAGE_BYTES 4096u

int file_size(int fd, bool is_block_device, uint64_t *size_bytes)
{
	struct stat st;

	if (is_block_device)
		return ioctl(fd, BLKGETSIZE64, size_bytes) ? -errno : 0;
	if (fstat(fd, &st))
		return -errno;
	*size_bytes = (uint64_t)st.st_size;
	return 0;
}

/* A number of the queue of a block device; that of a partition is its disk's. */
static uint64_t queue_number(dev_t dev, const char *name)
{
	static const char *const where[] = { "queue", "../queue" };
	unsigned long long number = 0;
	char path[128];

	for (unsigned int i = 0; i < 2; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(dev), minor(dev),
			 where[i], name);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (fscanf(file, "%llu", &number) != 1)
			number = 0;
		fclose(file);
		break;
	}
	return number;
}

static void look_at_device(int fd, dev_t dev, struct file_limits *limits)
{
	unsigned int number;
	int flag;

	if (!ioctl(fd, BLKSSZGET, &flag) && flag > 0)
		limits->logical_bytes = (uint32_t)flag;
	if (!ioctl(fd, BLKPBSZGET, &number))
		limits->physical_bytes = number;
	if (!ioctl(fd, BLKIOOPT, &number))
		limits->optimal_bytes = number;
	if (!ioctl(fd, BLKROGET, &flag))
		limits->read_only = flag != 0;
	/*
	 * Of a block device fallocate() asks for zeroes, and the kernel refuses it where the
	 * device does not make them by itself.
	 */
	limits->can_zero = queue_number(dev, "write_zeroes_max_bytes") > 0;
	limits->can_punch = limits->can_zero && queue_number(dev, "discard_max_bytes") > 0;
	limits->discard_granularity_bytes = (uint32_t)queue_number(dev, "discard_granularity");
}

int file_look(int fd, bool is_block_device, bool probe, struct file_limits *limits)
{
	struct statfs fs;
	struct stat st;
	int ret;

	*limits = (struct file_limits){ .logical_bytes = 512, .physical_bytes = PAGE_BYTES };
	ret = file_size(fd, is_block_device, &limits->size_bytes);
	if (ret)
		return ret;
	if (fstat(fd, &st))
		return -errno;
	limits->rotational = queue_number(is_block_device ? st.st_rdev : st.st_dev,
					  "rotational") == 1;
	if (is_block_device) {
		look_at_device(fd, st.st_rdev, limits);
		return 0;
	}
	limits->in_memory = !fstatfs(fd, &fs) && fs.f_type == TMPFS_MAGIC;
	limits->optimal_bytes = (uint32_t)st.st_blksize;
	limits->discard_granularity_bytes = (uint32_t)st.st_blksize;
	/*
	 * Beyond the end a hole changes nothing, and the answer is as good. A range of zeroes
	 * would allocate there, so whether the file can have one shows when one is wanted.
	 */
	if (probe)
		limits->can_punch = !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       (off_t)limits->size_bytes, PAGE_BYTES);
	limits->can_zero = true;
	return 0;
}

/* Does a direct read of @length at the beginning work? At the end of the file it does, too. */
static bool can_read(int fd, char *buffer, size_t length)
{
	return pread(fd, buffer, length, 0) >= 0;
}

int file_direct_alignment(int fd, bool is_block_device, uint32_t *memory_align,
			  uint32_t *offset_align)
{
	int ret = file_statx_alignment(fd, memory_align, offset_align);
	int logical = 0;
	char *buffer;

	if (ret == -EOPNOTSUPP)
		return ret;
	if (ret) {
		/* A kernel that does not tell. What a page fits is asked for; it always does. */
		*memory_align = PAGE_BYTES;
		*offset_align = PAGE_BYTES;
		if (is_block_device && !ioctl(fd, BLKSSZGET, &logical) && logical > 0)
			*offset_align = (uint32_t)logical;
	}
	if (*memory_align > PAGE_BYTES || *offset_align > 65536)
		return -EOPNOTSUPP;
	if (*offset_align < 512)
		*offset_align = 512;
	if (posix_memalign((void **)&buffer, 65536, *offset_align))
		return -ENOMEM;
	ret = can_read(fd, buffer, *offset_align) ? 0 : -EOPNOTSUPP;
	free(buffer);
	return ret;
}
