/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#include <fcntl.h>

#define SET_VRING_KICK	12
#define NOFD		0x100ull

static const struct mini_cap *regs(struct mini_driver *mini)
{
	return &mini->cap[VVU_CAP_KICK_VECTOR];
}

/* The frontend hands over @fd (or none, -1) for @queue. */
static void set_kick(struct mini_driver *mini, int sock, uint64_t queue, int fd)
{
	uint64_t value = queue | (fd < 0 ? NOFD : 0);

	fe_send(sock, SET_VRING_KICK, VHU_VERSION, &value, sizeof(value), &fd, fd < 0 ? 0 : 1);
	fe_expect(mini, SET_VRING_KICK, NULL, sizeof(value));
}

static void kick(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void kick_raises_its_vector(void **state)
{
	struct mini_driver mini;
	int sock, a = fe_eventfd(), b = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	assert_int_equal(mini_bind_kick(&mini, 0, 3), 3);
	assert_int_equal(mini_bind_kick(&mini, 15, 4), 4);
	set_kick(&mini, sock, 0, a);
	set_kick(&mini, sock, 15, b);
	kick(b);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 0);
	assert_int_equal(mini_irq(&mini, 4), 1);
	kick(a);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 1);
	assert_int_equal(mini_irq(&mini, 4), 0);
	mini_destroy(&mini);
	close(sock);
	close(a);
	close(b);
}

static void kick_is_taken_from_the_eventfd(void **state)
{
	struct mini_driver mini;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 0, 3);
	set_kick(&mini, sock, 0, fd);
	kick(fd);
	kick(fd);
	mini_run(&mini);
	assert_int_equal(mini_eventfd(fd), 0);
	assert_int_equal(mini_irq(&mini, 3), 1);
	mini_destroy(&mini);
	close(sock);
	close(fd);
}

/* O_NONBLOCK is the frontend's to clear: the description is shared. */
static void blocking_eventfd_does_not_block(void **state)
{
	struct mini_driver mini;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 0, 3);
	set_kick(&mini, sock, 0, fd);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	/* Replacing drains the old one, which is empty. */
	set_kick(&mini, sock, 0, fd);
	kick(fd);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 1);
	mini_destroy(&mini);
	close(sock);
	close(fd);
}

static void one_eventfd_for_two_queues(void **state)
{
	struct mini_driver mini;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 0, 3);
	mini_bind_kick(&mini, 1, 3);
	set_kick(&mini, sock, 0, fd);
	set_kick(&mini, sock, 1, fd);
	set_kick(&mini, sock, 1, fd);
	kick(fd);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 1);
	set_kick(&mini, sock, 0, -1);
	kick(fd);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 1);
	mini_destroy(&mini);
	close(sock);
	close(fd);
}

static void replaced_eventfd_is_not_watched(void **state)
{
	struct mini_driver mini;
	int sock, old = fe_eventfd(), new = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 2, 3);
	set_kick(&mini, sock, 2, old);
	set_kick(&mini, sock, 2, new);
	kick(old);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 0);
	kick(new);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 1);
	set_kick(&mini, sock, 2, -1);
	kick(new);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 0);
	mini_destroy(&mini);
	close(sock);
	close(old);
	close(new);
}

/* The frontend kicked and swapped before the device looked. */
static void kick_on_the_replaced_eventfd_is_not_lost(void **state)
{
	struct mini_driver mini;
	int sock, old = fe_eventfd(), new = fe_eventfd();
	uint64_t queue = 2;

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 2, 3);
	set_kick(&mini, sock, 2, old);
	kick(old);
	fe_send(sock, SET_VRING_KICK, VHU_VERSION, &queue, sizeof(queue), &new, 1);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 1);
	mini_destroy(&mini);
	close(sock);
	close(old);
	close(new);
}

static void kick_before_the_vector_is_bound_is_raised_then(void **state)
{
	struct mini_driver mini;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	set_kick(&mini, sock, 7, fd);
	kick(fd);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 5), 0);
	assert_int_equal(mini_bind_kick(&mini, 6, 5), 5);
	assert_int_equal(mini_irq(&mini, 5), 0);
	assert_int_equal(mini_bind_kick(&mini, 7, 5), 5);
	assert_int_equal(mini_irq(&mini, 5), 1);
	/* Once */
	assert_int_equal(mini_bind_kick(&mini, 7, 5), 5);
	assert_int_equal(mini_irq(&mini, 5), 0);
	mini_destroy(&mini);
	close(sock);
	close(fd);
}

static void kick_while_msix_is_disabled_sets_isr_bit_2(void **state)
{
	struct mini_driver mini;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 0, 3);
	set_kick(&mini, sock, 0, fd);
	mini_set_cfg(&mini, mini.msix.at + 2, 2, 0);
	mini_read(&mini, &mini.cap[3], 0, 1);
	kick(fd);
	mini_run(&mini);
	assert_int_equal(mini_read(&mini, &mini.cap[3], 0, 1), VVU_ISR_KICK);
	assert_int_equal(mini_irq(&mini, 3), 0);
	/* and is raised when the vector can carry it */
	mini_set_cfg(&mini, mini.msix.at + 2, 2, 0x8000);
	assert_int_equal(mini_irq(&mini, 3), 1);
	mini_destroy(&mini);
	close(sock);
	close(fd);
}

static void vectors_outlive_the_frontend(void **state)
{
	struct mini_driver mini;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 4, 6);
	close(sock);
	mini_run(&mini);
	mini_write(&mini, regs(&mini), VVU_KICK_SELECT, 2, 4);
	assert_int_equal(mini_read(&mini, regs(&mini), VVU_KICK_VECTOR, 2), 6);
	mini_reset(&mini);
	mini_write(&mini, regs(&mini), VVU_KICK_SELECT, 2, 4);
	assert_int_equal(mini_read(&mini, regs(&mini), VVU_KICK_VECTOR, 2), VVU_NO_VECTOR);
	mini_destroy(&mini);
	close(fd);
}

static void kick_of_a_departed_frontend_is_not_watched(void **state)
{
	struct mini_driver mini;
	int sock, fd = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 0, 3);
	set_kick(&mini, sock, 0, fd);
	close(sock);
	mini_run(&mini);
	mini_backend_up(&mini, true);
	kick(fd);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, 3), 0);
	assert_int_equal(mini_eventfd(fd), 1);
	mini_destroy(&mini);
	close(fd);
}

static void select_out_of_range_reads_no_vector(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(mini_bind_kick(&mini, 15, 1), 1);
	assert_int_equal(mini_bind_kick(&mini, 16, 1), VVU_NO_VECTOR);
	assert_int_equal(mini_read(&mini, regs(&mini), VVU_KICK_SELECT, 2), 16);
	assert_int_equal(mini_bind_kick(&mini, 0xffff, 1), VVU_NO_VECTOR);
	/* Nobody else got it. */
	for (unsigned int i = 0; i < 15; i++) {
		mini_write(&mini, regs(&mini), VVU_KICK_SELECT, 2, i);
		assert_int_equal(mini_read(&mini, regs(&mini), VVU_KICK_VECTOR, 2),
				 VVU_NO_VECTOR);
	}
	mini_destroy(&mini);
}

static void vector_out_of_range_reads_back_no_vector(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(mini_bind_kick(&mini, 1, 18), 18);
	assert_int_equal(mini_bind_kick(&mini, 1, 19), VVU_NO_VECTOR);
	assert_int_equal(mini_bind_kick(&mini, 1, 3), 3);
	assert_int_equal(mini_bind_kick(&mini, 1, VVU_NO_VECTOR), VVU_NO_VECTOR);
	mini_destroy(&mini);
}

static void one_32_bit_access_selects_and_binds(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_write(&mini, regs(&mini), 0, 4, 9 | 5 << 16);
	assert_int_equal(mini_read(&mini, regs(&mini), 0, 4), 9 | 5 << 16);
	assert_int_equal(mini_read(&mini, regs(&mini), VVU_KICK_SELECT, 2), 9);
	assert_int_equal(mini_read(&mini, regs(&mini), VVU_KICK_VECTOR, 2), 5);
	mini_write(&mini, regs(&mini), 0, 4, 16 | 5 << 16);
	assert_int_equal(mini_read(&mini, regs(&mini), 0, 4), 0xffff0010);
	mini_destroy(&mini);
}

static void other_widths_do_nothing(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_write(&mini, regs(&mini), 0, 4, 9 | 5 << 16);
	mini_write(&mini, regs(&mini), 0, 1, 1);
	mini_write(&mini, regs(&mini), 2, 1, 1);
	mini_write(&mini, regs(&mini), 0, 8, 0);
	mini_write(&mini, regs(&mini), 2, 4, 0);
	mini_write(&mini, regs(&mini), 1, 2, 0);
	assert_int_equal(mini_read(&mini, regs(&mini), 0, 4), 9 | 5 << 16);
	assert_int_equal(mini_read(&mini, regs(&mini), 0, 1), 0xff);
	assert_int_equal(mini_read(&mini, regs(&mini), 8, 4), 0xffffffff);
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kick_raises_its_vector),
		cmocka_unit_test(kick_is_taken_from_the_eventfd),
		cmocka_unit_test(blocking_eventfd_does_not_block),
		cmocka_unit_test(one_eventfd_for_two_queues),
		cmocka_unit_test(replaced_eventfd_is_not_watched),
		cmocka_unit_test(kick_on_the_replaced_eventfd_is_not_lost),
		cmocka_unit_test(kick_before_the_vector_is_bound_is_raised_then),
		cmocka_unit_test(kick_while_msix_is_disabled_sets_isr_bit_2),
		cmocka_unit_test(vectors_outlive_the_frontend),
		cmocka_unit_test(kick_of_a_departed_frontend_is_not_watched),
		cmocka_unit_test(select_out_of_range_reads_no_vector),
		cmocka_unit_test(vector_out_of_range_reads_back_no_vector),
		cmocka_unit_test(one_32_bit_access_selects_and_binds),
		cmocka_unit_test(other_widths_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
