/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that come line by line. Each is answered by one object, an error too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "commands.h"
#include "common/number.h"
#include "vvu-pkt/frame.h"
#include "job.h"
#include "json_out.h"
#include "verify.h"

#define BLANKS	" \t\r\n"

static const char *const modes[JOB_DRAIN] = {
	[JOB_SEND] = "send",
	[JOB_RECEIVE] = "receive",
	[JOB_ECHO] = "echo",
	[JOB_FORWARD] = "forward",
	[JOB_SEND_CHECKED] = "send-checked",
	[JOB_RECEIVE_CHECKED] = "receive-checked",
	[JOB_EXCHANGE] = "exchange",
};

static void refuse(const char *why, const char *what)
{
	json_open(NULL, '{');
	json_string("error", why);
	json_string("of", what ? what : "");
	json_close();
}

static bool checked(enum job_mode mode)
{
	return mode == JOB_SEND_CHECKED || mode == JOB_RECEIVE_CHECKED || mode == JOB_EXCHANGE;
}

static void print_counters(const struct job *job)
{
	json_open(NULL, '{');
	json_u64("tsc", rte_rdtsc());
	json_u64("hz", rte_get_tsc_hz());
#define PRINT(field) json_u64(#field, __atomic_load_n(&counters.field, __ATOMIC_RELAXED))
	PRINT(rx_packets);
	PRINT(rx_bytes);
	PRINT(rx_calls);
	PRINT(rx_empty);
	PRINT(rx_cycles);
	PRINT(tx_packets);
	PRINT(tx_calls);
	PRINT(tx_full);
	PRINT(tx_cycles);
	PRINT(idle_cycles);
#undef PRINT
	if (checked(job->mode))
		verify_print();
	json_close();
}

/* "0,3,5" */
static bool parse_ports(struct job *job, const char *text)
{
	char *end;

	job->lanes = 0;
	while (text && *text >= '0' && *text <= '9' && job->lanes < PORTS_MAX) {
		unsigned long port = strtoul(text, &end, 10);

		if (port >= ports_count())
			return false;
		for (unsigned int i = 0; i < job->lanes; i++) {
			if (job->lane[i].port == port)
				return false;
		}
		job->lane[job->lanes++] = (struct lane){ .port = (uint16_t)port };
		if (*end == '\0')
			return true;
		if (*end != ',')
			return false;
		text = end + 1;
	}
	return false;
}

static bool parse_setting(struct job *job, const char *word)
{
	uint64_t value;

	if (strcmp(word, "size=imix") == 0) {
		job->size = 0;
		return true;
	}
	if (strncmp(word, "size=", 5) == 0) {
		if (number_parse("size", word + 5, FRAME_SIZE_MIN, FRAME_SIZE_MAX, &value))
			return false;
		job->size = (unsigned int)value;
		return true;
	}
	if (strncmp(word, "inject=", 7) == 0) {
		if (number_parse("inject", word + 7, 1, 65536, &value))
			return false;
		job->inject = (unsigned int)value;
		return true;
	}
	return strncmp(word, "count=", 6) == 0 &&
	       number_parse("count", word + 6, 1, VERIFY_MAX, &job->count) == 0;
}

static void set_ways(struct job *job)
{
	for (uint16_t i = 0; i < job->lanes; i++)
		job->lane[i].to = job->mode == JOB_FORWARD ? i ^ 1 : i;
}

static bool parse_start(struct job *job)
{
	const char *word = strtok(NULL, BLANKS);
	unsigned int mode = 0;

	*job = (struct job){ .size = FRAME_SIZE_MIN };
	while (word && mode < JOB_DRAIN && strcmp(word, modes[mode]) != 0)
		mode++;
	if (!word || mode == JOB_DRAIN) {
		refuse("no such mode", word);
		return false;
	}
	job->mode = (enum job_mode)mode;
	word = strtok(NULL, BLANKS);
	if (!parse_ports(job, word) || (mode == JOB_FORWARD && job->lanes % 2)) {
		refuse(mode == JOB_FORWARD ? "no pairs of ports" : "no list of ports", word);
		return false;
	}
	while ((word = strtok(NULL, BLANKS))) {
		if (!parse_setting(job, word)) {
			refuse("no such setting", word);
			return false;
		}
	}
	if (!job->count && (job->mode == JOB_SEND_CHECKED || job->mode == JOB_EXCHANGE)) {
		refuse("count is missing", modes[mode]);
		return false;
	}
	set_ways(job);
	return true;
}

/* The last one that was started: "read" is about it, also after its end. */
static struct job job;

static void start(void)
{
	struct job wanted;

	if (job_running()) {
		refuse("a job is running", "start");
		return;
	}
	if (!parse_start(&wanted))
		return;
	job = wanted;
	if (checked(job.mode))
		verify_clear();
	job_start(&job);
	print_counters(&job);
}

static void stop(void)
{
	if (!job_running()) {
		refuse("no job is running", "stop");
		return;
	}
	job_end(true);
	print_counters(&job);
}

static void drain(void)
{
	const char *word = strtok(NULL, BLANKS);
	struct job wanted = { .mode = JOB_DRAIN };

	if (job_running() || !parse_ports(&wanted, word)) {
		refuse(job_running() ? "a job is running" : "no list of ports", word);
		return;
	}
	job = wanted;
	job_start(&job);
	job_end(false);
	if (job_quiet)
		print_counters(&job);
	else
		refuse("frames do not stop coming", word);
}

bool command_do(char *line)
{
	const char *word = strtok(line, BLANKS);

	if (!word)
		return true;
	if (strcmp(word, "quit") == 0)
		return false;
	if (strcmp(word, "ports") == 0)
		ports_print();
	else if (strcmp(word, "start") == 0)
		start();
	else if (strcmp(word, "read") == 0)
		print_counters(&job);
	else if (strcmp(word, "stop") == 0)
		stop();
	else if (strcmp(word, "drain") == 0)
		drain();
	else
		refuse("no such command", word);
	return true;
}
