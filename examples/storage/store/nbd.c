/* SPDX-License-Identifier: BSD-3-Clause */
/* nbd: an export of an NBD server, through libnbd. The connection is remote.c's to keep. */
#include <errno.h>
#include <inttypes.h>
#include <libnbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote.h"

/* Of one request; servers need take no more unless they say so (NBD protocol, "Block sizes"). */
#define NBD_TRANSFER_MAX	(32u << 20)
/* Trim and zero carry no data; a multiple of all block sizes. */
#define NBD_RANGE_MAX		(1u << 30)
#define NBD_CONNECT_LOOK_NS	5000000000ull

struct nbd_options {
	struct store_options common;
	const char *uri;
	const char *export_name;
	const char *socket;
	uint64_t timeout_ms;
	bool writeback;
};

struct nbd {
	char *uri, *export_name, *socket;
	struct nbd_handle *handle;	/* NULL: not connected */
};

static inline struct nbd *nbd_of(const struct remote *remote)
{
	return remote->private;
}

static int nbd_error(char *why)
{
	int error = nbd_get_errno();

	snprintf(why, REMOTE_STATE_MAX, "%.150s", nbd_get_error() ? nbd_get_error() : "?");
	return error ? -error : -EIO;
}

static struct nbd_handle *start(const struct nbd *nbd)
{
	struct nbd_handle *handle = nbd_create();
	int ret;

	if (!handle)
		return NULL;
	/* Buffers of reads are a guest's: what a failed read leaves in them was there before. */
	nbd_set_pread_initialize(handle, false);
	/* A description comes from whoever configures us, but it must not make us run programs. */
	nbd_set_uri_allow_transports(handle, LIBNBD_ALLOW_TRANSPORT_TCP |
				     LIBNBD_ALLOW_TRANSPORT_UNIX);
	nbd_set_uri_allow_tls(handle, LIBNBD_TLS_DISABLE);
	if (nbd->export_name && nbd_set_export_name(handle, nbd->export_name) < 0)
		ret = -1;
	else if (nbd->socket)
		ret = nbd_aio_connect_unix(handle, nbd->socket);
	else
		ret = nbd_aio_connect_uri(handle, nbd->uri);
	if (ret < 0) {
		nbd_close(handle);
		return NULL;
	}
	return handle;
}

static int nbd_connect_start(struct remote *remote, char *why)
{
	struct nbd *nbd = nbd_of(remote);

	nbd->handle = start(nbd);
	return nbd->handle ? 0 : nbd_error(why);
}

static void nbd_wants(struct remote *remote, struct pollfd *fd)
{
	struct nbd_handle *handle = nbd_of(remote)->handle;
	unsigned int direction = nbd_aio_get_direction(handle);

	fd->fd = nbd_aio_get_fd(handle);
	if (direction & LIBNBD_AIO_DIRECTION_READ)
		fd->events |= POLLIN;
	if (direction & LIBNBD_AIO_DIRECTION_WRITE)
		fd->events |= POLLOUT;
}

/* What the server says; what it says wrong is its own: the numbers are checked by the user. */
static int read_link(struct nbd_handle *handle, struct remote_link *link, char *why)
{
	int64_t size = nbd_get_size(handle);
	int64_t minimum = nbd_get_block_size(handle, LIBNBD_SIZE_MINIMUM);
	int64_t preferred = nbd_get_block_size(handle, LIBNBD_SIZE_PREFERRED);
	int64_t maximum = nbd_get_block_size(handle, LIBNBD_SIZE_MAXIMUM);

	if (size < 0)
		return nbd_error(why);
	if (minimum > 65536) {
		snprintf(why, REMOTE_STATE_MAX, "blocks of %" PRIi64 " bytes", minimum);
		return -EPROTO;
	}
	*link = (struct remote_link){
		.size_bytes = (uint64_t)size,
		.block_bytes = minimum > 512 ? (uint32_t)minimum : 512,
		.physical_bytes = preferred > 0 && preferred <= 65536 ? (uint32_t)preferred : 4096,
		.max_transfer_bytes = NBD_TRANSFER_MAX,
		.read_only = nbd_is_read_only(handle) == 1,
		.rotational = nbd_is_rotational(handle) == 1,
		.can_flush = nbd_can_flush(handle) == 1,
		.can_fua = nbd_can_fua(handle) == 1,
		.can_fua_zeroes = nbd_can_fua(handle) == 1,
	};
	if (preferred > 0 && preferred <= INT32_MAX)
		link->optimal_bytes = (uint32_t)preferred;
	if (maximum > 0 && maximum < NBD_TRANSFER_MAX)
		link->max_transfer_bytes = (uint64_t)maximum & ~(uint64_t)(link->block_bytes - 1);
	if (nbd_can_trim(handle) == 1)
		link->max_discard_bytes = NBD_RANGE_MAX;
	if (nbd_can_zero(handle) == 1)
		link->max_zeroes_bytes = NBD_RANGE_MAX;
	link->discard_granularity_bytes = link->block_bytes;
	return 0;
}

static int notify(struct nbd_handle *handle, short revents, char *why)
{
	unsigned int direction = nbd_aio_get_direction(handle);
	int ret = 0;

	/* An error shows in whatever is waited for. */
	if (revents & (POLLIN | POLLHUP | POLLERR) && direction & LIBNBD_AIO_DIRECTION_READ)
		ret = nbd_aio_notify_read(handle);
	else if (revents & (POLLOUT | POLLHUP | POLLERR) && direction & LIBNBD_AIO_DIRECTION_WRITE)
		ret = nbd_aio_notify_write(handle);
	if (ret < 0)
		return nbd_error(why);
	if (nbd_aio_is_dead(handle) || nbd_aio_is_closed(handle)) {
		snprintf(why, REMOTE_STATE_MAX, "the server closed the connection");
		return -ECONNRESET;
	}
	return 0;
}

static int nbd_service(struct remote *remote, short revents, char *why)
{
	struct nbd_handle *handle = nbd_of(remote)->handle;
	bool connecting = remote->state == REMOTE_CONNECTING;
	int ret = notify(handle, revents, why);

	if (ret || !connecting || !nbd_aio_is_ready(handle))
		return ret;
	ret = read_link(handle, &remote->link, why);
	return ret ? ret : 1;
}

/* The errors that the protocol has, as a disk has them. */
static int result_of(int error)
{
	switch (error) {
	case 0:
		return 0;
	case ENOSPC:
	case EROFS:
	case ENOMEM:
		return -error;
	case EPERM:
		return -EROFS;
	case ENOTSUP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

static int step_done(void *arg, int *error)
{
	struct remote_request *request = arg;

	/* The first is libnbd's for a connection that died, the other a server's that will. */
	if (*error == ENOTCONN || *error == ESHUTDOWN)
		remote_link_broken(request->remote);
	else
		remote_step_done(request, result_of(*error));
	return 1; /* libnbd need not remember it */
}

static int nbd_issue(struct remote *remote, struct remote_request *request)
{
	struct nbd_handle *handle = nbd_of(remote)->handle;
	nbd_completion_callback callback = { .callback = step_done, .user_data = request };
	uint32_t flags = request->fua ? LIBNBD_CMD_FLAG_FUA : 0;
	int64_t cookie = -1;

	switch (request->step) {
	case REMOTE_READ:
		cookie = nbd_aio_pread(handle, request->data, request->length, request->offset,
				       callback, 0);
		break;
	case REMOTE_WRITE:
		cookie = nbd_aio_pwrite(handle, request->data, request->length, request->offset,
					callback, flags);
		break;
	case REMOTE_FLUSH:
		cookie = nbd_aio_flush(handle, callback, 0);
		break;
	case REMOTE_DISCARD:
		cookie = nbd_aio_trim(handle, request->length, request->offset, callback, 0);
		break;
	case REMOTE_ZEROES:
		if (!request->unmap)
			flags |= LIBNBD_CMD_FLAG_NO_HOLE;
		cookie = nbd_aio_zero(handle, request->length, request->offset, callback, flags);
		break;
	}
	if (cookie >= 0)
		return 0;
	/* Not sent. If that is because the connection is gone, it is for the next one. */
	if (!nbd_aio_is_ready(handle) && !nbd_aio_is_processing(handle)) {
		remote_link_broken(remote);
		return -EAGAIN;
	}
	return -EIO;
}

static void nbd_disconnect(struct remote *remote)
{
	struct nbd *nbd = nbd_of(remote);
	struct nbd_handle *handle = nbd->handle;

	if (!handle)
		return;
	nbd->handle = NULL;
	/* A server that hears no good-bye may complain. */
	if (nbd_aio_is_ready(handle) && !nbd_aio_in_flight(handle))
		nbd_aio_disconnect(handle, 0);
	nbd_close(handle);
}

/* NBD tells a size at connecting only, so this is a connection of its own. */
static int nbd_look(struct remote *remote, uint64_t *size_bytes)
{
	struct nbd_handle *handle = start(nbd_of(remote));
	uint64_t limit = remote->timeout_ns < NBD_CONNECT_LOOK_NS ? remote->timeout_ns :
								    NBD_CONNECT_LOOK_NS;
	uint64_t end_ns = remote_now_ns() + limit;
	struct remote_link link;
	char why[REMOTE_STATE_MAX];
	int ret = handle ? 0 : nbd_error(why);

	while (!ret && !nbd_aio_is_ready(handle)) {
		uint64_t now_ns = remote_now_ns();

		ret = now_ns >= end_ns ? -ETIMEDOUT :
					 nbd_poll(handle, (int)((end_ns - now_ns) / 1000000) + 1);
		if (ret < 0 && ret != -ETIMEDOUT)
			ret = nbd_error(why);
		else if (ret > 0)
			ret = 0;
		if (!ret && (nbd_aio_is_dead(handle) || nbd_aio_is_closed(handle)))
			ret = -ECONNRESET;
	}
	if (!ret)
		ret = read_link(handle, &link, why);
	if (!ret)
		*size_bytes = link.size_bytes;
	nbd_close(handle);
	return ret;
}

static void nbd_free(struct remote *remote)
{
	struct nbd *nbd = nbd_of(remote);

	free(nbd->uri);
	free(nbd->export_name);
	free(nbd->socket);
	free(nbd);
}

static void nbd_describe(struct remote *remote, json_t *object)
{
	const struct nbd *nbd = nbd_of(remote);

	if (nbd->uri)
		json_object_set_new(object, "uri", json_string(nbd->uri));
	if (nbd->socket)
		json_object_set_new(object, "socket", json_string(nbd->socket));
	if (nbd->export_name)
		json_object_set_new(object, "export", json_string(nbd->export_name));
}

static const struct remote_protocol nbd_protocol = {
	.type = "nbd",
	.connect = nbd_connect_start,
	.wants = nbd_wants,
	.service = nbd_service,
	.issue = nbd_issue,
	.disconnect = nbd_disconnect,
	.look = nbd_look,
	.free = nbd_free,
	.describe = nbd_describe,
};

static int check_options(const struct nbd_options *options, struct vhu_reason *reason)
{
	if (!options->uri == !options->socket) {
		vhu_reason_set(reason, "nbd: just one of \"uri\" and \"socket\" says where it is");
		return -EINVAL;
	}
	if (!options->uri)
		return 0;
	if (options->export_name) {
		vhu_reason_set(reason,
			       "nbd: \"export\" is for \"socket\"; a \"uri\" has it inside");
		return -EINVAL;
	}
	if (!strncmp(options->uri, "nbds", 4)) {
		vhu_reason_set(reason, "nbd: \"uri\" %.80s: TLS is not supported", options->uri);
		return -ENOTSUP;
	}
	if (strncmp(options->uri, "nbd://", 6) && strncmp(options->uri, "nbd+unix://", 11)) {
		vhu_reason_set(reason, "nbd: \"uri\" %.80s begins with neither nbd:// nor "
			       "nbd+unix://", options->uri);
		return -EINVAL;
	}
	return 0;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int nbd_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct nbd_options *options = arg;
	struct remote *remote;
	struct nbd *nbd;
	int ret = check_options(options, reason);

	if (ret)
		return ret;
	remote = calloc(1, sizeof(*remote));
	nbd = calloc(1, sizeof(*nbd));
	if (!remote || !nbd) {
		free(remote);
		free(nbd);
		return -ENOMEM;
	}
	nbd->uri = copy(options->uri);
	nbd->export_name = copy(options->export_name);
	nbd->socket = copy(options->socket);
	remote->protocol = &nbd_protocol;
	remote->private = nbd;
	remote->timeout_ns = options->timeout_ms * 1000000;
	remote->writeback = options->writeback;
	remote->asked_read_only = options->common.read_only;
	return remote_open(remote, store, reason);
}

static void nbd_defaults(void *options)
{
	((struct nbd_options *)options)->timeout_ms = 30000;
}

STORE_OPTIONS_FIT(nbd_options);

static const struct store_key nbd_keys[] = {
	{ "uri", STORE_KEY_STRING, false, offsetof(struct nbd_options, uri), 0, 0, NULL },
	{ "socket", STORE_KEY_STRING, false, offsetof(struct nbd_options, socket), 0, 0, NULL },
	{ "export", STORE_KEY_STRING, false, offsetof(struct nbd_options, export_name), 0, 0,
	  NULL },
	{ "timeout_ms", STORE_KEY_NUMBER, false, offsetof(struct nbd_options, timeout_ms), 100,
	  3600000, NULL },
	{ "writeback", STORE_KEY_BOOL, false, offsetof(struct nbd_options, writeback), 0, 0, NULL },
	{ 0 },
};

const struct store_kind store_kind_nbd = {
	.type = "nbd",
	.keys = nbd_keys,
	.defaults = nbd_defaults,
	.open = nbd_open,
};
