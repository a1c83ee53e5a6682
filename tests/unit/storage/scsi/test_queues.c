/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio-scsi queues, on a target that is a fake: layouts, answers, functions, events */
#include "fixture.h"
#include "fake_target.h"

#define QUEUES	4u
#define REQUEST	2u	/* a request queue; 3 is another one */

static struct scsi_device device;
static struct scsi_queue queues[QUEUES];
static const struct scsi_address lun5 = { 0, 5 }, other_target = { 2, 0 };

/* A request, and the driver's buffers of it in pieces of @piece bytes */
struct driver {
	struct target_request *request;
	uint8_t readable[4096], writable[4096];
} driver, driver2;

static void make(struct driver *d, unsigned int queue, size_t readable, size_t writable,
		 size_t piece)
{
	const size_t private = scsi_request_bytes > scsi_control_bytes ? scsi_request_bytes :
			       scsi_control_bytes;
	struct vhr_chain *chain;

	free(d->request);
	d->request = calloc(1, sizeof(*d->request) + private);
	chain = &d->request->chain;
	memset(d->writable, 0xee, sizeof(d->writable));
	d->request->queue = &fake_tq[queue];
	chain->iov = d->request->iov;
	for (size_t at = 0; at < readable; at += piece)
		chain->iov[chain->readable++] = (struct iovec){
			d->readable + at, readable - at < piece ? readable - at : piece
		};
	for (size_t at = 0; at < writable; at += piece)
		chain->iov[chain->readable + chain->writable++] = (struct iovec){
			d->writable + at, writable - at < piece ? writable - at : piece
		};
	chain->readable_bytes = readable;
	chain->writable_bytes = writable;
}

/* lun, id, attributes; then the CDB */
static void header(struct driver *d, uint8_t target, uint8_t lun, const uint8_t *cdb, size_t bytes)
{
	memset(d->readable, 0, 51);
	d->readable[0] = 1;
	d->readable[1] = target;
	d->readable[2] = 0x40;
	d->readable[3] = lun;
	d->readable[8] = 0x77;	/* id */
	memcpy(d->readable + 19, cdb, bytes);
}

static void start_request(struct driver *d, size_t out, size_t in, size_t piece)
{
	requests_done = 0;
	make(d, REQUEST, 51 + out, 108 + in, piece);
	scsi_request_start(d->request);
}

static void expect_answer(const uint8_t *answer, size_t bytes, uint32_t written)
{
	assert_int_equal(requests_done, 1);
	assert_memory_equal(driver.writable, answer, bytes);
	assert_int_equal(last_written, written);
}

static int setup(void **state)
{
	scsi_setup(state);
	memset(&device, 0, sizeof(device));
	memset(queues, 0, sizeof(queues));
	break_reason[0] = '\0';
	device.queues = QUEUES;
	device.queue = calloc(QUEUES, sizeof(struct scsi_queue *));
	device.features = VSCSI_F_HOTPLUG | VSCSI_F_CHANGE;
	pthread_mutex_init(&device.lock, NULL);
	scsi_config_reset(&device);
	for (unsigned int i = 0; i < QUEUES; i++) {
		fake_tq[i] = (struct target_queue){ i, &device, &queues[i], false, NULL };
		queues[i].device = &device;
		queues[i].queue = &fake_tq[i];
		device.queue[i] = &queues[i];
		if (i == VSCSI_EVENTQ)
			continue;
		assert_int_equal(queue_lun_insert(&queues[i], lun5, paths[0], &fake->store), 0);
		assert_int_equal(queue_lun_insert(&queues[i], other_target, paths[1],
						  &fake->store), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int i = 0; i < QUEUES; i++) {
		if (i == VSCSI_EVENTQ)
			continue;
		queue_lun_close(&queues[i], queue_lun_hide(&queues[i], lun5));
		queue_lun_close(&queues[i], queue_lun_hide(&queues[i], other_target));
		assert_null(queues[i].first);
		assert_false(queue_has_target(&queues[i], 0));
	}
	free(device.queue);
	free(driver.request);
	free(driver2.request);
	driver.request = driver2.request = NULL;
	pthread_mutex_destroy(&device.lock);
	return scsi_teardown(state);
}

static void a_read_in_pieces_of_any_size(void **state)
{
	static const size_t sizes[] = { 10000, 512, 108, 64, 13, 7 };

	fill(1, 0x5c);
	for (unsigned int i = 0; i < 6; i++) {
		header(&driver, 0, 5, CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0));
		start_request(&driver, 0, 512, sizes[i]);
		expect_answer(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 108 + 512);
		/* All that is said to be written is: the sense area, too. */
		assert_int_equal(driver.writable[12], 0);
		assert_int_equal(driver.writable[107], 0);
		assert_int_equal(driver.writable[108], 0x5c);
		assert_int_equal(driver.writable[108 + 511], 0x5c);
		assert_int_equal(driver.writable[108 + 512], 0xee);
	}
	expect_op(0, STORE_READ, STORE_F_PAGE_BACKED, 1, 1);
}

static void a_write_in_pieces_of_any_size(void **state)
{
	static const size_t sizes[] = { 10000, 512, 51, 20, 19, 7 };

	for (unsigned int i = 0; i < 6; i++) {
		header(&driver, 0, 5, CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0));
		memset(driver.readable + 51, (int)i + 1, 512);
		start_request(&driver, 512, 0, sizes[i]);
		expect_answer(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 12);
		assert_int_equal(block_value(1), i + 1);
		assert_int_equal(fake->data[2 * BLOCK - 1], i + 1);
	}
}

static void residual_of_what_was_not_transferred(void **state)
{
	header(&driver, 0, 5, CDB(0x12, 0, 0, 0, 5, 0));
	start_request(&driver, 0, 255, 10000);
	expect_answer(BYTES(0, 0, 0, 0, 250, 0, 0, 0, 0, 0, 0, 0), 108 + 5);
}

static void sense_of_a_check_condition(void **state)
{
	header(&driver, 0, 5, CDB(0xc1));
	start_request(&driver, 0, 16, 10000);
	expect_answer(BYTES(18, 0, 0, 0, 16, 0, 0, 0, 0, 0, 2, 0,
			    0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0), 30);
	assert_int_equal(driver.writable[30], 0xee);
	assert_int_equal(queues[REQUEST].check_conditions, 1);
}

static void sense_is_cut_to_the_size_that_the_driver_set(void **state)
{
	uint8_t size[4] = { 4, 0, 0, 0 };

	assert_int_equal(scsi_set_config(&device, 20, 4, size, 0), 0);
	header(&driver, 0, 5, CDB(0xc1));
	requests_done = 0;
	make(&driver, REQUEST, 51, 16, 10000);
	scsi_request_start(driver.request);
	expect_answer(BYTES(4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x70, 0, 5, 0), 16);
}

static void a_cdb_of_the_size_that_the_driver_set(void **state)
{
	uint8_t size[4] = { 10, 0, 0, 0 };

	assert_int_equal(scsi_set_config(&device, 24, 4, size, 0), 0);
	header(&driver, 0, 5, CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0));
	memset(driver.readable + 29, 0x42, 512);
	requests_done = 0;
	make(&driver, REQUEST, 29 + 512, 108, 10000);
	scsi_request_start(driver.request);
	expect_answer(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 12);
	assert_int_equal(block_value(1), 0x42);
}

static void too_few_buffers_are_an_overrun(void **state)
{
	header(&driver, 0, 5, CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 2, 0));
	start_request(&driver, 0, 512, 10000);
	expect_answer(BYTES(0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1), 12);
}

static void bidirectional_requests_are_refused(void **state)
{
	header(&driver, 0, 5, CDB(0, 0, 0, 0, 0, 0));
	start_request(&driver, 512, 512, 10000);
	expect_answer(BYTES(0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 9), 12);
}

static void a_target_that_is_not_there(void **state)
{
	header(&driver, 1, 0, CDB(0, 0, 0, 0, 0, 0));
	start_request(&driver, 0, 0, 10000);
	expect_answer(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3), 12);
}

static void lun_fields_of_no_format(void **state)
{
	static const uint8_t luns[][8] = {
		{ 0 }, { 2, 0, 0x40, 5 }, { 1, 0, 0x41, 5 }, { 1, 0, 0x80, 5 },
		{ 1, 0, 0x40, 5, 0, 0, 0, 1 }, { 0xc1, 2 }, { 0xc1, 1, 0, 1 },
	};

	for (unsigned int i = 0; i < sizeof(luns) / sizeof(luns[0]); i++) {
		header(&driver, 0, 5, CDB(0, 0, 0, 0, 0, 0));
		memcpy(driver.readable, luns[i], 8);
		start_request(&driver, 0, 0, 10000);
		expect_answer(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3), 12);
	}
}

static void a_logical_unit_that_is_not_there(void **state)
{
	header(&driver, 0, 0, CDB(0, 0, 0, 0, 0, 0));
	start_request(&driver, 0, 0, 10000);
	assert_int_equal(driver.writable[10], 2);
	assert_int_equal(driver.writable[11], 0);
	assert_memory_equal(driver.writable + 12 + 12, "\x25\x00", 2);
}

static void a_lun_by_number(void **state)
{
	header(&driver, 0, 5, CDB(0, 0, 0, 0, 0, 0));
	driver.readable[2] = 0;
	start_request(&driver, 0, 0, 10000);
	expect_answer(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 12);
}

static void report_luns_of_a_target_without_lun_0(void **state)
{
	header(&driver, 0, 0, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0));
	start_request(&driver, 0, 64, 10000);
	assert_int_equal(last_written, 108 + 16);
	assert_memory_equal(driver.writable + 108,
			    "\0\0\0\x08\0\0\0\0\0\x05\0\0\0\0\0", 16);
}

static void report_luns_of_the_well_known_logical_units(void **state)
{
	header(&driver, 2, 1, CDB(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0));
	driver.readable[2] = 0xc1;
	start_request(&driver, 0, 64, 10000);
	assert_memory_equal(driver.writable + 108, "\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0", 16);
	/* Of the device: all, as it addresses them */
	memcpy(driver.readable, "\xc1\x01\0\0\0\0\0", 8);
	start_request(&driver, 0, 64, 10000);
	assert_int_equal(last_written, 108 + 24);
	assert_memory_equal(driver.writable + 108,
			    "\0\0\0\x10\0\0\0\0\x01\0\x40\x05\0\0\0\0\x01\x02\x40\0\0\0\0", 24);
}

static void a_header_that_is_cut_off(void **state)
{
	header(&driver, 0, 5, CDB(0, 0, 0, 0, 0, 0));
	requests_done = 0;
	make(&driver, REQUEST, 50, 108, 10000);
	scsi_request_start(driver.request);
	expect_answer(BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9), 12);
}

static void no_room_for_an_answer_breaks_the_ring(void **state)
{
	header(&driver, 0, 5, CDB(0, 0, 0, 0, 0, 0));
	requests_done = 0;
	make(&driver, REQUEST, 51, 107, 10000);
	scsi_request_start(driver.request);
	assert_int_equal(requests_done, 1);
	assert_non_null(strstr(break_reason, "107 bytes for an answer of 108"));
}

/* What does not fit into the array is counted all the same: no byte of it may be touched. */
static void more_pieces_than_promised(void **state)
{
	header(&driver, 0, 5, CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0));
	requests_done = 0;
	make(&driver, REQUEST, 51, 108 + 512, 10000);
	driver.request->too_many = true;
	driver.request->chain.writable_bytes += 4096;
	scsi_request_start(driver.request);
	expect_answer(BYTES(0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 9), 12);
}

static void more_pieces_than_promised_before_the_answer(void **state)
{
	header(&driver, 0, 5, CDB(0x2a, 0, 0, 0, 0, 1, 0, 0, 1, 0));
	requests_done = 0;
	make(&driver, REQUEST, 51, 20, 20);
	driver.request->too_many = true;
	driver.request->chain.writable_bytes = 108;
	scsi_request_start(driver.request);
	assert_int_equal(requests_done, 1);
	assert_non_null(strstr(break_reason, "20 bytes for an answer of 108"));
	make(&driver2, VSCSI_CONTROLQ, 8, 0, 8);
	driver2.request->too_many = true;
	driver2.request->chain.readable_bytes = 24;
	scsi_control_start(driver2.request);
	assert_non_null(strstr(break_reason, "pieces"));
}

/* ---- the control queue ---- */

static void tmf(uint32_t subtype, uint8_t target, uint8_t lun)
{
	memset(driver2.readable, 0, 24);
	driver2.readable[4] = (uint8_t)subtype;
	driver2.readable[8] = 1;
	driver2.readable[9] = target;
	driver2.readable[10] = 0x40;
	driver2.readable[11] = lun;
	driver2.readable[16] = 0x77;
	make(&driver2, VSCSI_CONTROLQ, 24, 1, 5);
	scsi_control_start(driver2.request);
}

static void read_under_way(void)
{
	fake->hold = true;
	header(&driver, 0, 5, CDB(0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0));
	start_request(&driver, 0, 512, 10000);
	assert_int_equal(requests_done, 0);
}

static void a_function_is_answered_when_the_driver_has_seen_what_it_aborted(void **state)
{
	read_under_way();
	tmf(VSCSI_ABORT_TASK, 0, 5);
	assert_int_equal(run_posted(10), 0);
	fake_tq[REQUEST].not_told = true;
	fake_release(fake);
	expect_answer(BYTES(0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 2), 12);
	/* The abort is there, in a ring that the driver does not know of yet. */
	assert_int_equal(run_posted(10), 10);
	assert_int_equal(driver2.writable[0], 0xee);
	fake_tq[REQUEST].not_told = false;
	assert_true(run_posted(10) < 10);
	assert_int_equal(driver2.writable[0], 0);
	assert_int_equal(requests_done, 2);
	assert_int_equal(last_written, 1);
}

static void a_reset_is_told_to_its_commands(void **state)
{
	read_under_way();
	tmf(VSCSI_LOGICAL_UNIT_RESET, 0, 5);
	fake_release(fake);
	assert_int_equal(driver.writable[11], 4);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 0);
}

static void a_nexus_reset_is_of_all_of_the_target(void **state)
{
	read_under_way();
	tmf(VSCSI_I_T_NEXUS_RESET, 2, 0);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 0);	/* another target: at once */
	tmf(VSCSI_I_T_NEXUS_RESET, 0, 77);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 0xee);
	fake_release(fake);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 0);
	assert_int_equal(driver.writable[11], 4);
}

static void functions_that_ask(void **state)
{
	read_under_way();
	tmf(VSCSI_QUERY_TASK, 0, 5);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 10);
	tmf(VSCSI_QUERY_TASK_SET, 2, 0);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 0);
	fake_release(fake);
}

static void functions_that_cannot_be(void **state)
{
	tmf(VSCSI_CLEAR_ACA, 0, 5);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 11);
	tmf(99, 0, 5);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 11);
	tmf(VSCSI_ABORT_TASK, 0, 6);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 12);
	tmf(VSCSI_ABORT_TASK, 9, 5);
	run_posted(10);
	assert_int_equal(driver2.writable[0], 3);
}

static void notifications_are_of_nothing(void **state)
{
	memset(driver2.readable, 0, 16);
	memcpy(driver2.readable, "\x02\0\0\0\x01\0\x40\x05\0\0\0\0\x3e\0\0", 16);
	make(&driver2, VSCSI_CONTROLQ, 16, 5, 3);
	scsi_control_start(driver2.request);
	assert_memory_equal(driver2.writable, "\0\0\0\0", 5);
	assert_int_equal(last_written, 5);
}

static void control_requests_that_make_no_sense(void **state)
{
	make(&driver2, VSCSI_CONTROLQ, 23, 1, 100);
	memset(driver2.readable, 0, 24);
	scsi_control_start(driver2.request);
	assert_non_null(strstr(break_reason, "type 0"));
	driver2.readable[0] = 7;
	make(&driver2, VSCSI_CONTROLQ, 24, 1, 100);
	scsi_control_start(driver2.request);
	assert_non_null(strstr(break_reason, "type 7"));
	make(&driver2, VSCSI_CONTROLQ, 0, 1, 100);
	scsi_control_start(driver2.request);
	assert_non_null(strstr(break_reason, "0 bytes"));
}

/* ---- the event queue ---- */

static void tell(uint32_t event, uint32_t reason)
{
	const struct scsi_event what = { .event = event, .reason = reason, .at = { 2, 9 } };

	scsi_event_tell(&device, &what);
}

static unsigned int give_buffer(size_t bytes)
{
	make(&driver, VSCSI_EVENTQ, 0, bytes, 10000);
	fake_tq[VSCSI_EVENTQ].event = driver.request;
	requests_done = 0;
	return scsi_events_poll(&fake_tq[VSCSI_EVENTQ]);
}

static void events_wait_for_buffers(void **state)
{
	tell(VSCSI_T_TRANSPORT_RESET, VSCSI_RESET_RESCAN);
	tell(VSCSI_T_PARAM_CHANGE, VSCSI_PARAM_CAPACITY);
	assert_int_equal(give_buffer(16), 1);
	expect_answer(BYTES(1, 0, 0, 0, 1, 2, 0, 9, 0, 0, 0, 0, 1, 0, 0, 0), 16);
	assert_int_equal(give_buffer(16), 1);
	expect_answer(BYTES(3, 0, 0, 0, 1, 2, 0, 9, 0, 0, 0, 0, 0x2a, 9, 0, 0), 16);
	assert_int_equal(give_buffer(16), 0);
}

static void what_has_no_room_was_missed(void **state)
{
	for (unsigned int i = 0; i < SCSI_EVENTS + 3; i++)
		tell(VSCSI_T_TRANSPORT_RESET, VSCSI_RESET_REMOVED);
	assert_int_equal(give_buffer(16), 1);
	expect_answer(BYTES(1, 0, 0, 0x80, 1, 2, 0, 9, 0, 0, 0, 0, 2, 0, 0, 0), 16);
	for (unsigned int i = 1; i < SCSI_EVENTS; i++) {
		assert_int_equal(give_buffer(16), 1);
		assert_int_equal(driver.writable[3], 0);
	}
	assert_int_equal(give_buffer(16), 0);
}

static void a_buffer_that_is_too_small_misses_events(void **state)
{
	tell(VSCSI_T_TRANSPORT_RESET, VSCSI_RESET_RESCAN);
	assert_int_equal(give_buffer(15), 1);
	assert_int_equal(last_written, 0);
	assert_int_equal(give_buffer(16), 1);
	assert_int_equal(driver.writable[3], 0x80);
}

static void events_that_were_not_negotiated(void **state)
{
	device.features = VSCSI_F_CHANGE;
	tell(VSCSI_T_TRANSPORT_RESET, VSCSI_RESET_RESCAN);
	assert_int_equal(give_buffer(16), 0);
	device.features = VSCSI_F_HOTPLUG;
	tell(VSCSI_T_PARAM_CHANGE, VSCSI_PARAM_CAPACITY);
	assert_int_equal(give_buffer(16), 0);
}

/* ---- the configuration space ---- */

static void configuration_space(void **state)
{
	static const uint8_t expected[36] = {
		2, 0, 0, 0, 126, 0, 0, 0, 0, 128, 0, 0, 128, 0, 0, 0, 16, 0, 0, 0, 96, 0, 0, 0,
		32, 0, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0,
	};
	uint8_t config[36];

	assert_int_equal(scsi_get_config(&device, 0, 36, config), 0);
	assert_memory_equal(config, expected, 36);
	assert_int_not_equal(scsi_get_config(&device, 33, 4, config), 0);
	/* As it is it may be written, but num_queues not changed. */
	assert_int_equal(scsi_set_config(&device, 0, 36, config, 0), 0);
	config[0] = 3;
	assert_int_not_equal(scsi_set_config(&device, 0, 36, config, 0), 0);
}

static void sizes_that_cannot_be(void **state)
{
	static const uint8_t zero[4], large[4] = { 5, 1, 0, 0 }, huge[4] = { 1, 16, 0, 0 };

	assert_int_not_equal(scsi_set_config(&device, 24, 4, zero, 0), 0);
	assert_int_not_equal(scsi_set_config(&device, 24, 4, large, 0), 0);
	assert_int_not_equal(scsi_set_config(&device, 20, 4, huge, 0), 0);
	assert_int_equal(scsi_set_config(&device, 20, 4, zero, 0), 0);
	assert_int_equal(device.sense_size, 0);
	scsi_config_reset(&device);
	assert_int_equal(device.sense_size, 96);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_read_in_pieces_of_any_size),
		T(a_write_in_pieces_of_any_size),
		T(residual_of_what_was_not_transferred),
		T(sense_of_a_check_condition),
		T(sense_is_cut_to_the_size_that_the_driver_set),
		T(a_cdb_of_the_size_that_the_driver_set),
		T(too_few_buffers_are_an_overrun),
		T(bidirectional_requests_are_refused),
		T(a_target_that_is_not_there),
		T(lun_fields_of_no_format),
		T(a_logical_unit_that_is_not_there),
		T(a_lun_by_number),
		T(report_luns_of_a_target_without_lun_0),
		T(report_luns_of_the_well_known_logical_units),
		T(a_header_that_is_cut_off),
		T(no_room_for_an_answer_breaks_the_ring),
		T(more_pieces_than_promised),
		T(more_pieces_than_promised_before_the_answer),
		T(a_function_is_answered_when_the_driver_has_seen_what_it_aborted),
		T(a_reset_is_told_to_its_commands),
		T(a_nexus_reset_is_of_all_of_the_target),
		T(functions_that_ask),
		T(functions_that_cannot_be),
		T(notifications_are_of_nothing),
		T(control_requests_that_make_no_sense),
		T(events_wait_for_buffers),
		T(what_has_no_room_was_missed),
		T(a_buffer_that_is_too_small_misses_events),
		T(events_that_were_not_negotiated),
		T(configuration_space),
		T(sizes_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
