/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is a list of requests in a request queue and the control queue of a virtio-scsi
 * device: the sizes of the driver's buffers, and what is in them. Every buffer is an allocation
 * of its own, so that a byte beside it is found.
 */
#include <stdlib.h>
#include <string.h>

#include "unit/storage/scsi/fake_store.h"
#include "unit/storage/scsi/fake_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define QUEUES		4u
#define REQUESTS	8u
#define PIECES		12u

/* Of the first byte of a request; the second: how many readable and writable pieces */
#define F_CONTROL	0x01u
#define F_HOLD		0x02u
#define F_TOO_MANY	0x04u	/* and bytes are counted that no piece has */

static struct scsi_device device;
static struct scsi_queue queues[QUEUES];
static struct scsi_lu *lu;
static struct scsi_path *path;
static struct fake_store *fake;
/* The driver's memory; the device cuts its own list of pieces. */
static void *pieces[REQUESTS * 2 * PIECES];
static unsigned int num_pieces;

static void open_device(void)
{
	const struct scsi_address at = { 0, 5 };
	struct scsi_lu_config config = { .serial = "fuzz" };

	fake = fake_store_new(512);
	config.store = &fake->store;
	memset(&device, 0, sizeof(device));
	memset(queues, 0, sizeof(queues));
	device.queues = QUEUES;
	device.queue = calloc(QUEUES, sizeof(struct scsi_queue *));
	pthread_mutex_init(&device.lock, NULL);
	scsi_config_reset(&device);
	if (scsi_lu_create(&config, &lu, NULL) || scsi_path_add(lu, "one", &path))
		abort();
	path->ua = 0;
	for (unsigned int i = 0; i < QUEUES; i++) {
		fake_tq[i] = (struct target_queue){ i, &device, &queues[i], false, NULL };
		queues[i].device = &device;
		queues[i].queue = &fake_tq[i];
		device.queue[i] = &queues[i];
		if (i != VSCSI_EVENTQ && queue_lun_insert(&queues[i], at, path, &fake->store))
			abort();
	}
}

static void close_device(void)
{
	const struct scsi_address at = { 0, 5 };

	for (unsigned int i = 0; i < QUEUES; i++) {
		if (i != VSCSI_EVENTQ)
			queue_lun_close(&queues[i], queue_lun_hide(&queues[i], at));
	}
	scsi_path_remove(path);
	scsi_lu_destroy(lu);
	fake_store_free(fake);
	free(device.queue);
	pthread_mutex_destroy(&device.lock);
}

/* Sizes as they matter: a header, an answer, a block; or any small one. */
static size_t piece_size(uint8_t code)
{
	static const size_t sizes[] = { 51, 108, 512, 24, 1, 16, 1024, 19 };

	return code & 0x80 ? code & 0x7f : sizes[code & 7];
}

/* Bytes of the input that it took. */
static size_t start(struct target_request **out, const uint8_t *data, size_t size)
{
	const size_t private = scsi_request_bytes > scsi_control_bytes ? scsi_request_bytes :
			       scsi_control_bytes;
	const unsigned int readable = data[1] % PIECES, writable = (data[1] >> 4) % PIECES;
	struct target_request *request = calloc(1, sizeof(*request) + private);
	struct vhr_chain *chain = &request->chain;
	const uint8_t flags = data[0];
	size_t at = 2;

	request->queue = &fake_tq[flags & F_CONTROL ? VSCSI_CONTROLQ : VSCSI_FIXED_QUEUES];
	chain->iov = request->iov;
	for (unsigned int i = 0; i < readable + writable; i++) {
		size_t bytes = at < size ? piece_size(data[at++]) : 1;

		if (bytes == 0)
			bytes = 1;	/* the ring has none that is empty */
		chain->iov[i] = (struct iovec){ calloc(1, bytes), bytes };
		pieces[num_pieces++] = chain->iov[i].iov_base;
		if (i < readable)
			chain->readable_bytes += bytes;
		else
			chain->writable_bytes += bytes;
	}
	chain->readable = readable;
	chain->writable = writable;
	for (unsigned int i = 0; i < readable && at < size; i++) {
		size_t bytes = chain->iov[i].iov_len < size - at ? chain->iov[i].iov_len :
			       size - at;

		memcpy(chain->iov[i].iov_base, data + at, bytes);
		at += bytes;
	}
	if (flags & F_TOO_MANY) {
		request->too_many = true;
		chain->readable_bytes += writable ? 0 : 100;
		chain->writable_bytes += 100;
	}
	fake->hold = flags & F_HOLD;
	*out = request;
	if (flags & F_CONTROL)
		scsi_control_start(request);
	else
		scsi_request_start(request);
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct target_request *request[REQUESTS];
	unsigned int num = 0;

	open_device();
	requests_done = 0;
	while (size > 2 && num < REQUESTS) {
		size_t taken = start(&request[num], data, size);

		data += taken;
		size -= taken;
		num++;
	}
	fake_release(fake);
	while (run_posted(100) || fake->held)
		fake_release(fake);
	if (requests_done != num)
		abort();
	for (unsigned int i = 0; i < num; i++)
		free(request[i]);
	while (num_pieces)
		free(pieces[--num_pieces]);
	close_device();
	return 0;
}
