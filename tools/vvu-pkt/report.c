/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report.h"

static const char *const outcome_names[] = {
	[OUTCOME_INTACT] = "intact",
	[OUTCOME_FAILED] = "failed",
	[OUTCOME_INCOMPLETE] = "incomplete",
	[OUTCOME_DAMAGED] = "damaged",
};

struct sums {
	uint64_t received, bytes, lost, reordered, duplicated, stale;
};

static struct sums sum_up(const struct receiver *receiver)
{
	struct sums sums = { 0 };

	for (unsigned int i = 0; i < receiver->nb_flows; i++) {
		const struct receive_flow *flow = &receiver->flows[i];

		sums.received += flow->received;
		sums.bytes += flow->bytes;
		sums.lost += receive_lost(flow);
		sums.reordered += flow->reordered;
		sums.duplicated += flow->duplicated;
		sums.stale += flow->stale;
	}
	return sums;
}

enum outcome report_outcome(const struct options *options, const struct receiver *receiver,
			    bool complete)
{
	struct sums sums = sum_up(receiver);

	if (receiver->no_memory)
		return OUTCOME_FAILED;
	if (receiver->corrupted || sums.duplicated || sums.stale ||
	    (sums.lost && !options->allow_loss))
		return OUTCOME_DAMAGED;
	return complete ? OUTCOME_INTACT : OUTCOME_INCOMPLETE;
}

static double span_s(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static void write_sent(FILE *file, const struct options *options, const struct sender *sender)
{
	uint64_t sent = 0, bytes = 0;

	for (unsigned int i = 0; i < options->queues; i++) {
		sent += sender->flows[i].sent;
		bytes += sender->flows[i].bytes;
	}
	fprintf(file, "  \"sent\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64
		", \"seconds\": %.6f, \"flows\": [", sent, bytes,
		span_s(sender->start_ns, sender->stop_ns));
	for (unsigned int i = 0; i < options->queues; i++) {
		const struct send_flow *flow = &sender->flows[i];

		fprintf(file, "%s\n    {\"flow\": %u, \"packets\": %" PRIu64 ", \"bytes\": %" PRIu64
			", \"acknowledged\": %" PRIu64 ", \"probes\": %" PRIu64 ", \"busy\": %"
			PRIu64 ", \"finished\": %s}", i ? "," : "", i, flow->sent, flow->bytes,
			flow->acked, flow->probes, flow->busy, flow->finished ? "true" : "false");
	}
	fprintf(file, "]},\n");
}

static void write_flow(FILE *file, unsigned int i, const struct receive_flow *flow)
{
	fprintf(file, "%s\n    {\"flow\": %u, \"expected\": %" PRIu64 ", \"packets\": %" PRIu64
		", \"bytes\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64
		", \"reordered\": %" PRIu64 ", \"stale\": %" PRIu64 ", \"finished\": %s, "
		"\"latency_us\": {\"min\": %.3f, \"mean\": %.3f, \"max\": %.3f}}", i ? "," : "", i,
		flow->expected, flow->received, flow->bytes, receive_lost(flow), flow->duplicated,
		flow->reordered, flow->stale, flow->fin ? "true" : "false",
		(double)flow->latency_min_ns / 1e3,
		flow->received ? (double)flow->latency_sum_ns / 1e3 / (double)flow->received : 0,
		(double)flow->latency_max_ns / 1e3);
}

static void write_received(FILE *file, const struct options *options,
			   const struct receiver *receiver)
{
	struct sums sums = sum_up(receiver);

	fprintf(file, "  \"received\": {\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64
		", \"seconds\": %.6f, \"lost\": %" PRIu64 ", \"duplicated\": %" PRIu64
		", \"reordered\": %" PRIu64 ", \"stale\": %" PRIu64 ", \"corrupted\": %" PRIu64
		", \"foreign\": %" PRIu64 ",\n   \"by_queue\": [", sums.received, sums.bytes,
		span_s(receiver->first_ns, receiver->last_ns), sums.lost, sums.duplicated,
		sums.reordered, sums.stale, receiver->corrupted, receiver->foreign);
	for (unsigned int i = 0; i < options->queues; i++)
		fprintf(file, "%s%" PRIu64, i ? ", " : "", receiver->by_queue[i]);
	fprintf(file, "],\n   \"flows\": [");
	for (unsigned int i = 0; i < receiver->nb_flows; i++)
		write_flow(file, i, &receiver->flows[i]);
	fprintf(file, "]}\n");
}

static void write_all(FILE *file, const struct options *options, const struct sender *sender,
		      const struct receiver *receiver, enum outcome outcome)
{
	fprintf(file, "{\n  \"outcome\": \"%s\",\n  \"own_mac\": \"" RTE_ETHER_ADDR_PRT_FMT
		"\",\n  \"peer_mac\": \"" RTE_ETHER_ADDR_PRT_FMT "\",\n", outcome_names[outcome],
		RTE_ETHER_ADDR_BYTES(&options->own_mac), RTE_ETHER_ADDR_BYTES(&options->peer_mac));
	fprintf(file, "  \"peer_heard\": %s,\n", receiver->heard ? "true" : "false");
	write_sent(file, options, sender);
	write_received(file, options, receiver);
	fprintf(file, "}\n");
}

int report_write(const struct options *options, const struct sender *sender,
		 const struct receiver *receiver, enum outcome outcome)
{
	FILE *file;

	write_all(stdout, options, sender, receiver, outcome);
	fflush(stdout);
	if (!options->json)
		return 0;
	file = fopen(options->json, "w");
	if (file)
		write_all(file, options, sender, receiver, outcome);
	if (!file || (ferror(file) | fclose(file))) {
		fprintf(stderr, "%s: cannot write the result: %s\n", options->json,
			strerror(errno));
		return -EIO;
	}
	return 0;
}
