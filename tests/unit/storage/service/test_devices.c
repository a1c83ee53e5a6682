/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices and the jobs of those that wait; with threads, so under the thread sanitizer too. */
#include "test.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_target.h"
#include "storage/service/devices.h"
#include "storage/service/log.h"

struct fixture {
	struct worker_pool *pool;
	struct devices *devices;
	unsigned int done;
	int last_error;
	char last_name[64];
	struct vhu_reason last_reason;
};

static int setup(void **state)
{
	static struct fixture f;
	struct worker_pool_config config = { .threads = 2 };
	struct vhu_reason reason;

	log_set_level(0);
	f.done = 0;
	assert_int_equal(worker_pool_create(&config, &f.pool, &reason), 0);
	assert_int_equal(devices_create(&fake_type, f.pool, &f.devices, &reason), 0);
	*state = &f;
	return 0;
}

/* Until @count jobs are done. */
static void wait_done(struct fixture *f, unsigned int count)
{
	struct pollfd pfd = { .fd = devices_fd(f->devices), .events = POLLIN };

	while (f->done < count) {
		assert_int_equal(poll(&pfd, 1, 60000), 1);
		devices_run(f->devices);
	}
}

static void wait_gone(struct fixture *f)
{
	struct pollfd pfd = { .fd = devices_fd(f->devices), .events = POLLIN };

	while (devices_count(f->devices) > 0) {
		devices_end(f->devices);
		assert_int_equal(poll(&pfd, 1, 60000), 1);
		devices_run(f->devices);
	}
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	wait_gone(f);
	devices_destroy(f->devices);
	worker_pool_destroy(f->pool);
	return 0;
}

static void count(void *arg, int err, const char *name, const struct vhu_reason *reason)
{
	struct fixture *f = arg;

	f->done++;
	f->last_error = err;
	snprintf(f->last_name, sizeof(f->last_name), "%s", name);
	f->last_reason = *reason;
}

static int add(struct fixture *f, const char *text, struct vhu_reason *reason)
{
	json_t *description = json_loads(text, 0, NULL);
	int err;

	assert_non_null(description);
	err = devices_add(f->devices, description, NULL, NULL, reason);
	json_decref(description);
	return err;
}

static const char *state_of(struct fixture *f, const char *name)
{
	static char text[32];
	struct vhu_reason reason;
	json_t *device = devices_describe(f->devices, name, &reason);

	snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(device, "state")));
	json_decref(device);
	return text;
}

static void names_are_given_and_unique(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;

	assert_int_equal(add(f, "{\"socket-path\":\"/a\",\"name\":\"fake1\"}", &reason), 0);
	assert_int_equal(add(f, "{\"socket-path\":\"/b\"}", &reason), 0);
	assert_int_equal(add(f, "{\"socket-path\":\"/c\"}", &reason), 0);
	assert_non_null(devices_find(f->devices, "fake1", &reason));
	assert_non_null(devices_find(f->devices, "fake2", &reason));
	assert_int_equal(add(f, "{\"socket-path\":\"/d\",\"name\":\"fake2\"}", &reason), -EEXIST);
	assert_int_equal(devices_count(f->devices), 3);
	assert_null(devices_find(f->devices, "fake9", &reason));
	ASSERT_SAYS(reason, "fake9");
}

static void a_device_has_one_job_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;

	assert_int_equal(add(f, "{\"socket-path\":\"/a\",\"name\":\"x\",\"slow-ms\":200}", &reason),
			 0);
	assert_int_equal(devices_start(f->devices, "x", DEVICE_RESUME, count, f, &reason),
			 -EALREADY);
	assert_int_equal(devices_start(f->devices, "x", DEVICE_PAUSE, count, f, &reason), 0);
	assert_string_equal(state_of(f, "x"), "pausing");
	assert_int_equal(devices_start(f->devices, "x", DEVICE_REMOVE, count, f, &reason), -EBUSY);
	ASSERT_SAYS(reason, "x is being paused");
	wait_done(f, 1);
	assert_string_equal(state_of(f, "x"), "paused");
	assert_int_equal(devices_start(f->devices, "x", DEVICE_DRAIN, count, f, &reason),
			 -EALREADY);
	assert_int_equal(devices_start(f->devices, "x", DEVICE_REMOVE, count, f, &reason), 0);
	assert_string_equal(state_of(f, "x"), "removing");
	assert_null(devices_find(f->devices, "x", &reason));
	wait_done(f, 2);
	assert_int_equal(devices_count(f->devices), 0);
	assert_int_equal(devices_start(f->devices, "x", DEVICE_REMOVE, count, f, &reason), -ENOENT);
}

/* Waits for @params["go"], a pipe's end, and fails as it says. */
static int own_work(void *device, const json_t *params, struct vhu_reason *reason)
{
	const int fd = (int)json_integer_value(json_object_get(params, "go"));
	const int err = (int)json_integer_value(json_object_get(params, "error"));
	char byte;

	if (device == NULL || read(fd, &byte, 1) != 1)
		return -EIO;
	if (err < 0)
		vhu_reason_set(reason, "as it was told");
	return err;
}

static void the_types_own_work_is_a_job(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;
	json_t *params;
	int go[2];

	assert_int_equal(pipe(go), 0);
	assert_int_equal(add(f, "{\"socket-path\":\"/a\",\"name\":\"x\"}", &reason), 0);
	for (int err = 0; err >= -5; err -= 5) {
		params = json_pack("{s:i, s:i}", "go", go[0], "error", err);
		assert_int_equal(devices_work(f->devices, "x", own_work, params, count, f, &reason),
				 0);
		/* It has a copy. */
		json_decref(params);
		assert_int_equal(devices_start(f->devices, "x", DEVICE_REMOVE, count, f, &reason),
				 -EBUSY);
		ASSERT_SAYS(reason, "x is being changed");
		assert_int_equal(f->done, err ? 1 : 0);
		assert_int_equal(write(go[1], "", 1), 1);
		wait_done(f, err ? 2 : 1);
		assert_int_equal(f->last_error, err);
	}
	ASSERT_SAYS(f->last_reason, "as it was told");
	assert_non_null(devices_find(f->devices, "x", &reason));
	params = json_object();
	assert_int_equal(devices_work(f->devices, "y", own_work, params, count, f, &reason),
			 -ENOENT);
	json_decref(params);
	close(go[0]);
	close(go[1]);
}

static void jobs_of_several_devices_run_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;
	char text[64];

	for (unsigned int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text),
			 "{\"socket-path\":\"/a\",\"name\":\"d%u\",\"slow-ms\":100}", i);
		assert_int_equal(add(f, text, &reason), 0);
		snprintf(text, sizeof(text), "d%u", i);
		assert_int_equal(devices_start(f->devices, text,
					       i % 2 ? DEVICE_DRAIN : DEVICE_REMOVE, count, f,
					       &reason),
				 0);
	}
	wait_done(f, 8);
	assert_int_equal(devices_count(f->devices), 4);
}

static void a_device_with_a_job_is_ended_after_it(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;

	assert_int_equal(add(f, "{\"socket-path\":\"/a\",\"name\":\"x\",\"slow-ms\":100}", &reason),
			 0);
	assert_int_equal(devices_start(f->devices, "x", DEVICE_PAUSE, count, f, &reason), 0);
	devices_end(f->devices);
	assert_int_equal(devices_count(f->devices), 1);
	wait_gone(f);
	assert_int_equal(f->done, 1);
	assert_false(devices_deserted(f->devices));
}

static void a_device_goes_with_its_only_frontend(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;
	char text[64];
	int pair[2];
	struct pollfd pfd = { .fd = devices_fd(f->devices), .events = POLLIN };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(text, sizeof(text), "{\"fd\":%d}", pair[1]);
	assert_int_equal(add(f, text, &reason), 0);
	/* It is the device's now. */
	assert_int_equal(close(pair[1]), -1);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	close(pair[0]);
	while (devices_count(f->devices) > 0) {
		assert_int_equal(poll(&pfd, 1, 60000), 1);
		devices_run(f->devices);
	}
	assert_true(devices_deserted(f->devices));
}

static void a_device_that_cannot_be_made_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;
	char text[64];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(text, sizeof(text), "{\"fd\":%d,\"word\":\"broken\"}", pair[1]);
	assert_int_equal(add(f, text, &reason), -EIO);
	ASSERT_SAYS(reason, "is broken");
	assert_int_equal(close(pair[1]), -1);
	assert_int_equal(devices_count(f->devices), 0);
	close(pair[0]);
}

static void devices_are_made_side_by_side(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;
	json_t *description;
	char text[64];

	for (unsigned int i = 0; i < 4; i++) {
		description = json_pack("{s:s, s:s, s:i}", "socket-path", "/a", "word",
					i == 2 ? "broken" : "w", "start-ms", 300);
		assert_int_equal(devices_add(f->devices, description, count, f, &reason), 0);
		json_decref(description);
		snprintf(text, sizeof(text), "fake%u", i);
		assert_string_equal(state_of(f, text), "adding");
		assert_null(devices_find(f->devices, text, &reason));
		ASSERT_SAYS(reason, "is being added");
		assert_int_equal(devices_start(f->devices, text, DEVICE_REMOVE, count, f, &reason),
				 -EBUSY);
	}
	assert_int_equal(add(f, "{\"socket-path\":\"/d\",\"name\":\"fake2\"}", &reason), -EEXIST);
	wait_done(f, 4);
	assert_int_equal(devices_count(f->devices), 3);
	assert_string_equal(state_of(f, "fake1"), "serving");
	assert_null(devices_find(f->devices, "fake2", &reason));
	ASSERT_SAYS(reason, "there is no device");
}

static void a_device_that_is_not_made_is_told(void **state)
{
	struct fixture *f = *state;
	struct vhu_reason reason;
	json_t *description = json_pack("{s:s, s:s}", "socket-path", "/a", "word", "broken");

	assert_int_equal(devices_add(f->devices, description, count, f, &reason), 0);
	json_decref(description);
	wait_done(f, 1);
	assert_int_equal(f->last_error, -EIO);
	assert_string_equal(f->last_name, "fake0");
	ASSERT_SAYS(f->last_reason, "is broken");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_given_and_unique),
		TEST(a_device_has_one_job_at_a_time),
		TEST(the_types_own_work_is_a_job),
		TEST(jobs_of_several_devices_run_side_by_side),
		TEST(a_device_with_a_job_is_ended_after_it),
		TEST(a_device_goes_with_its_only_frontend),
		TEST(a_device_that_cannot_be_made_leaves_nothing),
		TEST(devices_are_made_side_by_side),
		TEST(a_device_that_is_not_made_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
