/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens a store and does what lines on its standard input say; answers each with a line of JSON.
 *
 *	write OFFSET LENGTH BYTE	all bytes BYTE; answers {"result": 0 or -errno, "ms": ...}
 *	read OFFSET LENGTH BYTE		the same; "wrong": bytes that are not BYTE
 *	flush | discard OFFSET LENGTH | zeroes OFFSET LENGTH | unmap OFFSET LENGTH
 *	resize BYTES
 *	describe
 *	info
 *	load QUEUES DEPTH		start; see exerciser_load.c
 *	stop				end it; answers its counts
 *	quit
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exerciser.h"

struct waiter {
	int result;
	bool done;
};

static void wake(struct store_io *io, int result, void *arg)
{
	struct waiter *waiter = arg;

	waiter->result = result;
	waiter->done = true;
}

static int run(struct store_queue *queue, struct store_io *io)
{
	struct waiter waiter = { 0 };

	store_submit(queue, io, wake, &waiter);
	store_kick(queue);
	while (!waiter.done) {
		struct pollfd fd = { .fd = store_fd(queue), .events = POLLIN };

		poll(&fd, 1, 1000);
		store_poll(queue);
		store_kick(queue);
	}
	return waiter.result;
}

static const struct {
	const char *name;
	enum store_op op;
	unsigned int flags;
} operations[] = {
	{ "read", STORE_READ, 0 },
	{ "write", STORE_WRITE, 0 },
	{ "durable", STORE_WRITE, STORE_F_FUA },
	{ "flush", STORE_FLUSH, 0 },
	{ "discard", STORE_DISCARD, 0 },
	{ "zeroes", STORE_WRITE_ZEROES, 0 },
	{ "unmap", STORE_WRITE_ZEROES, STORE_F_UNMAP },
};

/* True: the line was an operation. */
static bool operation(struct store_queue *queue, const char *name, uint64_t offset,
		      uint64_t length, unsigned int byte)
{
	uint64_t wrong = 0, before = exerciser_now_us();
	struct store_io io = { .offset = offset, .length = length, .iov_num = 1 };
	struct iovec iov = { .iov_len = length };
	unsigned char *data;
	size_t i = 0;
	int result;

	while (i < sizeof(operations) / sizeof(operations[0]) && strcmp(operations[i].name, name))
		i++;
	if (i == sizeof(operations) / sizeof(operations[0]))
		return false;
	io.op = operations[i].op;
	io.flags = operations[i].flags;
	io.iov = &iov;
	data = malloc(length ? length : 1);
	if (!data)
		exit(1);
	iov.iov_base = data;
	memset(data, io.op == STORE_WRITE ? (int)byte : (int)~byte, length);
	result = run(queue, &io);
	for (uint64_t k = 0; io.op == STORE_READ && !result && k < length; k++)
		wrong += data[k] != (unsigned char)byte;
	free(data);
	printf("{\"result\": %d, \"ms\": %" PRIu64 ", \"wrong\": %" PRIu64 "}\n", result,
	       (exerciser_now_us() - before) / 1000, wrong);
	return true;
}

static void print_info(const struct store *store)
{
	const struct store_info *info = &store->info;

	printf("{\"size\": %" PRIu64 ", \"block\": %u, \"read_only\": %d, \"volatile_cache\": %d, "
	       "\"discard\": %" PRIu64 ", \"discard_zeroes\": %d}\n",
	       store_size(store), info->block_bytes, info->read_only, info->volatile_cache,
	       info->max_discard_bytes, info->discard_zeroes);
}

static void command(struct store *store, struct store_queue *queue, const char *line)
{
	char name[16] = "";
	uint64_t first = 0, second = 0;
	unsigned int byte = 0;

	sscanf(line, "%15s %" SCNu64 " %" SCNu64 " %u", name, &first, &second, &byte);
	if (operation(queue, name, first, second, byte))
		return;
	if (!strcmp(name, "resize")) {
		printf("{\"result\": %d}\n", store_resize(store, first));
	} else if (!strcmp(name, "describe")) {
		json_t *object = store_describe(store);

		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(object);
	} else if (!strcmp(name, "info")) {
		print_info(store);
	} else if (!strcmp(name, "load")) {
		exerciser_load(store, (unsigned int)first, (unsigned int)second);
		printf("{}\n");
	} else if (!strcmp(name, "stop")) {
		exerciser_stop();
	} else {
		printf("{\"error\": \"no such command\"}\n");
	}
}

int main(int argc, char **argv)
{
	struct vhu_reason reason = { "" };
	struct store_queue *queue;
	struct store *store;
	char line[256];
	int ret;

	if (argc != 2) {
		fprintf(stderr, "usage: %s STORE\n", argv[0]);
		return 2;
	}
	ret = store_open_text(argv[1], false, &store, &reason);
	if (!ret)
		ret = store_queue_open(store, &queue);
	if (ret) {
		json_t *object = json_pack("{s:i, s:s}", "result", ret, "reason", reason.text);

		json_dumpf(object, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(object);
		return 1;
	}
	printf("{\"result\": 0}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) && strncmp(line, "quit", 4)) {
		command(store, queue, line);
		fflush(stdout);
	}
	store_queue_close(queue);
	store_close(store);
	return 0;
}
