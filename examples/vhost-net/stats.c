/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdb.h"
#include "forward.h"
#include "ports.h"
#include "stats.h"

static const char *const drop_names[DROPS] = {
#define X(id, name, help) [DROP_##id] = #name,
	DROP_REASONS(X)
#undef X
};

int stats_alloc(struct stats *stats)
{
	stats->port = calloc(nb_ports, sizeof(*stats->port));
	stats->pair = calloc((size_t)nb_ports * nb_ports, sizeof(*stats->pair));
	return stats->port && stats->pair ? 0 : -ENOMEM;
}

void stats_free(struct stats *stats)
{
	free(stats->port);
	free(stats->pair);
	*stats = (struct stats){ 0 };
}

/* Both structs are counters and nothing else. */
static void add(void *sum, const void *part, size_t bytes)
{
	uint64_t *to = sum;
	const uint64_t *from = part;

	for (size_t i = 0; i < bytes / sizeof(*to); i++)
		to[i] += __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static int sum_up(struct stats *sum)
{
	if (stats_alloc(sum)) {
		stats_free(sum);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < nb_forwarders; i++) {
		const struct stats *part = &forwarders[i].stats;

		add(sum->port, part->port, nb_ports * sizeof(*sum->port));
		add(sum->pair, part->pair, (size_t)nb_ports * nb_ports * sizeof(*sum->pair));
	}
	return 0;
}

struct totals {
	uint64_t rx_packets, tx_packets, tx_bytes, refused, dropped;
};

static struct totals totals_of(const struct stats *sum)
{
	struct totals totals = { 0 };

	for (unsigned int i = 0; i < nb_ports; i++) {
		totals.rx_packets += sum->port[i].rx_packets;
		totals.tx_packets += sum->port[i].tx_packets;
		totals.tx_bytes += sum->port[i].tx_bytes;
		for (unsigned int d = 0; d < DROPS; d++)
			totals.dropped += sum->port[i].drop[d];
	}
	for (unsigned int i = 0; i < nb_ports * nb_ports; i++)
		totals.refused += sum->pair[i].refused;
	return totals;
}

void stats_print(double seconds)
{
	static struct totals last;
	static double last_seconds;
	double span = seconds - last_seconds;
	struct fdb_stats fdb;
	struct totals now;
	struct stats sum;
	unsigned int up = 0;

	if (span <= 0 || sum_up(&sum))
		return;
	now = totals_of(&sum);
	stats_free(&sum);
	for (unsigned int i = 0; i < nb_ports; i++)
		up += atomic_load(&ports[i].up);
	fdb_stats(&fdb);
	printf("%.1f s: %u of %u ports up, %u addresses; in %.3f Mpps, out %.3f Mpps %.3f Gbit/s; "
	       "not accepted %" PRIu64 ", dropped %" PRIu64 "\n", seconds, up, nb_ports,
	       fdb.addresses, (now.rx_packets - last.rx_packets) / span / 1e6,
	       (now.tx_packets - last.tx_packets) / span / 1e6,
	       (now.tx_bytes - last.tx_bytes) * 8 / span / 1e9, now.refused - last.refused,
	       now.dropped - last.dropped);
	fflush(stdout);
	last = now;
	last_seconds = seconds;
}

/* A device name is what the user typed: escape what JSON does not take. */
static void write_string(FILE *file, const char *text)
{
	putc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', file);
		if ((unsigned char)*text < 0x20)
			fprintf(file, "\\u%04x", (unsigned int)*text);
		else
			putc(*text, file);
	}
	putc('"', file);
}

static void write_port(FILE *file, unsigned int i, const struct port_stats *stats)
{
	const struct port *port = &ports[i];

	fprintf(file, "    {\"index\": %u, \"name\": ", i);
	write_string(file, port->name);
	fprintf(file, ", \"driver\": ");
	write_string(file, port->driver);
	fprintf(file,
		", \"mac\": \"" RTE_ETHER_ADDR_PRT_FMT "\", \"queues\": %u, \"up\": %s, "
		"\"links_up\": %" PRIu64 ",\n     \"rx_packets\": %" PRIu64
		", \"rx_bytes\": %" PRIu64 ", \"tx_packets\": %" PRIu64 ", \"tx_bytes\": %" PRIu64
		", \"flooded\": %" PRIu64,
		RTE_ETHER_ADDR_BYTES(&port->mac), port->queues,
		atomic_load(&port->up) ? "true" : "false", port->links_up, stats->rx_packets,
		stats->rx_bytes, stats->tx_packets, stats->tx_bytes, stats->flooded);
	fprintf(file, ",\n     \"dropped\": {");
	for (unsigned int d = 0; d < DROPS; d++)
		fprintf(file, "%s\"%s\": %" PRIu64, d ? ", " : "", drop_names[d], stats->drop[d]);
	fprintf(file, "}}%s\n", i + 1 < nb_ports ? "," : "");
}

static void write_pairs(FILE *file, const struct stats *sum)
{
	const char *separator = "";

	for (unsigned int i = 0; i < nb_ports * nb_ports; i++) {
		const struct pair_stats *pair = &sum->pair[i];

		if (!pair->forwarded)
			continue;
		fprintf(file,
			"%s\n    {\"from\": %u, \"to\": %u, \"packets\": %" PRIu64
			", \"bytes\": %" PRIu64 ", \"refused\": %" PRIu64
			", \"refused_bytes\": %" PRIu64 ", \"finished\": %" PRIu64
			", \"unsent\": %" PRIu64 "}",
			separator, i / nb_ports, i % nb_ports, pair->forwarded - pair->refused,
			pair->forwarded_bytes - pair->refused_bytes, pair->refused,
			pair->refused_bytes, pair->finished, pair->unsent);
		separator = ",";
	}
}

static void write_all(FILE *file, const struct stats *sum, double seconds)
{
	struct fdb_stats fdb;

	fdb_stats(&fdb);
	fprintf(file,
		"{\n  \"seconds\": %.6f,\n  \"fdb\": {\"addresses\": %u, \"learned\": %" PRIu64
		", \"moved\": %" PRIu64 ", \"aged\": %" PRIu64 ", \"refused\": %" PRIu64 "},\n",
		seconds, fdb.addresses, fdb.learned, fdb.moved, fdb.aged, fdb.refused);
	fprintf(file, "  \"ports\": [\n");
	for (unsigned int i = 0; i < nb_ports; i++)
		write_port(file, i, &sum->port[i]);
	fprintf(file, "  ],\n  \"pairs\": [");
	write_pairs(file, sum);
	fprintf(file, "\n  ]\n}\n");
}

int stats_write(const char *path, double seconds)
{
	char *temporary = NULL;
	struct stats sum;
	FILE *file = NULL;
	int ret = sum_up(&sum);

	if (!ret && asprintf(&temporary, "%s.tmp", path) < 0) {
		temporary = NULL;
		ret = -ENOMEM;
	}
	if (!ret) {
		file = fopen(temporary, "w");
		ret = file ? 0 : -errno;
	}
	if (!ret)
		write_all(file, &sum, seconds);
	if (file && (ferror(file) | fclose(file)) && !ret)
		ret = -EIO;
	if (!ret && rename(temporary, path))
		ret = -errno;
	if (ret) {
		fprintf(stderr, "%s: cannot write the statistics: %s\n", path, strerror(-ret));
		if (file)
			unlink(temporary);
	}
	free(temporary);
	stats_free(&sum);
	return ret;
}
