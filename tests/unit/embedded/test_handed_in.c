/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets that somebody else made: a connected one, a listening one, and what is neither. */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "proc.h"

#define GET_FEATURES	1
#define GET_FEATURES_AT	0	/* of the header: le32 request */
#define ANOTHER_GROUP	54321u

static struct vvu_emb_config config_of(struct mini_driver *mini, int fd)
{
	struct vvu_emb_config config = mini_config(mini);

	config.socket_path = NULL;
	config.has_fd = true;
	config.fd = fd;
	return config;
}

static void make_pair(int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(sock, 1), 0);
	return sock;
}

/* The driver gets GET_FEATURES of the frontend at @sock. */
static void assert_served(struct mini_driver *mini, int sock)
{
	uint8_t message[64];
	uint32_t request;

	fe_send(sock, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	for (unsigned int i = 0; i < 100 && mini_used(mini, VVU_RXQ) == 0; i++)
		mini_wait(mini, 100);
	assert_int_equal(mini_receive(mini, message, sizeof(message)), 12);
	memcpy(&request, message + GET_FEATURES_AT, sizeof(request));
	assert_int_equal(le32toh(request), GET_FEATURES);
}

static bool hung_up(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLRDHUP };

	return poll(&pfd, 1, 1000) == 1 && (pfd.revents & POLLHUP);
}

static void connected_socket_is_served(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config;
	int pair[2];

	make_pair(pair);
	config = config_of(&mini, pair[1]);
	mini_create_with(&mini, &config);
	mini_start(&mini);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), 0);
	mini_backend_up(&mini, true);
	assert_served(&mini, pair[0]);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	mini_destroy(&mini);
	close(pair[0]);
	close(pair[1]);
}

static void after_the_connected_frontend_comes_none(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config;
	struct vvu_device_status status;
	int pair[2];

	make_pair(pair);
	config = config_of(&mini, pair[1]);
	mini_create_with(&mini, &config);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	assert_served(&mini, pair[0]);
	close(pair[0]);
	mini_wait(&mini, 1000);
	assert_int_equal(mini_status(&mini), 0);
	mini_backend_up(&mini, true);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP);
	vvu_emb_query(mini.emb, &status);
	assert_int_equal(status.connections, 1);
	mini_destroy(&mini);
	close(pair[1]);
}

/* The caller's own descriptor would keep the connection open. */
static void dropped_frontend_is_told_though_the_caller_has_its_socket_too(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config;
	int pair[2];

	make_pair(pair);
	config = config_of(&mini, pair[1]);
	mini_create_with(&mini, &config);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	assert_served(&mini, pair[0]);
	mini_backend_up(&mini, false);
	mini_run(&mini);
	assert_true(hung_up(pair[0]));
	assert_true(hung_up(pair[1]));
	mini_destroy(&mini);
	close(pair[0]);
	close(pair[1]);
}

static void caller_keeps_its_descriptor(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config;
	unsigned int fds = proc_open_fds();
	int pair[2];

	make_pair(pair);
	config = config_of(&mini, pair[1]);
	mini_create_with(&mini, &config);
	mini_destroy(&mini);
	assert_int_equal(fcntl(pair[1], F_GETFD), FD_CLOEXEC);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(proc_open_fds(), fds);
}

static void listening_socket_serves_one_after_the_other(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config;
	char path[108];
	int listening, sock;

	mini_path(path);
	listening = listen_at(path);
	config = config_of(&mini, listening);
	mini_create_with(&mini, &config);
	mini_start(&mini);
	for (unsigned int i = 0; i < 3; i++) {
		mini_backend_up(&mini, true);
		sock = fe_connect(path);
		assert_served(&mini, sock);
		close(sock);
		mini_wait(&mini, 1000);
		assert_int_equal(mini_status(&mini), 0);
	}
	mini_destroy(&mini);
	/* It is not ours. */
	assert_int_equal(access(path, F_OK), 0);
	close(listening);
	unlink(path);
}

static void assert_refused(int fd, int expected, const char *part)
{
	struct mini_driver mini;
	struct vvu_emb_config config = config_of(&mini, fd);
	struct vhu_reason reason = { "" };
	struct vvu_emb *emb = NULL;

	assert_int_equal(vvu_emb_create(&config, &emb, &reason), expected);
	assert_null(emb);
	if (strstr(reason.text, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", reason.text, part);
}

static void what_cannot_be_served_is_refused(void **state)
{
	unsigned int fds = proc_open_fds();
	int other[2], unconnected = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, other), 0);
	assert_refused(-1, -EBADF, "fd: -1");
	assert_refused(fe_eventfd(), -ENOTSOCK, "fd: ");
	assert_refused(other[0], -EINVAL, "not an AF_UNIX stream socket");
	assert_refused(unconnected, -EINVAL, "neither listening nor connected");
	close(unconnected);
	close(other[0]);
	close(other[1]);
	/* The eventfd */
	assert_int_equal(proc_open_fds(), fds + 1);
}

static void descriptor_and_path_exclude_each_other(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config;
	struct vhu_reason reason = { "" };
	struct vvu_emb *emb = NULL;
	int pair[2];

	make_pair(pair);
	config = config_of(&mini, pair[1]);
	config.socket_path = mini.path;
	assert_int_equal(vvu_emb_create(&config, &emb, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "socket_path"));
	config.socket_path = NULL;
	config.socket_group = 1;
	assert_int_equal(vvu_emb_create(&config, &emb, &reason), -EINVAL);
	config.socket_group = 0;
	config.client = true;
	assert_int_equal(vvu_emb_create(&config, &emb, &reason), -EINVAL);
	close(pair[0]);
	close(pair[1]);
}

static void socket_has_the_group_asked_for(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);
	struct vhu_reason reason = { "" };
	struct stat st;

	config.socket_group = ANOTHER_GROUP;
	if (geteuid() != 0) {
		/* No member of it: refused, and nothing is left behind. */
		assert_int_equal(vvu_emb_create(&config, &mini.emb, &reason), -EPERM);
		assert_int_equal(access(mini.path, F_OK), -1);
		return;
	}
	mini_create_with(&mini, &config);
	assert_int_equal(stat(mini.path, &st), 0);
	assert_int_equal(st.st_gid, ANOTHER_GROUP);
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connected_socket_is_served),
		cmocka_unit_test(after_the_connected_frontend_comes_none),
		cmocka_unit_test(dropped_frontend_is_told_though_the_caller_has_its_socket_too),
		cmocka_unit_test(caller_keeps_its_descriptor),
		cmocka_unit_test(listening_socket_serves_one_after_the_other),
		cmocka_unit_test(what_cannot_be_served_is_refused),
		cmocka_unit_test(descriptor_and_path_exclude_each_other),
		cmocka_unit_test(socket_has_the_group_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
