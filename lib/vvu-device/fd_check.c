/* SPDX-License-Identifier: BSD-3-Clause */
#include "fd_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HUGETLBFS_MAGIC 0x958458f6u

/* File systems whose "regular files" are served on demand by somebody's program or driver */
static const struct {
	uint32_t magic;
	const char *name;
} refused_file_systems[] = {
	{ 0x65735546u, "FUSE" },
	{ 0x62656572u, "sysfs" },
	{ 0x00009fa0u, "proc" },
};

static int set_nonblock(int fd, const char *what, struct vhu_reason *reason)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && ((flags & O_NONBLOCK) || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0))
		return 0;
	flags = -errno;
	vhu_reason_set(reason, "%s: cannot make descriptor non-blocking: %s", what,
		       strerror(-flags));
	return flags;
}

int vvu_fd_check_eventfd(int fd, const char *what, struct vhu_reason *reason)
{
	static const char expected[] = "anon_inode:[eventfd]";
	char path[40], target[64];
	ssize_t len;

	/* The kernel has no call that tells an eventfd from another descriptor. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0) {
		int ret = -errno;

		vhu_reason_set(reason, "%s: cannot identify descriptor by %s: %s", what, path,
			       strerror(-ret));
		return ret;
	}
	target[len] = '\0';
	if (strcmp(target, expected) != 0) {
		vhu_reason_set(reason, "%s: descriptor is not an eventfd but %s", what, target);
		return -EINVAL;
	}
	return set_nonblock(fd, what, reason);
}

int vvu_fd_check_stream(int fd, const char *what, struct vhu_reason *reason)
{
	int domain = -1, type = -1;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
		int ret = -errno;

		vhu_reason_set(reason, "%s: descriptor is not a socket: %s", what,
			       strerror(-ret));
		return ret;
	}
	if (domain != AF_UNIX || type != SOCK_STREAM) {
		vhu_reason_set(reason, "%s: socket of domain %d, type %d is not an AF_UNIX stream",
			       what, domain, type);
		return -EINVAL;
	}
	return set_nonblock(fd, what, reason);
}

int vvu_fd_check_file(int fd, const char *what, struct vvu_file *file, struct vhu_reason *reason)
{
	struct statfs fs;
	struct stat st;
	unsigned int i;
	int flags;
	long page;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0) {
		int ret = -errno;

		vhu_reason_set(reason, "%s: cannot identify descriptor: %s", what,
			       strerror(-ret));
		return ret;
	}
	if (!S_ISREG(st.st_mode)) {
		vhu_reason_set(reason, "%s: descriptor of mode 0%o is not a regular file, memfd "
				       "or hugetlbfs file",
			       what, (unsigned int)st.st_mode);
		return -EINVAL;
	}
	for (i = 0; i < sizeof(refused_file_systems) / sizeof(refused_file_systems[0]); i++) {
		if ((uint32_t)fs.f_type == refused_file_systems[i].magic) {
			vhu_reason_set(reason, "%s: a file on %s cannot be memory", what,
				       refused_file_systems[i].name);
			return -EINVAL;
		}
	}
	if ((flags & O_ACCMODE) != O_RDWR) {
		vhu_reason_set(reason, "%s: file is not open for reading and writing (flags 0%o)",
			       what, (unsigned int)flags);
		return -EACCES;
	}
	page = sysconf(_SC_PAGESIZE);
	file->page = page > 0 ? (uint64_t)page : 4096;
	if ((uint32_t)fs.f_type == HUGETLBFS_MAGIC && (uint64_t)st.st_blksize > file->page)
		file->page = (uint64_t)st.st_blksize;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->size = (uint64_t)st.st_size;
	return 0;
}
