/* SPDX-License-Identifier: BSD-3-Clause */
/* iscsi: a logical unit of an iSCSI or iSER target, through libiscsi. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iscsi.h"

#define INITIATOR "iqn.2024-01.io.vhost-relay:initiator"
#define LOOK_TIMEOUT_S 5

struct iscsi_options {
	struct store_options common;
	const char *uri;
	const char *initiator;
	uint64_t timeout_ms;
	bool writeback;
};

int iscsi_make_context(struct iscsi_store *iscsi, uint32_t isid, struct iscsi_context **context,
		       struct iscsi_url **url, char *why)
{
	*context = iscsi_create_context(iscsi->initiator);
	if (!*context)
		return -ENOMEM;
	/* That is ours to do: libiscsi would sleep. */
	iscsi_set_noautoreconnect(*context, 1);
	/* Its cache of small buffers takes smaller ones from iSER, and hands them out as if not. */
	if (iscsi->is_iser)
		iscsi_set_cache_allocations(*context, 0);
	iscsi_set_isid_random(*context, isid & 0xffffff, 0);
	*url = iscsi_parse_full_url(*context, iscsi->uri);
	if (!*url) {
		snprintf(why, REMOTE_STATE_MAX, "\"uri\": %.150s", iscsi_get_error(*context));
		iscsi_destroy_context(*context);
		*context = NULL;
		return -EINVAL;
	}
	iscsi_set_session_type(*context, ISCSI_SESSION_NORMAL);
	iscsi_set_header_digest(*context, ISCSI_HEADER_DIGEST_NONE_CRC32C);
	return 0;
}

static void iscsi_wants(struct remote *remote, struct pollfd *fd)
{
	struct iscsi_context *context = iscsi_store_of(remote)->context;

	fd->fd = iscsi_get_fd(context);
	fd->events = (short)(iscsi_which_events(context) | POLLRDHUP);
}

static int iscsi_serve(struct remote *remote, short revents, char *why)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	int ret = iscsi->is_iser ? iscsi_iser_serve(iscsi, revents) :
				   iscsi_service(iscsi->context, revents & ~POLLRDHUP);

	if (iscsi->error) {
		snprintf(why, REMOTE_STATE_MAX, "%s", iscsi->why);
		return iscsi->error;
	}
	if (ret < 0) {
		snprintf(why, REMOTE_STATE_MAX, "%.150s", iscsi_get_error(iscsi->context));
		return -EIO;
	}
	/* libiscsi leaves a connection that ended to be noticed by its commands. */
	if (revents & (POLLRDHUP | POLLHUP | POLLERR)) {
		snprintf(why, REMOTE_STATE_MAX, "the target closed the connection");
		return -ECONNRESET;
	}
	return iscsi->ready && remote->state == REMOTE_CONNECTING;
}

static int iscsi_watch(struct remote *remote, char *why)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);

	return iscsi->is_iser ? iscsi_iser_watch(iscsi, why) : 0;
}

static void iscsi_drop(struct remote *remote)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	struct iscsi_context *context = iscsi->context;

	/* The callbacks that follow see that it is not theirs any more. */
	iscsi->context = NULL;
	if (context)
		iscsi_destroy_context(context);
	for (unsigned int i = 0; i < REMOTE_REQUESTS; i++) {
		if (remote->requests[i].task)
			scsi_free_scsi_task(remote->requests[i].task);
		remote->requests[i].task = NULL;
	}
}

/* A session of its own, so that the store's goes on. */
static int iscsi_look(struct remote *remote, uint64_t *size_bytes)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	struct scsi_readcapacity16 *capacity;
	struct scsi_task *task = NULL;
	struct iscsi_context *context;
	struct iscsi_url *url;
	char why[REMOTE_STATE_MAX];
	int ret = iscsi_make_context(iscsi, iscsi->isid + 1, &context, &url, why);

	if (ret)
		return ret;
	iscsi_set_timeout(context, LOOK_TIMEOUT_S);
	if (iscsi_full_connect_sync(context, url->portal, url->lun)) {
		ret = -EIO;
	} else {
		task = iscsi_readcapacity16_sync(context, url->lun);
		capacity = task && task->status == SCSI_STATUS_GOOD ? scsi_datain_unmarshall(task) :
								      NULL;
		if (capacity && capacity->block_length == remote->store.info.block_bytes &&
		    capacity->returned_lba < UINT64_MAX / 65536)
			*size_bytes = (capacity->returned_lba + 1) * capacity->block_length;
		else
			ret = -EIO;
		if (task)
			scsi_free_scsi_task(task);
		iscsi_logout_sync(context);
	}
	iscsi_destroy_url(url);
	iscsi_destroy_context(context);
	return ret;
}

static void iscsi_free_store(struct remote *remote)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);

	iscsi_iser_close(iscsi);
	free(iscsi->uri);
	free(iscsi->initiator);
	free(iscsi);
}

static void iscsi_describe(struct remote *remote, json_t *object)
{
	const struct iscsi_store *iscsi = iscsi_store_of(remote);

	json_object_set_new(object, "unit", json_string(iscsi->where));
	json_object_set_new(object, "initiator", json_string(iscsi->initiator));
}

static const struct remote_protocol iscsi_protocol = {
	.type = "iscsi",
	.connect = iscsi_login_start,
	.wants = iscsi_wants,
	.service = iscsi_serve,
	.issue = iscsi_issue,
	.watch = iscsi_watch,
	.disconnect = iscsi_drop,
	.look = iscsi_look,
	.free = iscsi_free_store,
	.describe = iscsi_describe,
};

/* Before a thread is started: is this a URI that libiscsi can use? */
static int check_uri(struct iscsi_store *iscsi, struct vhu_reason *reason)
{
	struct iscsi_context *context;
	struct iscsi_url *url;
	char why[REMOTE_STATE_MAX] = "";
	int ret;

	if (strncmp(iscsi->uri, "iscsi://", 8) && strncmp(iscsi->uri, "iser://", 7)) {
		vhu_reason_set(reason, "iscsi: \"uri\" %.80s begins with neither iscsi:// nor "
			       "iser://", iscsi->uri);
		return -EINVAL;
	}
	iscsi->is_iser = !strncmp(iscsi->uri, "iser", 4);
	ret = iscsi_make_context(iscsi, iscsi->isid, &context, &url, why);
	if (ret) {
		vhu_reason_set(reason, "iscsi: %s", why);
		return ret;
	}
	snprintf(iscsi->where, sizeof(iscsi->where), "%.40s/%.64s/%d", url->portal, url->target,
		 url->lun);
	iscsi_destroy_url(url);
	iscsi_destroy_context(context);
	return 0;
}

static int iscsi_open(const void *arg, struct store **store, struct vhu_reason *reason)
{
	const struct iscsi_options *options = arg;
	struct remote *remote = calloc(1, sizeof(*remote));
	struct iscsi_store *iscsi = calloc(1, sizeof(*iscsi));
	struct timespec now;
	int ret = -ENOMEM;

	clock_gettime(CLOCK_REALTIME, &now);
	if (iscsi) {
		/* Two stores of a process, and two processes, must not end each other's session. */
		iscsi->isid = ((uint32_t)getpid() << 8) ^ (uint32_t)now.tv_nsec;
		iscsi->uri = strdup(options->uri);
		iscsi->initiator = strdup(options->initiator);
	}
	if (remote && iscsi && iscsi->uri && iscsi->initiator)
		ret = check_uri(iscsi, reason);
	if (!ret && iscsi->is_iser)
		ret = iscsi_iser_open(iscsi, reason);
	if (ret) {
		if (iscsi) {
			free(iscsi->uri);
			free(iscsi->initiator);
		}
		free(iscsi);
		free(remote);
		return ret;
	}
	remote->protocol = &iscsi_protocol;
	remote->private = iscsi;
	remote->timeout_ns = options->timeout_ms * 1000000;
	remote->writeback = options->writeback;
	remote->asked_read_only = options->common.read_only;
	return remote_open(remote, store, reason);
}

static void iscsi_defaults(void *arg)
{
	struct iscsi_options *options = arg;

	options->timeout_ms = 30000;
	options->initiator = INITIATOR;
}

STORE_OPTIONS_FIT(iscsi_options);

static const struct store_key iscsi_keys[] = {
	{ "uri", STORE_KEY_STRING, true, offsetof(struct iscsi_options, uri), 0, 0, NULL },
	{ "initiator", STORE_KEY_STRING, false, offsetof(struct iscsi_options, initiator), 0, 0,
	  NULL },
	{ "timeout_ms", STORE_KEY_NUMBER, false, offsetof(struct iscsi_options, timeout_ms), 100,
	  3600000, NULL },
	{ "writeback", STORE_KEY_BOOL, false, offsetof(struct iscsi_options, writeback), 0, 0,
	  NULL },
	{ 0 },
};

const struct store_kind store_kind_iscsi = {
	.type = "iscsi",
	.keys = iscsi_keys,
	.defaults = iscsi_defaults,
	.open = iscsi_open,
};
