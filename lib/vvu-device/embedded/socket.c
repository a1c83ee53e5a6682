/* SPDX-License-Identifier: BSD-3-Clause */
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "emb_internal.h"
#include "vvu-device/host/send.h"

#define DEFAULT_MODE		0660u
#define DEFAULT_RECONNECT_MS	500u
#define NS_PER_MS		UINT64_C(1000000)
#define NS_PER_S		UINT64_C(1000000000)
/* Pause after accept() failed for want of descriptors or memory */
#define ACCEPT_PAUSE_NS		(100 * NS_PER_MS)
/* SCM_MAX_FD of Linux: no message carries more descriptors */
#define MAX_SCM_FDS		253u

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool wants_frontend(const struct vvu_emb *emb)
{
	return emb->socket.stream.fd < 0 && emb_is_live(emb) && vvu_device_accepts(emb->device);
}

static void arm_timer(struct emb_socket *s, uint64_t at_ns)
{
	struct itimerspec when = {
		.it_value.tv_sec = (time_t)(at_ns / NS_PER_S),
		.it_value.tv_nsec = (long)(at_ns % NS_PER_S),
	};

	if (timerfd_settime(s->timer.fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
		s->timer_armed = true;
}

void emb_socket_close(struct vvu_emb *emb)
{
	int fd = emb->socket.stream.fd;

	if (fd < 0)
		return;
	emb_source_drop(emb->epoll_fd, &emb->socket.stream);
	/* Whoever handed it in has it too: closing ours alone would tell the frontend nothing. */
	if (emb->socket.handed_in)
		shutdown(fd, SHUT_RDWR);
	close(fd);
}

void emb_socket_lost(struct vvu_emb *emb, const char *why)
{
	if (emb->socket.stream.fd < 0)
		return;
	emb_socket_close(emb);
	vvu_device_frontend_closed(emb->device, why);
}

/* Takes over @fd. */
static void frontend_arrived(struct vvu_emb *emb, int fd)
{
	uint64_t offset;

	/* A fault of the frontend before, which the driver has let go of, is not this one's. */
	vvu_sigbus_take(emb->window.sigbus, &offset);
	if (emb_source_watch(emb->epoll_fd, &emb->socket.stream, fd, EPOLLIN) < 0) {
		emb_log(emb, VVU_LOG_WARNING, "frontend refused: cannot watch its socket");
		close(fd);
		return;
	}
	if (vvu_device_frontend_connected(emb->device) < 0)
		emb_socket_close(emb);
}

static void accept_ready(struct vvu_emb *emb, struct emb_source *source, uint32_t events)
{
	int fd, err;

	if (!wants_frontend(emb))
		return;
	fd = accept4(emb->socket.listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		frontend_arrived(emb, fd);
		return;
	}
	err = errno;
	if (err == EAGAIN || err == EINTR || err == ECONNABORTED)
		return;
	/* The connection stays in the queue and would be reported without end. */
	emb_log(emb, VVU_LOG_WARNING, "%s: accept: %s", emb->socket.listener.path, strerror(err));
	arm_timer(&emb->socket, now_ns() + ACCEPT_PAUSE_NS);
}

static void try_connect(struct vvu_emb *emb)
{
	struct emb_socket *s = &emb->socket;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	s->next_attempt_ns = now_ns() + s->pause_ns;
	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&s->address, sizeof(s->address)) == 0) {
		s->last_error = 0;
		frontend_arrived(emb, fd);
		return;
	}
	err = errno;
	if (fd >= 0)
		close(fd);
	if (err != s->last_error)
		emb_log(emb, VVU_LOG_INFO, "%s: connect: %s; trying every %llu ms",
			s->address.sun_path, strerror(err),
			(unsigned long long)(s->pause_ns / NS_PER_MS));
	s->last_error = err;
}

/* The frontend that was there from the start; there is no other after it. */
static void take_given(struct vvu_emb *emb)
{
	int fd = emb->socket.given;

	emb->socket.given = -1;
	frontend_arrived(emb, fd);
}

static void timer_ready(struct vvu_emb *emb, struct emb_source *source, uint32_t events)
{
	uint64_t expirations;

	if (read(source->fd, &expirations, sizeof(expirations)) < 0)
		return;
	emb->socket.timer_armed = false;
	if (!wants_frontend(emb))
		return;
	if (emb->socket.client)
		try_connect(emb);
	else if (emb->socket.given >= 0)
		take_given(emb);
}

/* Descriptors that came with a message, in order. Returns how many. */
static unsigned int collect_fds(struct msghdr *msg, int fds[MAX_SCM_FDS])
{
	unsigned int nfds = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && nfds < MAX_SCM_FDS; i++)
			memcpy(&fds[nfds++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return nfds;
}

static void refuse_fds(struct vvu_emb *emb, const int *fds, unsigned int nfds, bool cut_off)
{
	char why[VHU_REASON_MAX];

	for (unsigned int i = 0; i < nfds; i++)
		close(fds[i]);
	if (cut_off)
		snprintf(why, sizeof(why), "descriptors of a message did not fit: %u of them did",
			 nfds);
	else
		snprintf(why, sizeof(why), "%u descriptors with one message, at most %u are legal",
			 nfds, VHU_MAX_FDS);
	emb_socket_lost(emb, why);
}

/* One piece of a message. False when there is no more to read now. */
static bool read_frontend(struct vvu_emb *emb, size_t want)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MAX_SCM_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = emb->message, .iov_len = want };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fds[MAX_SCM_FDS];
	unsigned int nfds;
	ssize_t got;

	if (iov.iov_len > VHU_MAX_MESSAGE)
		iov.iov_len = VHU_MAX_MESSAGE;
	got = recvmsg(emb->socket.stream.fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (got < 0) {
		if (errno != EAGAIN && errno != EINTR)
			emb_socket_lost(emb, strerror(errno));
		return false;
	}
	nfds = collect_fds(&msg, fds);
	if ((msg.msg_flags & MSG_CTRUNC) || nfds > VHU_MAX_FDS) {
		refuse_fds(emb, fds, nfds, msg.msg_flags & MSG_CTRUNC);
		return false;
	}
	if (got == 0) {
		emb_socket_lost(emb, "closed by the frontend");
		return false;
	}
	return vvu_device_frontend_input(emb->device, emb->message, (size_t)got, fds, nfds) == 0;
}

static void stream_ready(struct vvu_emb *emb, struct emb_source *source, uint32_t events)
{
	for (unsigned int i = 0; i < EMB_BURST && source->fd >= 0; i++) {
		size_t want = vvu_device_frontend_want(emb->device);

		if (want == 0) {
			/* What it still wrote has nobody left to be answered to. */
			if (events & (EPOLLHUP | EPOLLERR))
				emb_socket_lost(emb, "closed by the frontend");
			return;
		}
		if (!read_frontend(emb, want))
			return;
	}
}

static void channel_lost(struct vvu_emb *emb)
{
	emb_source_drop(emb->epoll_fd, &emb->socket.channel);
	vvu_device_channel_closed(emb->device);
}

static void channel_ready(struct vvu_emb *emb, struct emb_source *source, uint32_t events)
{
	uint8_t bytes[VHU_MAX_MESSAGE];

	for (unsigned int i = 0; i < EMB_BURST && source->fd >= 0; i++) {
		size_t want = vvu_device_channel_want(emb->device);
		ssize_t got;

		if (want == 0) {
			if (events & (EPOLLHUP | EPOLLERR))
				channel_lost(emb);
			return;
		}
		/* Without room for them the kernel drops descriptors: none are legal here. */
		got = recv(source->fd, bytes, want < sizeof(bytes) ? want : sizeof(bytes),
			   MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			channel_lost(emb);
			return;
		}
		if (vvu_device_channel_input(emb->device, bytes, (size_t)got) < 0)
			return;
	}
}

int emb_socket_send(struct emb_socket *s, const void *msg, size_t len, const int *fds,
		    unsigned int nfds)
{
	return vvu_send_whole(s->stream.fd, msg, len, fds, nfds);
}

int emb_socket_channel_send(struct emb_socket *s, const void *msg, size_t len)
{
	return vvu_send_whole(s->channel.fd, msg, len, NULL, 0);
}

int emb_socket_channel(struct vvu_emb *emb, int fd)
{
	if (fd < 0) {
		emb_source_drop(emb->epoll_fd, &emb->socket.channel);
		return 0;
	}
	return emb_source_watch(emb->epoll_fd, &emb->socket.channel, fd, EPOLLIN);
}

void emb_socket_update(struct vvu_emb *emb)
{
	struct emb_socket *s = &emb->socket;

	if (s->client || s->given >= 0) {
		if (wants_frontend(emb) && !s->timer_armed)
			arm_timer(s, s->next_attempt_ns > 0 ? s->next_attempt_ns : 1);
	} else if (s->listener.fd < 0) {
		/* The one frontend has been, or is, here. */
	} else if (wants_frontend(emb) && !s->timer_armed) {
		emb_source_watch(emb->epoll_fd, &s->accept, s->listener.fd, EPOLLIN);
	} else {
		emb_source_drop(emb->epoll_fd, &s->accept);
	}
	if (s->stream.fd >= 0)
		emb_source_watch(emb->epoll_fd, &s->stream, s->stream.fd,
				 vvu_device_frontend_want(emb->device) > 0 ? EPOLLIN : 0);
	if (s->channel.fd >= 0)
		emb_source_watch(emb->epoll_fd, &s->channel, s->channel.fd,
				 vvu_device_channel_want(emb->device) > 0 ? EPOLLIN : 0);
}

/* Is config->fd a socket to serve, and a listening one? 1, 0 (connected), or -errno. */
static int check_given(const struct vvu_emb_config *config, struct vhu_reason *reason)
{
	int domain = 0, type = 0, listens = 0;
	socklen_t length = sizeof(int);
	struct sockaddr_un peer;
	socklen_t peer_length = sizeof(peer);

	if (config->client || config->socket_path != NULL || config->socket_mode != 0 ||
	    config->socket_group != 0) {
		vhu_reason_set(reason, "fd: not together with client, socket_path, socket_mode or "
				       "socket_group");
		return -EINVAL;
	}
	if (getsockopt(config->fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 ||
	    getsockopt(config->fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ||
	    getsockopt(config->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0) {
		int err = -errno;

		vhu_reason_set(reason, "fd: %d: %s", config->fd, strerror(-err));
		return err;
	}
	if (domain != AF_UNIX || type != SOCK_STREAM) {
		vhu_reason_set(reason, "fd: %d is not an AF_UNIX stream socket", config->fd);
		return -EINVAL;
	}
	if (listens)
		return 1;
	if (getpeername(config->fd, (struct sockaddr *)&peer, &peer_length) < 0) {
		vhu_reason_set(reason, "fd: the socket %d is neither listening nor connected",
			       config->fd);
		return -EINVAL;
	}
	return 0;
}

static int init_given(struct emb_socket *s, const struct vvu_emb_config *config,
		      struct vhu_reason *reason)
{
	int listens = check_given(config, reason);
	int fd, flags, err;

	if (listens < 0)
		return listens;
	fd = fcntl(config->fd, F_DUPFD_CLOEXEC, 0);
	flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		err = -errno;
		vhu_reason_set(reason, "fd: %d: %s", config->fd, strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (listens) {
		emb_listener_adopt(&s->listener, fd);
	} else {
		s->handed_in = true;
		s->given = fd;
	}
	return 0;
}

int emb_socket_init(struct vvu_emb *emb, const struct vvu_emb_config *config,
		    struct vhu_reason *reason)
{
	struct emb_socket *s = &emb->socket;
	int fd, err;

	s->client = config->client;
	s->pause_ns = (config->reconnect_ms ? config->reconnect_ms : DEFAULT_RECONNECT_MS) *
		      NS_PER_MS;
	if (config->has_fd)
		err = init_given(s, config, reason);
	else
		err = emb_unix_address(config->socket_path, &s->address, reason);
	if (err < 0)
		return err;
	if (config->socket_mode & ~0777u) {
		vhu_reason_set(reason, "socket_mode: 0%o has more than permission bits",
			       config->socket_mode);
		return -EINVAL;
	}
	fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0) {
		err = -errno;
		vhu_reason_set(reason, "timerfd_create: %s", strerror(-err));
		return err;
	}
	err = emb_source_watch(emb->epoll_fd, &s->timer, fd, EPOLLIN);
	if (err < 0) {
		close(fd);
		return err;
	}
	if (s->client || config->has_fd)
		return 0;
	return emb_listener_open(&s->listener, config->socket_path,
				 config->socket_mode ? config->socket_mode : DEFAULT_MODE,
				 config->socket_group, reason);
}

void emb_socket_prepare(struct emb_socket *s)
{
	s->listener.fd = -1;
	s->given = -1;
	emb_source_init(&s->accept, 0, accept_ready);
	emb_source_init(&s->stream, 0, stream_ready);
	emb_source_init(&s->channel, 0, channel_ready);
	emb_source_init(&s->timer, 0, timer_ready);
}

void emb_socket_fini(struct vvu_emb *emb)
{
	struct emb_socket *s = &emb->socket;
	int timer_fd = s->timer.fd;

	emb_source_drop(emb->epoll_fd, &s->channel);
	emb_source_drop(emb->epoll_fd, &s->accept);
	emb_socket_close(emb);
	emb_listener_close(&s->listener);
	if (s->given >= 0)
		close(s->given);
	s->given = -1;
	if (timer_fd >= 0) {
		emb_source_drop(emb->epoll_fd, &s->timer);
		close(timer_fd);
	}
}
