/* SPDX-License-Identifier: BSD-3-Clause */
/* Doorbells, kick vectors and the division of the function's vectors. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_bus.h"
#include "vhost-relay/vvu/vvu.h"
#include "vvu-device/layout.h"

static struct vhr_vvu vvu;

static int
setup(void **state)
{
	*state = fake_bus_modern(4);
	return 0;
}

static int
teardown(void **state)
{
	struct fake_bus *fake = *state;

	vhr_vvu_close(&vvu);
	fake->bus.ops->close(&fake->bus);
	return 0;
}

static uint8_t *
cap_of(struct fake_bus *fake, uint8_t type)
{
	uint8_t at = fake->cfg[0x34];

	while (fake->cfg[at] != 0x09 || fake->cfg[at + 3] != type)
		at = fake->cfg[at + 1];
	return fake->cfg + at;
}

static void
set_vectors(struct fake_bus *fake, unsigned int vectors)
{
	uint8_t at = fake->cfg[0x34];

	while (fake->cfg[at] != 0x11)
		at = fake->cfg[at + 1];
	fake->cfg[at + 2] = (uint8_t)(vectors - 1);
}

static void
open_vvu(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(vhr_vvu_open(&vvu, &fake->bus, 0, 0), 0);
	fake->num_writes = 0;
}

static void
assert_write(const struct fake_bus *fake, unsigned int i, uint64_t offset, uint64_t value)
{
	assert_true(i < fake->num_writes);
	assert_int_equal(fake->write[i].offset, offset);
	assert_int_equal(fake->write[i].width, 2);
	assert_int_equal(fake->write[i].value, value);
}

static void
doorbell_is_16_bits_at_index_times_multiplier(void **state)
{
	struct fake_bus *fake = *state;

	open_vvu(state);
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_CALL(4, 3));
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_ERR(4, 1));
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_LOG(4));
	assert_int_equal(fake->num_writes, 3);
	assert_write(fake, 0, FAKE_DOORBELL + 3 * 4, 3);
	assert_write(fake, 1, FAKE_DOORBELL + 5 * 4, 5);
	assert_write(fake, 2, FAKE_DOORBELL + 8 * 4, 8);
}

static void
doorbells_that_do_not_exist_are_not_written(void **state)
{
	struct fake_bus *fake = *state;

	open_vvu(state);
	vhr_vvu_doorbell(&vvu, 9);
	vhr_vvu_doorbell(&vvu, UINT32_MAX);
	assert_int_equal(fake->num_writes, 0);
}

static void
defect_doorbell_no_bounds_check(void **state)
{
	struct fake_bus *fake = *state;

	/* Calls of all four queues and two err doorbells, cut in the middle of the third. */
	fake_le32(cap_of(fake, 6) + 12, 6 * 4 + 1);
	open_vvu(state);
	assert_int_equal(vvu.max_vhost_queues, 4);
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_ERR(4, 1));
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_ERR(4, 2));
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_LOG(4));
	assert_int_equal(fake->num_writes, 1);
	assert_write(fake, 0, FAKE_DOORBELL + 5 * 4, 5);
}

static void
queues_without_a_call_doorbell_do_not_count(void **state)
{
	struct fake_bus *fake = *state;

	fake_le32(cap_of(fake, 6) + 12, 2 * 4 + 2);
	open_vvu(state);
	assert_int_equal(vvu.max_vhost_queues, 3);
}

static void
more_queues_than_a_message_can_name_keep_the_devices_doorbells(void **state)
{
	struct fake_bus *fake = *state;

	fake_le32(fake->device_cfg + 4, 300);
	open_vvu(state);
	assert_int_equal(vvu.max_vhost_queues, 256);
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_CALL(256, 255));
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_ERR(256, 1));
	vhr_vvu_doorbell(&vvu, VVU_DOORBELL_LOG(256));
	assert_write(fake, 0, FAKE_DOORBELL + 255 * 4, 255);
	assert_write(fake, 1, FAKE_DOORBELL + 301 * 4, 301);
	assert_write(fake, 2, FAKE_DOORBELL + 600 * 4, 600);
}

static void
multiplier_0_puts_all_doorbells_in_one_place(void **state)
{
	struct fake_bus *fake = *state;

	fake_le32(cap_of(fake, 6) + 16, 0);
	open_vvu(state);
	vhr_vvu_doorbell(&vvu, 2);
	vhr_vvu_doorbell(&vvu, 5);
	assert_write(fake, 0, FAKE_DOORBELL, 2);
	assert_write(fake, 1, FAKE_DOORBELL, 5);
}

static void
doorbell_after_close_is_ignored(void **state)
{
	struct fake_bus *fake = *state;

	open_vvu(state);
	vhr_vvu_close(&vvu);
	vhr_vvu_doorbell(&vvu, 0);
	assert_int_equal(fake->num_writes, 0);
}

static void
kick_vector_is_selected_written_and_read_back(void **state)
{
	struct fake_bus *fake = *state;

	open_vvu(state);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 2), fake->irq_fd[5]);
	assert_int_equal(fake->num_writes, 2);
	assert_write(fake, 0, FAKE_KICK, 2);
	assert_write(fake, 1, FAKE_KICK + 2, 5);
	assert_int_equal(fake->kick[2], 5);
	vhr_vvu_kick_release(&vvu, 2);
	assert_int_equal(fake->kick[2], VVU_NO_VECTOR);
}

static void
kick_vector_the_device_cannot_have_means_poll(void **state)
{
	struct fake_bus *fake = *state;

	open_vvu(state);
	fake->refuse_vectors = true;
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 0), -ENOSPC);
	assert_non_null(strstr(vvu.reason.text, "0xffff read"));
}

static void
kick_of_a_queue_that_does_not_exist_is_refused(void **state)
{
	struct fake_bus *fake = *state;

	open_vvu(state);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 4), -EINVAL);
	vhr_vvu_kick_release(&vvu, 4);
	assert_int_equal(fake->num_writes, 0);
}

static void
device_without_kick_vectors_is_polled(void **state)
{
	struct fake_bus *fake = *state;

	cap_of(fake, 7)[3] = 9;
	open_vvu(state);
	assert_int_equal(vvu.kick_vectors, 0);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 0), -ENOSPC);
	assert_int_equal(vhr_vvu_config_fd(&vvu), fake->irq_fd[0]);
	assert_int_equal(vhr_vvu_rxq_fd(&vvu), fake->irq_fd[1]);
}

static void
vectors_are_config_rxq_txq_and_kicks(void **state)
{
	struct fake_bus *fake = *state;
	unsigned int i;

	open_vvu(state);
	assert_int_equal(fake->vectors, 7);
	assert_int_equal(fake->config_vector, 0);
	assert_int_equal(fake->queue[0].vector, 1);
	assert_int_equal(fake->queue[1].vector, 2);
	assert_int_equal(vhr_vvu_config_fd(&vvu), fake->irq_fd[0]);
	assert_int_equal(vhr_vvu_rxq_fd(&vvu), fake->irq_fd[1]);
	assert_int_equal(vhr_vvu_txq_fd(&vvu), fake->irq_fd[2]);
	assert_int_equal(vvu.kick_vectors, 4);
	for (i = 0; i < 4; i++)
		assert_int_equal(vhr_vvu_kick_fd(&vvu, i), fake->irq_fd[3 + i]);
}

static void
few_vectors_are_shared_by_the_kicks(void **state)
{
	struct fake_bus *fake = *state;

	set_vectors(fake, 5);
	open_vvu(state);
	assert_int_equal(vvu.kick_vectors, 2);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 0), fake->irq_fd[3]);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 1), fake->irq_fd[4]);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 2), fake->irq_fd[3]);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 3), fake->irq_fd[4]);
}

static void
of_three_vectors_txq_shares_the_first(void **state)
{
	struct fake_bus *fake = *state;

	set_vectors(fake, 3);
	open_vvu(state);
	assert_int_equal(fake->queue[0].vector, 1);
	assert_int_equal(fake->queue[1].vector, 0);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 3), fake->irq_fd[2]);
}

static void
of_two_vectors_one_is_the_kicks(void **state)
{
	struct fake_bus *fake = *state;

	set_vectors(fake, 2);
	open_vvu(state);
	assert_int_equal(vhr_vvu_config_fd(&vvu), fake->irq_fd[0]);
	assert_int_equal(vhr_vvu_rxq_fd(&vvu), fake->irq_fd[0]);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 0), fake->irq_fd[1]);
}

static void
one_vector_serves_all_but_the_kicks(void **state)
{
	struct fake_bus *fake = *state;

	set_vectors(fake, 1);
	open_vvu(state);
	assert_int_equal(fake->config_vector, 0);
	assert_int_equal(fake->queue[0].vector, 0);
	assert_int_equal(fake->queue[1].vector, 0);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 0), -ENOSPC);
}

static void
without_msix_everything_is_polled(void **state)
{
	struct fake_bus *fake = *state;

	fake->irq_result = -ENOTSUP;
	open_vvu(state);
	assert_int_equal(vvu.virtio.vectors, 0);
	assert_int_equal(vhr_vvu_config_fd(&vvu), -1);
	assert_int_equal(vhr_vvu_rxq_fd(&vvu), -1);
	assert_int_equal(vhr_vvu_txq_fd(&vvu), -1);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 0), -ENOSPC);
	assert_int_equal(fake_avail_flags(fake, 0), 1);
}

static void
vectors_that_read_back_as_none_fall_back(void **state)
{
	struct fake_bus *fake = *state;

	fake->vectors_accepted = 1;	/* vector 0 only */
	open_vvu(state);
	assert_int_equal(vhr_vvu_config_fd(&vvu), fake->irq_fd[0]);
	assert_int_equal(vhr_vvu_rxq_fd(&vvu), fake->irq_fd[0]);
	assert_int_equal(vhr_vvu_kick_fd(&vvu, 0), -ENOSPC);
	vhr_vvu_close(&vvu);

	fake->refuse_vectors = true;
	open_vvu(state);
	assert_int_equal(vhr_vvu_config_fd(&vvu), -1);
	assert_int_equal(vhr_vvu_rxq_fd(&vvu), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(doorbell_is_16_bits_at_index_times_multiplier),
		T(doorbells_that_do_not_exist_are_not_written),
		cmocka_unit_test_setup_teardown(defect_doorbell_no_bounds_check, setup, teardown),
		T(queues_without_a_call_doorbell_do_not_count),
		T(more_queues_than_a_message_can_name_keep_the_devices_doorbells),
		T(multiplier_0_puts_all_doorbells_in_one_place),
		T(doorbell_after_close_is_ignored),
		T(kick_vector_is_selected_written_and_read_back),
		T(kick_vector_the_device_cannot_have_means_poll),
		T(kick_of_a_queue_that_does_not_exist_is_refused),
		T(device_without_kick_vectors_is_polled),
		T(vectors_are_config_rxq_txq_and_kicks),
		T(few_vectors_are_shared_by_the_kicks),
		T(of_three_vectors_txq_shares_the_first),
		T(of_two_vectors_one_is_the_kicks),
		T(one_vector_serves_all_but_the_kicks),
		T(without_msix_everything_is_polled),
		T(vectors_that_read_back_as_none_fall_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
