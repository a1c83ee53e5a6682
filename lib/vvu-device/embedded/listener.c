/* SPDX-License-Identifier: BSD-3-Clause */
#include "listener.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Frontends that come while another is served wait here. More than a few are not worth
 * having: each waits for the whole life of the ones before it.
 */
#define BACKLOG 4

int emb_unix_address(const char *path, struct sockaddr_un *address, struct vhu_reason *reason)
{
	if (path == NULL || path[0] == '\0') {
		vhu_reason_set(reason, "socket_path: no path given");
		return -EINVAL;
	}
	if (strlen(path) >= sizeof(address->sun_path)) {
		vhu_reason_set(reason, "socket_path: %zu bytes, at most %zu are possible",
			       strlen(path), sizeof(address->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, strlen(path));
	return 0;
}

/* Is @address left over from a process that ended? 1 yes, 0 no longer there, or -errno. */
static int is_stale(const struct sockaddr_un *address, struct vhu_reason *reason)
{
	struct stat st;
	int fd, err;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		vhu_reason_set(reason, "%s: exists and is not a socket", address->sun_path);
		return -EADDRINUSE;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	if (err == -ECONNREFUSED)
		return 1;
	if (err == -ENOENT)
		return 0;
	/* Connected, or a queue too full to connect: there is a listener either way. */
	vhu_reason_set(reason, "%s: somebody is listening there", address->sun_path);
	return -EADDRINUSE;
}

static int bind_replacing(int fd, const struct sockaddr_un *address, struct vhu_reason *reason)
{
	int err;

	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return 0;
	err = -errno;
	if (err == -EADDRINUSE) {
		err = is_stale(address, reason);
		if (err < 0)
			return err;
		if (err > 0)
			unlink(address->sun_path);
		if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return 0;
		err = -errno;
	}
	vhu_reason_set(reason, "%s: bind: %s", address->sun_path, strerror(-err));
	return err;
}

int emb_listener_open(struct emb_listener *listener, const char *path, unsigned int mode,
		      uint32_t group, struct vhu_reason *reason)
{
	struct sockaddr_un address;
	struct stat st;
	int err;

	listener->fd = -1;
	listener->adopted = false;
	err = emb_unix_address(path, &address, reason);
	if (err < 0)
		return err;
	memcpy(listener->path, address.sun_path, sizeof(listener->path));
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0) {
		err = -errno;
		vhu_reason_set(reason, "%s: socket: %s", listener->path, strerror(-err));
		return err;
	}
	err = bind_replacing(listener->fd, &address, reason);
	if (err < 0) {
		close(listener->fd);
		listener->fd = -1;
		return err;
	}
	/* Nobody can connect before listen(), so group and mode are right when it matters. */
	if (lstat(listener->path, &st) < 0 ||
	    (group != 0 && chown(listener->path, (uid_t)-1, group) < 0) ||
	    chmod(listener->path, mode) < 0 || listen(listener->fd, BACKLOG) < 0) {
		err = -errno;
		vhu_reason_set(reason, "%s: cannot listen: %s", listener->path,
			       strerror(-err));
		unlink(listener->path);
		close(listener->fd);
		listener->fd = -1;
		return err;
	}
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	return 0;
}

void emb_listener_adopt(struct emb_listener *listener, int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	/* One byte less than there are: a path need not end with a 0. */
	socklen_t length = sizeof(address) - 1;

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		address.sun_path[0] = '\0';
	memcpy(listener->path, address.sun_path, sizeof(listener->path));
	listener->fd = fd;
	listener->adopted = true;
}

void emb_listener_close(struct emb_listener *listener)
{
	struct stat st;

	if (listener->fd < 0)
		return;
	if (!listener->adopted && lstat(listener->path, &st) == 0 &&
	    st.st_dev == listener->dev && st.st_ino == listener->ino)
		unlink(listener->path);
	close(listener->fd);
	listener->fd = -1;
}
