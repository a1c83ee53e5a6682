/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vvu-testd: a vhost-user back-end for tests. It opens a virtio-vhost-user device and
 * serves its frontends. With --socket that is an embedded device, driven by the same
 * session that programs in a VM use, so a frontend on the socket talks to the whole stack:
 * device model, PCI function, virtqueues, driver, back-end engine, rings. With --device it
 * is a PCI function that is bound to vfio-pci, in a VM. No DPDK. "vvu-testd --help" lists
 * the options.
 *
 * Types of device that it is to the frontend (--type)
 *   loop-net  network device that returns every frame: what the frontend transmits on ring
 *             2 i + 1 comes back on ring 2 i. Knows mergeable buffers, indirect
 *             descriptors, event index. Waits for kicks, and suppresses them while it is at
 *             work; with --poll-us N it looks every N us and never asks for a kick. A frame
 *             for which the receive ring has no room waits; one for which no number of its
 *             buffers would do is dropped (too_large); while the receive ring is not ready
 *             frames are dropped (dropped).
 *   echo      copies what is readable in a request into what is writable, on every ring. The
 *             first four bytes, little-endian, are the number of the request; one with the
 *             top bit set is held until "release". Serves packed rings (--packed), and keeps
 *             a record of requests under way (--inflight).
 *   idle      never touches a ring: for tests that look at ring states and kicks.
 *
 * How a test drives it
 *   Start it with pipes on standard input and output; standard error has the log (warnings
 *   and errors; with --trace a line per message). It ends on "quit", at the end of standard
 *   input, on SIGTERM or SIGINT, with status 0 after everything was closed and freed (a
 *   leak check under a sanitizer is meaningful); 1 when it could not start, 2 for its
 *   options.
 *
 *   Every line on standard output is one JSON object, of two kinds:
 *   - events, at any time:
 *       {"event":"listening","socket":PATH}   once, when a frontend may connect; with
 *                                             --client when connecting begins; with
 *                                             --device it is "device":ADDRESS
 *       {"event":"connected","epoch":N}
 *       {"event":"disconnected","epoch":N,"reason":TEXT}  TEXT: what the session refused,
 *                                             or that the frontend closed the connection.
 *                                             What the device itself refused is in
 *                                             status.device.last_disconnect
 *       {"event":"ring","index":I,"ready":BOOL}  ready: started, enabled, translated, not
 *                                             broken
 *   - answers, exactly one per command, in the order of the commands:
 *       {"reply":COMMAND, ...}
 *   A test that needs a state waits for the event, or repeats "status" until it is there;
 *   there is nothing to sleep for.
 *
 *   Commands are lines of words:
 *     status         {"reply":"status",
 *                     "session":{up, connected, epoch, features, protocol_features,
 *                        device_status, regions, rings_started, rings_ready, connections,
 *                        messages, refused, last_message_ns, max_message_ns, window_flags,
 *                        last_error, last_disconnect},
 *                     "device":{state, status, epoch, features, protocol_features, regions,
 *                        window_used, outstanding, connections, messages_from_frontend,
 *                        messages_from_driver, last_disconnect}, null with --device,
 *                     "rings":[{index, ready, started, enabled, broken, broken_reason, size,
 *                        addr_set, translated, event_idx, indirect, last_avail, used_idx,
 *                        kick_none, call_none, has_kick_fd, calls, kicks, stops,
 *                        ready_changes}, ...],
 *                     "regions":[{gpa, size, uva, offset}, ...],
 *                     "counters":{connects, disconnects, resets, set_status, status,
 *                        mtu_sets, mtu, rarps, rarp_mac, config_reads, config_writes,
 *                        config_flags, taken, frames, bytes, dropped, too_large, malformed},
 *                     "config":HEX}
 *                    Numbers are decimal; last_error, last_disconnect and broken_reason are
 *                    texts that name message, field and value. Counters never go back.
 *     fds            {"fds":N,"maps":N,"heap_bytes":N}: open descriptors, lines of
 *                    /proc/self/maps, bytes in use of malloc (0 under a sanitizer). Two
 *                    answers taken while no frontend is connected differ only by a leak.
 *     config-change  sends BACKEND_CONFIG_CHANGE_MSG; "result" is 0 or a negative errno
 *                    (-107 not connected, -95 not negotiated, -11 not now)
 *     down, up       stop and start serving frontends
 *     taken          {"taken":[N, ...]}: numbers of the requests that were taken, in order
 *                    (type echo; the first 1024)
 *     release        finish the requests that are held, the newest first; "result" is how
 *                    many there were
 *     call I         raise the call doorbell of ring I if it is ready (0 or -1)
 *     break I        break ring I if it is ready: the err doorbell is raised
 *     quit
 *
 * The configuration space (--config-size N) starts as bytes 0, 1, 2, ... and takes writes.
 * NET_SET_MTU above --mtu-max is refused. SEND_RARP is counted.
 *
 * Example, with the frontend's part left out:
 *   p = subprocess.Popen([vvu_testd, "--socket", path, "--type", "idle"],
 *                        stdin=PIPE, stdout=PIPE, text=True)
 *   assert json.loads(p.stdout.readline())["event"] == "listening"
 *   p.stdin.write("status\n"); p.stdin.flush()
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "testd.h"
#include "json_out.h"

enum { FD_SESSION, FD_STDIN, FD_SIGNAL, FD_KICKS };

/* Kick fds of all rings, each once: rings share one where there are few vectors. */
static nfds_t
add_kicks(struct testd *d, struct pollfd *fds)
{
	nfds_t n = FD_KICKS, k;
	unsigned int i;

	for (i = 0; i < d->options.max_rings; i++) {
		int fd = vhr_ring(d->session, i)->kick_fd;

		if (fd < 0)
			continue;
		for (k = FD_KICKS; k < n && fds[k].fd != fd; k++)
			;
		if (k < n)
			continue;
		fds[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	return n;
}

static void
take_kicks(struct testd *d, const struct pollfd *fds, nfds_t n)
{
	uint64_t count;
	unsigned int i;
	nfds_t k;

	for (k = FD_KICKS; k < n; k++) {
		if (!(fds[k].revents & POLLIN) || read(fds[k].fd, &count, sizeof(count)) < 0)
			continue;
		for (i = 0; i < d->options.max_rings; i++)
			if (vhr_ring(d->session, i)->kick_fd == fds[k].fd)
				d->ring[i].kicks += count;
	}
}

/* Is there a ring that tells nobody when it has something? */
static bool
must_poll(struct testd *d)
{
	unsigned int i;

	for (i = 0; i < d->options.max_rings; i++) {
		const struct vhr_ring *ring = vhr_ring(d->session, i);

		if (ring->ready && (ring->kick_none || ring->kick_fd < 0))
			return true;
	}
	return false;
}

static int
wait_for_something(struct testd *d, struct pollfd *fds, nfds_t n, bool busy)
{
	const struct timespec now = { 0 }, ms = { .tv_nsec = 1000000 };
	const struct timespec interval = {
		.tv_sec = d->options.poll_us / 1000000,
		.tv_nsec = (long)(d->options.poll_us % 1000000) * 1000,
	};
	const struct timespec *timeout = NULL;

	if (busy)
		timeout = &now;
	else if (d->options.poll_us != 0)
		timeout = &interval;
	else if (d->options.type->arm(d))
		timeout = &now;
	else if (must_poll(d))
		timeout = &ms;
	return ppoll(fds, n, timeout, NULL);
}

static int
run(struct testd *d, int signal_fd)
{
	struct pollfd fds[FD_KICKS + VHU_MAX_VRINGS] = {
		[FD_SESSION] = { .fd = vhr_poll_fd(d->session), .events = POLLIN },
		[FD_STDIN] = { .fd = STDIN_FILENO, .events = POLLIN },
		[FD_SIGNAL] = { .fd = signal_fd, .events = POLLIN },
	};
	bool busy = false;

	while (!d->quit) {
		nfds_t n = add_kicks(d, fds);

		if (wait_for_something(d, fds, n, busy) < 0 && errno != EINTR) {
			perror("vvu-testd: ppoll");
			return 1;
		}
		if (fds[FD_SIGNAL].revents != 0)
			break;
		take_kicks(d, fds, n);
		if (vhr_run(d->session) < 0) {
			fprintf(stderr, "vvu-testd: %s\n", vhr_last_error(d->session));
			return 1;
		}
		busy = d->options.type->service(d);
		if (fds[FD_STDIN].revents != 0 && !testd_control(d))
			break;
	}
	return 0;
}

static int
open_session(struct testd *d)
{
	const struct testd_options *o = &d->options;
	struct vhr_config config = {
		.ops = &d->ops,
		.priv = d,
		.features = o->features,
		.protocol_features = o->protocol_features,
		.max_rings = o->max_rings,
		.queue_num = o->queues,
		.max_ring_size = o->max_ring_size,
		.inflight = o->inflight,
		.packed = o->packed,
		.layout = o->layout,
	};
	struct vhu_reason reason = { "" };
	struct vhr_bus *bus;
	int ret;

	if (o->address != NULL)
		ret = vhr_bus_vfio_open(o->address, &bus, &reason);
	else
		ret = vhr_bus_embedded_open(&o->emb, &bus, &reason);
	if (ret == 0) {
		d->emb = vhr_bus_embedded_device(bus);
		ret = vhr_open(bus, &config, &d->session, &reason);
	}
	if (ret == 0)
		return 0;
	fprintf(stderr, "vvu-testd: %s: %s\n", strerror(-ret), reason.text);
	return ret;
}

static void
tell_listening(const struct testd_options *o)
{
	json_open(NULL, '{');
	json_string("event", "listening");
	if (o->address != NULL)
		json_string("device", o->address);
	else
		json_string("socket", o->emb.socket_path);
	json_close();
}

static int
signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
main(int argc, char **argv)
{
	struct testd *d = calloc(1, sizeof(*d));
	int signal_fd = signals(), status = 1;

	if (d == NULL || signal_fd < 0) {
		perror("vvu-testd");
		return 1;
	}
	testd_options(d, argc, argv);
	testd_device_init(d);
	if (open_session(d) == 0) {
		if (vhr_up(d->session) == 0) {
			tell_listening(&d->options);
			status = run(d, signal_fd);
		} else {
			fprintf(stderr, "vvu-testd: %s\n", vhr_last_error(d->session));
		}
		vhr_close(d->session);
	}
	close(signal_fd);
	free(d);
	return status;
}
