/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands on standard input, one per line; each is answered by one line. */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "testd.h"
#include "json_out.h"

static void
open_reply(const char *command)
{
	json_open(NULL, '{');
	json_string("reply", command);
}

static void
put_session(struct testd *d)
{
	struct vhr_status s;

	vhr_status(d->session, &s);
	json_open("session", '{');
	json_bool("up", s.up);
	json_bool("connected", s.connected);
	json_u64("epoch", s.epoch);
	json_u64("features", s.features);
	json_u64("protocol_features", s.protocol_features);
	json_u64("device_status", s.device_status);
	json_u64("regions", s.regions);
	json_u64("rings_started", s.rings_started);
	json_u64("rings_ready", s.rings_ready);
	json_u64("connections", s.connections);
	json_u64("messages", s.messages);
	json_u64("refused", s.refused);
	json_u64("last_message_ns", s.last_message_ns);
	json_u64("max_message_ns", s.max_message_ns);
	json_u64("window_flags", vhr_window_flags(d->session));
	json_string("last_error", vhr_last_error(d->session));
	json_string("last_disconnect", d->last_disconnect);
	json_close();
}

static void
put_device(struct testd *d)
{
	struct vvu_device_status s;

	/* What a VMM's device thinks is not for its driver to see. */
	if (d->emb == NULL) {
		json_null("device");
		return;
	}
	vvu_emb_query(d->emb, &s);
	json_open("device", '{');
	json_string("state", s.state);
	json_u64("status", s.status);
	json_u64("epoch", s.epoch);
	json_u64("features", s.features);
	json_u64("protocol_features", s.protocol_features);
	json_u64("regions", s.regions);
	json_u64("window_used", s.window_used);
	json_u64("outstanding", s.outstanding);
	json_u64("connections", s.connections);
	json_u64("messages_from_frontend", s.messages_from_frontend);
	json_u64("messages_from_driver", s.messages_from_driver);
	json_string("last_disconnect", s.last_disconnect.text);
	json_close();
}

static void
put_ring(struct testd *d, unsigned int i)
{
	const struct vhr_ring *r = vhr_ring(d->session, i);

	json_open(NULL, '{');
	json_u64("index", i);
	json_bool("ready", r->ready);
	json_bool("started", r->started);
	json_bool("enabled", r->enabled);
	json_bool("broken", r->broken);
	json_string("broken_reason", r->broken_reason.text);
	json_u64("size", r->size);
	json_bool("addr_set", r->addr_set);
	json_bool("translated", r->desc != NULL);
	json_bool("event_idx", r->event_idx);
	json_bool("indirect", r->indirect);
	json_u64("last_avail", r->last_avail);
	json_u64("used_idx", r->used_idx);
	json_bool("kick_none", r->kick_none);
	json_bool("call_none", r->call_none);
	json_bool("has_kick_fd", r->kick_fd >= 0);
	json_u64("calls", r->calls);
	json_u64("kicks", d->ring[i].kicks);
	json_u64("stops", d->ring[i].stops);
	json_u64("ready_changes", d->ring[i].ready_changes);
	json_close();
}

static void
put_regions(struct testd *d)
{
	const struct vhr_memory *m = vhr_ring(d->session, 0)->memory;
	unsigned int i;

	json_open("regions", '[');
	for (i = 0; i < m->num; i++) {
		json_open(NULL, '{');
		json_u64("gpa", m->region[i].gpa);
		json_u64("size", m->region[i].size);
		json_u64("uva", m->region[i].uva);
		json_u64("offset", m->region[i].offset);
		json_close();
	}
	json_close();
}

static void
put_counters(struct testd *d)
{
	const struct testd_counters *c = &d->counters;

	json_open("counters", '{');
	json_u64("connects", c->connects);
	json_u64("disconnects", c->disconnects);
	json_u64("resets", c->resets);
	json_u64("set_status", c->set_status);
	json_u64("status", c->status);
	json_u64("mtu_sets", c->mtu_sets);
	json_u64("mtu", c->mtu);
	json_u64("rarps", c->rarps);
	json_hex("rarp_mac", c->rarp_mac, sizeof(c->rarp_mac));
	json_u64("config_reads", c->config_reads);
	json_u64("config_writes", c->config_writes);
	json_u64("config_flags", c->config_flags);
	json_u64("taken", c->taken);
	json_u64("frames", c->frames);
	json_u64("bytes", c->bytes);
	json_u64("dropped", c->dropped);
	json_u64("too_large", c->too_large);
	json_u64("malformed", c->malformed);
	json_close();
}

static void
status(struct testd *d, const char *arg)
{
	unsigned int i;

	open_reply("status");
	put_session(d);
	put_device(d);
	json_open("rings", '[');
	for (i = 0; i < d->options.max_rings; i++)
		put_ring(d, i);
	json_close();
	put_regions(d);
	put_counters(d);
	json_hex("config", d->config, d->options.config_size);
	json_close();
}

static unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	/* ".", ".." and the descriptor of the directory itself. */
	return n - 3;
}

static unsigned int
count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	int c;

	if (f == NULL)
		return 0;
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

static void
fds(struct testd *d, const char *arg)
{
	unsigned int maps, num = count_fds();
	size_t heap = mallinfo2().uordblks;

	maps = count_maps();
	open_reply("fds");
	json_u64("fds", num);
	json_u64("maps", maps);
	json_u64("heap_bytes", heap);
	json_close();
}

static void
result(const char *command, int64_t value)
{
	open_reply(command);
	json_s64("result", value);
	json_close();
}

static void
config_change(struct testd *d, const char *arg)
{
	result("config-change", vhr_config_changed(d->session));
}

static void
up(struct testd *d, const char *arg)
{
	result("up", vhr_up(d->session));
}

static void
down(struct testd *d, const char *arg)
{
	vhr_down(d->session);
	result("down", 0);
}

/* The ring that @arg names, if the device may touch it now. */
static struct vhr_ring *
ready_ring(struct testd *d, const char *arg)
{
	struct vhr_ring *ring = vhr_ring(d->session, (unsigned int)strtoul(arg, NULL, 0));

	return ring != NULL && ring->ready ? ring : NULL;
}

static void
call(struct testd *d, const char *arg)
{
	struct vhr_ring *ring = ready_ring(d, arg);

	if (ring != NULL)
		vhr_ring_call(ring);
	result("call", ring != NULL ? 0 : -1);
}

static void
break_ring(struct testd *d, const char *arg)
{
	struct vhr_ring *ring = ready_ring(d, arg);

	if (ring != NULL)
		vhr_ring_break(ring, "by command");
	result("break", ring != NULL ? 0 : -1);
}

static void
taken(struct testd *d, const char *arg)
{
	unsigned int i;

	open_reply("taken");
	json_open("taken", '[');
	for (i = 0; i < d->counters.taken && i < TESTD_TAKEN_MAX; i++)
		json_u64(NULL, d->taken[i]);
	json_close();
	json_close();
}

static void
release(struct testd *d, const char *arg)
{
	result("release", testd_echo_release(d));
}

static void
quit(struct testd *d, const char *arg)
{
	d->quit = true;
	result("quit", 0);
}

static const struct {
	const char *name;
	void (*run)(struct testd *d, const char *arg);
} commands[] = {
	{ "status", status },
	{ "fds", fds },
	{ "config-change", config_change },
	{ "up", up },
	{ "down", down },
	{ "call", call },
	{ "break", break_ring },
	{ "taken", taken },
	{ "release", release },
	{ "quit", quit },
};

static void
run_command(struct testd *d, char *line)
{
	char *arg = strchr(line, ' ');
	unsigned int i;

	if (arg != NULL)
		*arg++ = '\0';
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(line, commands[i].name) == 0) {
			commands[i].run(d, arg != NULL ? arg : "");
			return;
		}
	}
	open_reply(line);
	json_string("error", "no such command");
	json_close();
}

bool
testd_control(struct testd *d)
{
	static char buf[256];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, buf + len, sizeof(buf) - 1 - len);
	char *end;

	if (n <= 0)
		return false;
	len += (size_t)n;
	buf[len] = '\0';
	while ((end = memchr(buf, '\n', len)) != NULL) {
		*end = '\0';
		run_command(d, buf);
		len -= (size_t)(end + 1 - buf);
		memmove(buf, end + 1, len + 1);
	}
	/* A line that does not end is no command. */
	return len < sizeof(buf) - 1;
}
