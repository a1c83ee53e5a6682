/* SPDX-License-Identifier: BSD-3-Clause */
/* Logical units come and go: descriptions, addresses, who is told, what is closed */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_open.h"
#include "fake_target.h"

#define QUEUES 4u

static struct scsi_device device, other;
static struct scsi_queue queues[QUEUES], other_queues[QUEUES];
static struct target_queue other_tq[QUEUES];
static struct vhu_reason reason;

static void init(struct scsi_device *d, struct scsi_queue *q, struct target_queue *tq,
		 const char *name)
{
	memset(d, 0, sizeof(*d));
	memset(q, 0, QUEUES * sizeof(*q));
	strcpy(d->name, name);
	d->queues = QUEUES;
	d->queue = calloc(QUEUES, sizeof(struct scsi_queue *));
	d->features = VSCSI_F_HOTPLUG | VSCSI_F_CHANGE;
	pthread_mutex_init(&d->lock, NULL);
	for (unsigned int i = 0; i < QUEUES; i++) {
		tq[i] = (struct target_queue){ i, d, &q[i], false, NULL };
		q[i].device = d;
		q[i].queue = &tq[i];
		d->queue[i] = &q[i];
	}
}

static int setup(void **state)
{
	stores_open = 0;
	slow_open_reset();
	init(&device, queues, fake_tq, "disks");
	init(&other, other_queues, other_tq, "more");
	return 0;
}

static int teardown(void **state)
{
	scsi_luns_remove_all(&device);
	scsi_luns_remove_all(&other);
	assert_int_equal(stores_open, 0);
	free(device.queue);
	free(other.queue);
	pthread_mutex_destroy(&device.lock);
	pthread_mutex_destroy(&other.lock);
	return 0;
}

static int add_to(struct scsi_device *d, const char *text)
{
	json_t *description = text[0] == '{' ? json_loads(text, 0, NULL) : json_string(text);
	int ret;

	assert_non_null(description);
	reason.text[0] = '\0';
	ret = scsi_lun_add(d, description, &reason);
	json_decref(description);
	return ret;
}

static int add(const char *text)
{
	return add_to(&device, text);
}

/* In all tables but the event queue's, or in none */
static bool is_there(uint8_t target, uint8_t lun)
{
	const struct scsi_address at = { target, lun };
	bool there = queue_lun_find(&queues[2], at);

	assert_int_equal(queue_lun_find(&queues[0], at) != NULL, there);
	assert_int_equal(queue_lun_find(&queues[3], at) != NULL, there);
	assert_null(queue_lun_find(&queues[1], at));
	return there;
}

static struct scsi_lu *lu_at(uint8_t target, uint8_t lun)
{
	return queue_lun_find(&queues[2], (struct scsi_address){ target, lun })->path->lu;
}

static int remove_at(uint8_t target, uint8_t lun)
{
	return scsi_lun_remove(&device, (struct scsi_address){ target, lun }, &reason);
}

static void texts_take_the_first_free_number(void **state)
{
	assert_int_equal(add("good"), 0);
	assert_int_equal(add("0:2=good"), 0);
	assert_int_equal(add("good"), 0);
	assert_int_equal(add("good"), 0);
	assert_true(is_there(0, 0) && is_there(0, 1) && is_there(0, 2) && is_there(0, 3));
	assert_false(is_there(0, 4));
}

static void addresses_in_texts(void **state)
{
	assert_int_equal(add("255:255=good"), 0);
	assert_true(is_there(255, 255));
	assert_int_equal(add("256:0=good"), -EINVAL);
	assert_int_equal(add("0:256=good"), -EINVAL);
	assert_non_null(strstr(reason.text, "lun"));
	/* No address: a store of that name */
	assert_int_equal(add("1:good"), -ENOENT);
	assert_non_null(strstr(reason.text, "\"1:good\""));
}

static void an_address_that_is_taken(void **state)
{
	assert_int_equal(add("1:1=good"), 0);
	assert_int_equal(add("1:1=good"), -EEXIST);
	assert_non_null(strstr(reason.text, "1:1"));
	assert_int_equal(stores_open, 1);
}

static void objects(void **state)
{
	assert_int_equal(add("{\"target\": 3, \"lun\": 4, \"store\": {\"type\": \"4k\"}, "
			     "\"read-only\": true, \"serial\": \"A1\", \"vendor\": \"V\", "
			     "\"product\": \"P\", \"revision\": \"R\"}"), 0);
	assert_true(is_there(3, 4));
	assert_string_equal(lu_at(3, 4)->serial, "A1");
	assert_string_equal(lu_at(3, 4)->vendor, "V");
	assert_string_equal(lu_at(3, 4)->product, "P");
	assert_string_equal(lu_at(3, 4)->revision, "R");
	assert_true(lu_at(3, 4)->info.read_only);
	assert_int_equal(scsi_block_bytes(lu_at(3, 4)), 4096);
}

static void an_object_in_a_text(void **state)
{
	json_t *text = json_string("{\"store\": \"good\", \"serial\": \"B2\"}");

	assert_int_equal(scsi_lun_add(&device, text, &reason), 0);
	json_decref(text);
	assert_string_equal(lu_at(0, 0)->serial, "B2");
	text = json_string("{\"store\"");
	assert_int_equal(scsi_lun_add(&device, text, &reason), -EINVAL);
	json_decref(text);
}

static void default_serials_differ_and_stay(void **state)
{
	assert_int_equal(add("good"), 0);
	assert_int_equal(add("2:7=good"), 0);
	assert_string_equal(lu_at(0, 0)->serial, "disks-0-0");
	assert_string_equal(lu_at(2, 7)->serial, "disks-2-7");
}

static void wrong_descriptions(void **state)
{
	static const char *const wrong[][2] = {
		{ "{}", "store" },
		{ "{\"store\": 1}", "store" },
		{ "{\"store\": \"good\", \"sotre\": 1}", "sotre" },
		{ "{\"store\": \"good\", \"lun\": \"1\"}", "lun" },
		{ "{\"store\": \"good\", \"target\": -1}", "target" },
		{ "{\"store\": \"good\", \"read-only\": 1}", "read-only" },
		{ "{\"store\": \"good\", \"serial\": \"\"}", "serial" },
		{ "{\"store\": \"good\", \"vendor\": \"too long a name\"}", "vendor" },
		{ "{\"store\": \"good\", \"product\": \"\\u00e4\"}", "product" },
		{ "{\"store\": \"good\", \"share\": 5}", "share" },
	};

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(add(wrong[i][0]), -EINVAL);
		assert_non_null(strstr(reason.text, wrong[i][1]));
		assert_int_equal(stores_open, 0);
	}
	assert_int_equal(device.num_luns, 0);
}

static void who_is_told_of_an_added_one(void **state)
{
	assert_int_equal(add("0:0=good"), 0);
	assert_int_equal(add("1:0=good"), 0);
	device.luns->path->ua = 0;
	device.luns->next->path->ua = 0;
	device.num_events = 0;
	assert_int_equal(add("0:5=good"), 0);
	assert_int_equal(device.luns->path->ua, 1u << SCSI_UA_LUNS_CHANGED);
	assert_int_equal(device.luns->next->path->ua, 0);	/* another target */
	assert_int_equal(device.num_events, 1);
	assert_int_equal(device.event[0].event, VSCSI_T_TRANSPORT_RESET);
	assert_int_equal(device.event[0].reason, VSCSI_RESET_RESCAN);
	assert_int_equal(device.event[0].at.lun, 5);
}

static void a_removed_one_is_gone_and_told(void **state)
{
	assert_int_equal(add("good"), 0);
	assert_int_equal(add("good"), 0);
	device.luns->path->ua = 0;
	device.num_events = 0;
	assert_int_equal(remove_at(0, 1), 0);
	assert_false(is_there(0, 1));
	assert_int_equal(stores_open, 1);
	assert_int_equal(device.luns->path->ua, 1u << SCSI_UA_LUNS_CHANGED);
	assert_int_equal(device.event[0].reason, VSCSI_RESET_REMOVED);
	assert_int_equal(remove_at(0, 1), -ENOENT);
	assert_non_null(strstr(reason.text, "0:1"));
	/* Without logical units there is no target. */
	assert_int_equal(remove_at(0, 0), 0);
	assert_false(queue_has_target(&queues[2], 0));
}

static void a_new_size_is_told(void **state)
{
	const struct scsi_address at = { 0, 0 };

	assert_int_equal(add("good"), 0);
	device.luns->path->ua = 0;
	device.num_events = 0;
	assert_int_equal(scsi_lun_resize(&device, at, 100 * 512, &reason), 0);
	assert_int_equal(lu_at(0, 0)->blocks, 100);
	assert_int_equal(device.luns->path->ua, 1u << SCSI_UA_CAPACITY_CHANGED);
	assert_int_equal(device.num_events, 1);
	assert_int_equal(device.event[0].event, VSCSI_T_PARAM_CHANGE);
	assert_int_equal(device.event[0].reason, 0x092a);
	/* The same once more is nothing new. */
	assert_int_equal(scsi_lun_resize(&device, at, 100 * 512, &reason), 0);
	assert_int_equal(device.num_events, 1);
	assert_int_equal(scsi_lun_resize(&device, at, 1ull << 40, &reason), -EINVAL);
	assert_int_equal(scsi_lun_resize(&device, at, 100, &reason), -EINVAL);
	assert_int_equal(scsi_lun_resize(&device, (struct scsi_address){ 0, 9 }, 0, &reason),
			 -ENOENT);
}

static void a_shared_one_is_one(void **state)
{
	assert_int_equal(add("{\"store\": \"good\", \"share\": \"x\"}"), 0);
	assert_int_equal(add_to(&other, "{\"store\": \"good\", \"share\": \"x\"}"), 0);
	assert_int_equal(stores_open, 1);
	assert_ptr_equal(other.luns->path->lu, device.luns->path->lu);
	assert_string_equal(lu_at(0, 0)->serial, "x");
	assert_string_equal(other.luns->path->nexus, "more");
	assert_int_equal(remove_at(0, 0), 0);
	assert_int_equal(stores_open, 1);
	assert_int_equal(other.luns->path->lu->info.block_bytes, 512);
}

static void as_many_as_there_is_room_for(void **state)
{
	for (unsigned int i = 0; i < SCSI_DEVICE_LUNS; i++)
		assert_int_equal(add("good"), 0);
	assert_true(is_there(0, 255));
	assert_int_equal(add("1:0=good"), -ENOSPC);
	assert_int_equal(stores_open, SCSI_DEVICE_LUNS);
}

static void the_list(void **state)
{
	json_t *list, *first;

	assert_int_equal(add("{\"store\": \"good\", \"share\": \"x\", \"lun\": 3}"), 0);
	assert_int_equal(add("good"), 0);
	list = scsi_lun_list(&device);
	assert_int_equal(json_array_size(list), 2);
	first = json_array_get(list, 0);
	assert_int_equal(json_integer_value(json_object_get(first, "lun")), 3);
	assert_int_equal(json_integer_value(json_object_get(first, "blocks")), 256);
	assert_string_equal(json_string_value(json_object_get(first, "share")), "x");
	assert_null(json_object_get(json_array_get(list, 1), "share"));
	json_decref(list);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

struct adding {
	struct scsi_device *device;
	const char *text;
	int ret;
};

static void *add_in_thread(void *arg)
{
	struct adding *adding = arg;
	json_t *description = json_loads(adding->text, 0, NULL);
	struct vhu_reason why;

	adding->ret = scsi_lun_add(adding->device, description, &why);
	json_decref(description);
	return NULL;
}

static void one_that_hangs_while_it_opens_holds_up_no_other_device(void **state)
{
	struct adding hanging = { &other, "{\"store\": \"slow\", \"share\": \"s\"}", 1 };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, add_in_thread, &hanging), 0);
	slow_open_wait_begun();
	assert_int_equal(add("good"), 0);
	assert_int_equal(add("{\"store\": \"good\", \"share\": \"x\"}"), 0);
	assert_int_equal(remove_at(0, 0), 0);
	slow_open_let_go(0);
	pthread_join(thread, NULL);
	assert_int_equal(hanging.ret, 0);
	assert_false(slow_open.waited_in_vain);
}

/* Both begin while the store opens; @result is what becomes of that. */
static void share_what_is_opening(int result)
{
	struct adding first = { &other, "{\"store\": \"slow\", \"share\": \"s\"}", 1 };
	struct adding second = { &device, "{\"store\": \"good\", \"share\": \"s\"}", 1 };
	pthread_t thread[2];

	assert_int_equal(pthread_create(&thread[0], NULL, add_in_thread, &first), 0);
	slow_open_wait_begun();
	assert_int_equal(pthread_create(&thread[1], NULL, add_in_thread, &second), 0);
	slow_open_let_go(result);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	assert_false(slow_open.waited_in_vain);
	assert_int_equal(first.ret, result);
	assert_int_equal(second.ret, 0);
	assert_int_equal(stores_open, 1);
}

static void who_shares_one_that_is_opening_waits_for_it(void **state)
{
	share_what_is_opening(0);
	assert_ptr_equal(device.luns->unit, other.luns->unit);
}

static void or_opens_it_where_that_fails(void **state)
{
	share_what_is_opening(-EIO);
	assert_null(other.luns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(texts_take_the_first_free_number),
		T(addresses_in_texts),
		T(an_address_that_is_taken),
		T(objects),
		T(an_object_in_a_text),
		T(default_serials_differ_and_stay),
		T(wrong_descriptions),
		T(who_is_told_of_an_added_one),
		T(a_removed_one_is_gone_and_told),
		T(a_new_size_is_told),
		T(a_shared_one_is_one),
		T(one_that_hangs_while_it_opens_holds_up_no_other_device),
		T(who_shares_one_that_is_opening_waits_for_it),
		T(or_opens_it_where_that_fails),
		T(as_many_as_there_is_room_for),
		T(the_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
