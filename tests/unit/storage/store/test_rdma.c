/* SPDX-License-Identifier: BSD-3-Clause */
/* What stores on RDMA need of a process, told by their descriptions. */
#include <sys/resource.h>

#include "fixture.h"

static void stores_are_found_wherever_a_description_has_them(void **state)
{
	static const struct {
		const char *text;
		unsigned int count;
	} descriptions[] = {
		{ "[]", 0 },
		{ "[\"iscsi://h/t/1\", \"ram:1M\", 7, null]", 0 },
		{ "[\"iser://h/t/1\"]", 1 },
		{ "{\"type\": \"iscsi\", \"uri\": \"iser://h/t/1\"}", 1 },
		{ "{\"type\": \"delay\", \"inner\": {\"type\": \"iscsi\", "
		  "\"uri\": \"iser://h/t/1\"}}", 1 },
		/* Two devices, the second with a disk in the short form of a LUN. */
		{ "[{\"store\": \"iser://h/t/1\"}, {\"lun\": [\"0:1=iser://h/t/2\", "
		  "{\"store\": \"ram:1M\"}, {\"store\": \"iser://h/t/3\"}]}]", 3 },
	};

	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
		json_t *description = json_loads(descriptions[i].text, 0, NULL);

		assert_non_null(description);
		assert_int_equal(store_rdma_count(description), descriptions[i].count);
		json_decref(description);
	}
}

/* The process's limit, and whether the kernel lets it raise the hard one. */
static struct rlimit limit;
static bool may_raise;

int __wrap_getrlimit64(int resource, struct rlimit *result);
int __wrap_setrlimit64(int resource, const struct rlimit *wanted);

int __wrap_getrlimit64(int resource, struct rlimit *result)
{
	assert_int_equal(resource, RLIMIT_MEMLOCK);
	*result = limit;
	return 0;
}

int __wrap_setrlimit64(int resource, const struct rlimit *wanted)
{
	assert_int_equal(resource, RLIMIT_MEMLOCK);
	if (wanted->rlim_max > limit.rlim_max && !may_raise) {
		errno = EPERM;
		return -1;
	}
	limit = *wanted;
	return 0;
}

static void the_limit_is_raised_as_far_as_may_be(void **state)
{
	const rlim_t one = STORE_RDMA_LOCKED_BYTES;
	const struct {
		struct rlimit before;
		bool may_raise;
		unsigned int count;
		int result;
		struct rlimit after;
	} cases[] = {
		{ { 4096, 4096 }, false, 0, 0, { 4096, 4096 } },
		{ { 2 * one, 4 * one }, false, 2, 0, { 2 * one, 4 * one } },
		{ { 4096, one }, false, 1, 0, { one, one } },
		{ { 4096, RLIM_INFINITY }, false, 1, 0, { RLIM_INFINITY, RLIM_INFINITY } },
		{ { 4096, one }, false, 2, -EPERM, { 4096, one } },
		{ { 4096, one }, true, 2, 0, { 2 * one, 2 * one } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vhu_reason reason = { "" };

		limit = cases[i].before;
		may_raise = cases[i].may_raise;
		assert_int_equal(store_rdma_allow(cases[i].count, &reason), cases[i].result);
		assert_true(limit.rlim_cur == cases[i].after.rlim_cur);
		assert_true(limit.rlim_max == cases[i].after.rlim_max);
		assert_true(!cases[i].result == !strstr(reason.text, "RLIMIT_MEMLOCK"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_are_found_wherever_a_description_has_them),
		cmocka_unit_test(the_limit_is_raised_as_far_as_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
