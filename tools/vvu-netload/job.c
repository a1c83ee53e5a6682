/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "job.h"

struct counters counters;
atomic_bool job_stop;
bool job_quiet;

static struct job current;
static sem_t begin, end;
static bool running, quit;
static unsigned int thread;

static void (*const loops[JOB_MODES])(struct job *job) = {
	[JOB_SEND] = traffic_send,
	[JOB_RECEIVE] = traffic_receive,
	[JOB_ECHO] = relay,
	[JOB_FORWARD] = relay,
	[JOB_SEND_CHECKED] = verify_exchange,
	[JOB_RECEIVE_CHECKED] = verify_exchange,
	[JOB_EXCHANGE] = verify_exchange,
	[JOB_DRAIN] = traffic_drain,
};

static int work(void *arg)
{
	for (;;) {
		while (sem_wait(&begin))
			;
		if (quit)
			return 0;
		loops[current.mode](&current);
		for (unsigned int i = 0; i < current.lanes; i++)
			lane_drop(&current.lane[i]);
		sem_post(&end);
	}
}

int job_open(void)
{
	sem_init(&begin, 0, 0);
	sem_init(&end, 0, 0);
	thread = rte_get_next_lcore(-1, 1, 0);
	if (thread == RTE_MAX_LCORE) {
		fprintf(stderr, "--lcores: two are needed, such as 0@2,1@2\n");
		return -EINVAL;
	}
	return rte_eal_remote_launch(work, NULL, thread);
}

void job_close(void)
{
	if (running)
		job_end(true);
	quit = true;
	sem_post(&begin);
	rte_eal_wait_lcore(thread);
}

bool job_running(void)
{
	return running;
}

void job_start(const struct job *job)
{
	current = *job;
	memset(&counters, 0, sizeof(counters));
	atomic_store(&job_stop, false);
	running = true;
	sem_post(&begin);
}

void job_end(bool stop)
{
	if (stop)
		atomic_store(&job_stop, true);
	while (sem_wait(&end))
		;
	running = false;
}
