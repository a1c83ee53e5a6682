/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Login to an iSCSI target, and the questions to its logical unit: one after the other, each
 * sent when the answer to the one before is there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "iscsi.h"

/* SPC and SBC: byte 2 of the header of MODE SENSE(6) data, for disks. */
#define MODE_WRITE_PROTECT	0x80
#define MODE_DPOFUA		0x10

#define REDIRECTS_MAX		4u

static void ask_next(struct remote *remote);

static void give_up(struct iscsi_store *iscsi, int error, const char *what)
{
	const char *said = iscsi_get_error(iscsi->context);

	iscsi->error = error;
	snprintf(iscsi->why, sizeof(iscsi->why), "%s: %.100s", what, said ? said : "?");
}

static int take_capacity(struct remote *remote, const void *data)
{
	const struct scsi_readcapacity16 *capacity = data;
	struct remote_link *link = &remote->link;
	uint32_t transfer = iscsi_store_of(remote)->is_iser ? ISER_TRANSFER_MAX :
							      ISCSI_TRANSFER_MAX;

	if (!store_block_size_ok(capacity->block_length) ||
	    capacity->returned_lba >= UINT64_MAX / 65536)
		return -EPROTO;
	link->block_bytes = capacity->block_length;
	link->size_bytes = (capacity->returned_lba + 1) * capacity->block_length;
	link->physical_bytes = capacity->block_length;
	if (capacity->lbppbe < 8)
		link->physical_bytes <<= capacity->lbppbe;
	link->discard_zeroes = capacity->lbprz;
	link->max_transfer_bytes = transfer;
	/* Until the pages below say otherwise. */
	link->max_zeroes_bytes = transfer;
	link->discard_granularity_bytes = capacity->block_length;
	/* One that has no cache says that it does not know the command. */
	link->can_flush = true;
	return 0;
}

static int take_limits(struct remote *remote, const void *data)
{
	const struct scsi_inquiry_block_limits *limits = data;
	struct remote_link *link = &remote->link;
	uint64_t block = link->block_bytes, bytes;

	bytes = limits->max_xfer_len * block;
	if (bytes && bytes < link->max_transfer_bytes)
		link->max_transfer_bytes = bytes;
	link->optimal_bytes = limits->opt_xfer_len < UINT32_MAX / block ?
				      (uint32_t)(limits->opt_xfer_len * block) :
				      0;
	/* 0: no limit is told; then no more than what one write would carry. */
	if (limits->max_ws_len) {
		link->max_zeroes_bytes = ISCSI_RANGE_MAX;
		if (limits->max_ws_len < ISCSI_RANGE_MAX / block)
			link->max_zeroes_bytes = limits->max_ws_len * block;
	}
	link->max_discard_bytes = ISCSI_RANGE_MAX;
	if (limits->max_unmap < ISCSI_RANGE_MAX / block)
		link->max_discard_bytes = limits->max_unmap * block;
	if (limits->opt_unmap_gran && limits->opt_unmap_gran < (64u << 20) / block)
		link->discard_granularity_bytes = (uint32_t)(limits->opt_unmap_gran * block);
	return 0;
}

static int take_provisioning(struct remote *remote, const void *data)
{
	const struct scsi_inquiry_logical_block_provisioning *page = data;

	if (!page->lbpu)
		remote->link.max_discard_bytes = 0;
	iscsi_store_of(remote)->can_write_same_unmap = page->lbpws;
	return 0;
}

static int take_characteristics(struct remote *remote, const void *data)
{
	const struct scsi_inquiry_block_device_characteristics *page = data;

	/* 1: it does not rotate; 0: it does not say. */
	remote->link.rotational = page->medium_rotation_rate > 1;
	return 0;
}

static int take_mode(struct remote *remote, const void *data)
{
	const struct scsi_mode_sense *mode = data;

	remote->link.read_only = mode->device_specific_parameter & MODE_WRITE_PROTECT;
	/* Of WRITE; WRITE SAME has no such bit (SBC-3, 5.47). */
	remote->link.can_fua = mode->device_specific_parameter & MODE_DPOFUA;
	return 0;
}

enum question_kind { ASK_CAPACITY, ASK_PAGE, ASK_MODE };

static const struct {
	const char *name;
	enum question_kind kind;
	int page;
	bool optional;			/* then an error means: not there */
	int (*take)(struct remote *remote, const void *data);
} questions[] = {
	{ "READ CAPACITY(16)", ASK_CAPACITY, 0, false, take_capacity },
	{ "block limits", ASK_PAGE, SCSI_INQUIRY_PAGECODE_BLOCK_LIMITS, true, take_limits },
	{ "provisioning", ASK_PAGE, SCSI_INQUIRY_PAGECODE_LOGICAL_BLOCK_PROVISIONING, true,
	  take_provisioning },
	{ "characteristics", ASK_PAGE, SCSI_INQUIRY_PAGECODE_BLOCK_DEVICE_CHARACTERISTICS, true,
	  take_characteristics },
	{ "MODE SENSE(6)", ASK_MODE, SCSI_MODEPAGE_RETURN_ALL_PAGES, true, take_mode },
};

#define NUM_QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static void answered(struct iscsi_context *context, int status, void *command_data,
		     void *private_data)
{
	struct remote *remote = private_data;
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	struct scsi_task *task = command_data;
	unsigned int asked = iscsi->asked;
	void *data = NULL;
	int ret;

	if (iscsi->context != context || status == SCSI_STATUS_CANCELLED) {
		/* The connection is being dropped, or was lost. */
		if (iscsi->context == context)
			give_up(iscsi, -ECONNRESET, "the connection was lost");
		if (task)
			scsi_free_scsi_task(task);
		return;
	}
	if (status == SCSI_STATUS_CHECK_CONDITION && task &&
	    task->sense.key == SCSI_SENSE_UNIT_ATTENTION) {
		scsi_free_scsi_task(task);
		ask_next(remote);
		return;
	}
	if (status == SCSI_STATUS_GOOD && task)
		data = scsi_datain_unmarshall(task);
	if (data) {
		ret = questions[asked].take(remote, data);
		if (ret)
			give_up(iscsi, ret, "a capacity that cannot be");
	} else if (!questions[asked].optional) {
		give_up(iscsi, -EIO, questions[asked].name);
	} else if (questions[asked].page == SCSI_INQUIRY_PAGECODE_LOGICAL_BLOCK_PROVISIONING) {
		remote->link.max_discard_bytes = 0;
	}
	if (task)
		scsi_free_scsi_task(task);
	if (iscsi->error)
		return;
	iscsi->asked++;
	ask_next(remote);
}

static void ask_next(struct remote *remote)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	struct iscsi_context *context = iscsi->context;
	struct scsi_task *task = NULL;

	if (iscsi->asked == NUM_QUESTIONS) {
		iscsi->ready = true;
		return;
	}
	switch (questions[iscsi->asked].kind) {
	case ASK_CAPACITY:
		task = iscsi_readcapacity16_task(context, iscsi->lun, answered, remote);
		break;
	case ASK_PAGE:
		task = iscsi_inquiry_task(context, iscsi->lun, 1, questions[iscsi->asked].page, 255,
					  answered, remote);
		break;
	case ASK_MODE:
		task = iscsi_modesense6_task(context, iscsi->lun, 0, SCSI_MODESENSE_PC_CURRENT,
					     questions[iscsi->asked].page, 0, 255, answered,
					     remote);
		break;
	}
	if (!task)
		give_up(iscsi, -EIO, questions[iscsi->asked].name);
}

static void connected(struct iscsi_context *context, int status, void *command_data,
		      void *private_data);

static void connect_to(struct remote *remote, const char *portal)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);

	if (iscsi_connect_async(iscsi->context, portal, connected, remote))
		give_up(iscsi, -EIO, "connect");
}

static void logged_in(struct iscsi_context *context, int status, void *command_data,
		      void *private_data)
{
	struct remote *remote = private_data;
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	const char *address;

	if (iscsi->context != context)
		return;
	if (status == SCSI_STATUS_GOOD) {
		ask_next(remote);
		return;
	}
	/* iSCSI, RFC 7143, 11.13.5: the target is somewhere else for now. */
	address = status == SCSI_STATUS_REDIRECT ? iscsi_get_target_address(context) : NULL;
	if (!address || !address[0] || iscsi->redirects++ == REDIRECTS_MAX) {
		give_up(iscsi, -EIO, "login");
		return;
	}
	iscsi_disconnect(context);
	connect_to(remote, address);
}

/*
 * iscsi_full_connect_async() would do this and the login, but it remembers what to do in memory
 * that is lost when the connection is given up meanwhile, once a second while a target is away.
 */
static void connected(struct iscsi_context *context, int status, void *command_data,
		      void *private_data)
{
	struct remote *remote = private_data;
	struct iscsi_store *iscsi = iscsi_store_of(remote);

	if (iscsi->context != context)
		return;
	if (status != SCSI_STATUS_GOOD)
		give_up(iscsi, -EIO, "connect");
	else if (iscsi_login_async(context, logged_in, remote))
		give_up(iscsi, -EIO, "login");
}

int iscsi_login_start(struct remote *remote, char *why)
{
	struct iscsi_store *iscsi = iscsi_store_of(remote);
	struct iscsi_url *url = NULL;
	int ret = iscsi_make_context(iscsi, iscsi->isid, &iscsi->context, &url, why);

	if (ret)
		return ret;
	remote->link = (struct remote_link){ 0 };
	iscsi->lun = url->lun;
	iscsi->asked = 0;
	iscsi->ready = false;
	iscsi->error = 0;
	iscsi->can_write_same_unmap = false;
	iscsi->redirects = 0;
	connect_to(remote, url->portal);
	iscsi_destroy_url(url);
	if (iscsi->error)
		snprintf(why, REMOTE_STATE_MAX, "%s", iscsi->why);
	return iscsi->error;
}
