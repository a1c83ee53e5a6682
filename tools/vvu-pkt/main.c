/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vvu-pkt: send frames that can be told apart and checked to another vvu-pkt, and account
 * for every one that comes back or not.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "common/idle.h"
#include "options.h"
#include "port.h"
#include "receive.h"
#include "report.h"
#include "send.h"

#define MS UINT64_C(1000000)
#define HELLO_NS (20 * MS)
/* Stay so long after the last FIN: its answer may have been lost. */
#define LINGER_NS (300 * MS)

static volatile sig_atomic_t signals;
static struct options options;
static struct sender sender;
static struct receiver receiver;
static struct idle idle;

static void on_signal(int number)
{
	signals = signals + 1;
}

/*
 * Both sides say HELLO until each knows of the other: before that, frames would be lost to
 * a port that is not up. It also shows a switch on the way where the addresses are.
 */
static bool meet(void)
{
	uint64_t start_ns = frame_clock_ns(), hello_ns = 0, now_ns;

	for (now_ns = start_ns; now_ns - start_ns < options.timeout_s * 1000 * MS && !signals;
	     now_ns = frame_clock_ns()) {
		unsigned int n = receive_round(&receiver, &sender, &options);

		if (now_ns - hello_ns >= HELLO_NS) {
			if (port_up(&options))
				port_hello(&options, FRAME_ANSWER |
					   (receiver.heard ? FRAME_HEARD : 0));
			hello_ns = now_ns;
		}
		if (receiver.heard && receiver.was_heard)
			return true;
		idle_round(&idle, n);
	}
	return false;
}

/* Whether everything was said and answered. */
static bool done(uint64_t now_ns)
{
	if (options.send && !send_finished(&sender, &options))
		return false;
	if (options.receive && !receive_finished(&receiver))
		return false;
	return !options.receive || now_ns - receiver.last_fin_ns >= LINGER_NS;
}

/* The peer has been silent for too long, or our own frames go nowhere. */
static bool given_up(uint64_t now_ns, uint64_t begun_ns)
{
	uint64_t timeout_ns = options.timeout_s * 1000 * MS;
	uint64_t heard_ns = RTE_MAX(receiver.latest_ns, begun_ns);

	if (signals > 1)
		return true;
	if (options.send && !sender.stopped)
		return false;		/* ends by itself, after the duration */
	if (options.send && !send_finished(&sender, &options) &&
	    now_ns - sender.stop_ns >= timeout_ns)
		return true;
	return now_ns > heard_ns && now_ns - heard_ns >= timeout_ns;
}

static bool exchange(void)
{
	uint64_t begun_ns = frame_clock_ns(), now_ns = begun_ns;

	send_start(&sender, begun_ns);
	while (!done(now_ns)) {
		unsigned int n = receive_round(&receiver, &sender, &options);

		now_ns = frame_clock_ns();
		if (options.send)
			n += send_round(&sender, &options, now_ns);
		idle_round(&idle, n);
		if (signals && options.send)
			send_stop(&sender, now_ns);
		if (given_up(now_ns, begun_ns) || (signals && !options.send) ||
		    receiver.no_memory)
			return false;
	}
	return true;
}

static int run(void)
{
	enum outcome outcome;
	bool met;

	if (port_open(&options))
		return OUTCOME_FAILED;
	idle_init(&idle, (unsigned int)options.idle_us);
	met = meet();
	fprintf(stderr, met ? "the peer is there\n" : "no word of the peer\n");
	outcome = report_outcome(&options, &receiver, met && exchange());
	if (report_write(&options, &sender, &receiver, outcome))
		outcome = OUTCOME_FAILED;
	return (int)outcome;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int ret, used = rte_eal_init(argc, argv);

	if (used < 0) {
		fprintf(stderr, "EAL: %s\n", rte_strerror(rte_errno));
		return OUTCOME_FAILED;
	}
	ret = options_parse(&options, argc - used, argv + used);
	if (ret == 0) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		ret = run();
		send_free(&sender);
		receive_free(&receiver);
		port_close(&options);
	} else {
		ret = ret > 0 ? OUTCOME_INTACT : OUTCOME_FAILED;
	}
	rte_eal_cleanup();
	return ret;
}
