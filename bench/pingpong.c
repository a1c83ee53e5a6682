/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a cache line takes from one core to another: two threads, one on each, answer
 * each other through one line. Prints the nanoseconds of one transfer, the least of many short
 * series: what else runs on a core interrupts some of them and can only add to their time.
 *
 * usage: pingpong CORE CORE
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SERIES		100
#define ROUND_TRIPS	200u

/* Two lines apart from everything else, for processors that fetch them in pairs. */
static struct {
	_Alignas(128) uint32_t turn;
	_Alignas(128) uint32_t behind;
} line;

static void
run_on(int core)
{
	cpu_set_t set;
	int ret;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	ret = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (ret != 0) {
		fprintf(stderr, "pingpong: core %d: %s\n", core, strerror(ret));
		exit(1);
	}
}

/* Answer each odd turn with the even one that follows it. */
static void *
answer(void *core)
{
	uint32_t turn;

	run_on(*(int *)core);
	for (turn = 1; turn < 2 * SERIES * ROUND_TRIPS; turn += 2) {
		while (__atomic_load_n(&line.turn, __ATOMIC_ACQUIRE) != turn)
			;
		__atomic_store_n(&line.turn, turn + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static double
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double
series(uint32_t first)
{
	double begun = now_ns();
	uint32_t turn, i;

	for (i = 0, turn = first; i < ROUND_TRIPS; i++, turn += 2) {
		__atomic_store_n(&line.turn, turn + 1, __ATOMIC_RELEASE);
		while (__atomic_load_n(&line.turn, __ATOMIC_ACQUIRE) != turn + 2)
			;
	}
	return (now_ns() - begun) / (2.0 * ROUND_TRIPS);
}

int
main(int argc, char **argv)
{
	int core[2];
	pthread_t other;
	double best = 0, ns;
	uint32_t i;
	int ret;

	if (argc != 3) {
		fprintf(stderr, "usage: pingpong CORE CORE\n");
		return 2;
	}
	core[0] = atoi(argv[1]);
	core[1] = atoi(argv[2]);
	run_on(core[0]);
	ret = pthread_create(&other, NULL, answer, &core[1]);
	if (ret != 0) {
		fprintf(stderr, "pingpong: thread: %s\n", strerror(ret));
		return 1;
	}
	for (i = 0; i < SERIES; i++) {
		ns = series(2 * ROUND_TRIPS * i);
		if (i == 0 || ns < best)
			best = ns;
	}
	pthread_join(other, NULL);
	printf("%.1f\n", best);
	return 0;
}
