/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A logical unit on a fake store, three initiators with a path to it, and commands one at a
 * time. Buffers are in pieces of odd sizes.
 */
#ifndef TEST_SCSI_FIXTURE_H
#define TEST_SCSI_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vhost-scsi/scsi/task.h"
#include "fake_store.h"

#define BLOCK		512u
#define BUFFER_BYTES	(128u << 10)
#define PATHS		3u

struct test_task {
	struct scsi_task task;
	struct iovec out[8], in[8];
	uint8_t data_out[BUFFER_BYTES], data_in[BUFFER_BYTES];
	unsigned int done, woken;
};

extern struct fake_store *fake;
extern struct fake_queue fake_queue;
extern struct scsi_lu *lu;
extern struct scsi_path *paths[PATHS];
extern struct test_task *first, *second;	/* "first" is what the checks look at */

/* Options for scsi_setup_with(), applied to the store before the logical unit is made. */
typedef void store_setup(struct store_info *info);

/* cmocka setup and teardown; the power-on unit attentions are cleared. */
int scsi_setup(void **state);
int scsi_setup_with(store_setup *change);
int scsi_teardown(void **state);

/* Prepare and start, or start with @first; @t->data_out is what is sent. */
void start(struct test_task *t, unsigned int path, const uint8_t *cdb, size_t cdb_bytes,
	   size_t out_bytes, size_t in_bytes);
extern bool ordered;	/* task attribute of the commands from now on */
/* On path 0 with no more than that; on path N. */
void command_on(unsigned int path, const uint8_t *cdb, size_t cdb_bytes, size_t out_bytes,
		size_t in_bytes);
void send(const void *data, size_t bytes);

#define CDB(...) ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })
#define BYTES(...) ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })

/* A command without data, with @in bytes of room, with what is in data_out; on path 0. */
#define command(...) command_on(0, CDB(__VA_ARGS__), 0, 0)
#define command_in(in, ...) command_on(0, CDB(__VA_ARGS__), 0, in)
#define command_out(out, ...) command_on(0, CDB(__VA_ARGS__), out, 0)
/* On another one */
#define command_by(path, ...) command_on(path, CDB(__VA_ARGS__), 0, 0)

void expect_status(enum scsi_status status);
void expect_good(uint64_t transferred);
void expect_data(const uint8_t *data, size_t bytes);
void expect_sense(enum scsi_key key, enum scsi_asc asc);
/* ILLEGAL REQUEST that points at a field; bit -1: BPV is not set. */
void expect_bad_cdb(unsigned int byte, int bit);
void expect_bad_list(unsigned int byte, int bit);
/* Operation number @n of the store. */
void expect_op(unsigned int n, enum store_op op, unsigned int flags, uint64_t lba,
	       uint64_t blocks);
/* Call scsi_task_resume() for a task that was woken. */
void resume(struct test_task *t);
/* Fill block @lba of the store. */
void fill(uint64_t lba, uint8_t value);
uint8_t block_value(uint64_t lba);

#endif
