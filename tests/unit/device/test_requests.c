/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

static void requests_come_out_in_order_over_the_wrap(void **state)
{
	struct vvu_requests r;
	struct vvu_request q = { .id = 0 };
	uint32_t in = 0, out = 0;

	vvu_requests_clear(&r);
	for (; out < 10 * VVU_MAX_REQUESTS;) {
		while (r.count < 40) {
			q.id = in++;
			assert_int_equal(vvu_requests_push(&r, &q), 0);
		}
		while (r.count > 3) {
			assert_int_equal(vvu_requests_head(&r)->id, out++);
			vvu_requests_pop(&r);
		}
	}
}

static void more_than_the_bound_are_refused(void **state)
{
	struct vvu_requests r;
	struct vvu_request q = { .id = 1 };
	unsigned int i;

	vvu_requests_clear(&r);
	for (i = 0; i < VVU_MAX_REQUESTS; i++) {
		assert_false(vvu_requests_full(&r));
		assert_int_equal(vvu_requests_push(&r, &q), 0);
	}
	assert_true(vvu_requests_full(&r));
	assert_int_equal(vvu_requests_push(&r, &q), -ENOSPC);
}

static void pop_of_none_is_harmless(void **state)
{
	struct vvu_requests r;

	vvu_requests_clear(&r);
	vvu_requests_pop(&r);
	assert_null(vvu_requests_head(&r));
	assert_int_equal(r.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_come_out_in_order_over_the_wrap),
		cmocka_unit_test(more_than_the_bound_are_refused),
		cmocka_unit_test(pop_of_none_is_harmless),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
