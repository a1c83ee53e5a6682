/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the message table says, in the forms that others read: the manual's tables and the
 * fuzzers' dictionary.
 *
 *   vvu-messages --markdown | --rst     messages and protocol features, for the manual
 *   vvu-messages --fuzz-dict            a libFuzzer dictionary of message headers
 */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include <vhost-proto/codec.h>
#include <vhost-proto/shapes.h>

/*
 * How one manual format writes a heading, a table and a piece of code. Every block but the
 * first starts with an empty line.
 */
struct format {
	void (*heading)(unsigned int level, const char *text);
	void (*begin_table)(const char *const *columns, size_t n);
	void (*row)(const char *const *cells, size_t n);
	const char *code;	/* put on both sides of a literal */
};

static void
markdown_heading(unsigned int level, const char *text)
{
	printf("%s%.*s %s\n", level == 1 ? "" : "\n", (int)level, "###", text);
}

/* The same in both. */
static void
print_paragraph(const char *text)
{
	printf("\n%s\n", text);
}

static void
markdown_row(const char *const *cells, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		printf("| %s ", cells[i]);
	printf("|\n");
}

static void
markdown_begin_table(const char *const *columns, size_t n)
{
	size_t i;

	putchar('\n');
	markdown_row(columns, n);
	for (i = 0; i < n; i++)
		printf("|---");
	printf("|\n");
}

static const struct format markdown = {
	.heading = markdown_heading,
	.begin_table = markdown_begin_table,
	.row = markdown_row,
	.code = "`",
};

static void
rst_heading(unsigned int level, const char *text)
{
	size_t i;

	printf("%s%s\n", level == 1 ? "" : "\n", text);
	for (i = 0; i < strlen(text); i++)
		putchar(level == 1 ? '=' : '-');
	putchar('\n');
}

static void
rst_row(const char *const *cells, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		printf("   %s - %s\n", i == 0 ? "*" : " ", cells[i]);
}

static void
rst_begin_table(const char *const *columns, size_t n)
{
	printf("\n.. list-table::\n   :header-rows: 1\n\n");
	rst_row(columns, n);
}

static const struct format rst = {
	.heading = rst_heading,
	.begin_table = rst_begin_table,
	.row = rst_row,
	.code = "``",
};

#define CELL_MAX 128

static void
layout_cell(char *cell, enum vhu_shape shape)
{
	const struct vhu_layout *layout = vhu_layout(shape);
	char size[64];

	if (layout->max_size == 0) {
		snprintf(cell, CELL_MAX, "none");
		return;
	}
	if (layout->min_size == layout->max_size)
		snprintf(size, sizeof(size), "%u bytes", layout->max_size);
	else if (layout->element_size != 0)
		snprintf(size, sizeof(size), "%u + %u n bytes, n up to %u", layout->element_offset,
			 layout->element_size,
			 (layout->max_size - layout->element_offset) / layout->element_size);
	else
		snprintf(size, sizeof(size), "%u + n bytes, n up to %u", layout->min_size,
			 layout->max_size - layout->min_size);
	snprintf(cell, CELL_MAX, "%s (%s)%s", layout->name, size,
		 layout->or_none ? ", or none" : "");
}

static const char *
fds_text(enum vhu_fds fds)
{
	switch (fds) {
	case VHU_FDS_NONE:
		return "0";
	case VHU_FDS_ONE:
		return "1";
	case VHU_FDS_UNLESS_NOFD:
		return "1, or 0 with bit 8 of the payload";
	case VHU_FDS_PER_REGION:
		return "1 per region";
	case VHU_FDS_TOLERATED:
		return "0; 1 is closed unread";
	case VHU_FDS_OPTIONAL:
		return "0 or 1";
	}
	return "";
}

static void
reply_cell(char *cell, const struct vhu_message_info *info)
{
	size_t len;

	if (info->rule == VHU_REPLY_ACK) {
		snprintf(cell, CELL_MAX, "with REPLY_ACK");
		return;
	}
	layout_cell(cell, info->reply);
	if (info->reply == VHU_SHAPE_NONE)
		snprintf(cell, CELL_MAX, "without payload");
	len = strlen(cell);
	if (info->reply_fds != VHU_FDS_NONE)
		snprintf(cell + len, CELL_MAX - len, ", fds: %s", fds_text(info->reply_fds));
}

static void
gate_cell(char *cell, uint8_t gate)
{
	const struct vhu_protocol_feature_info *feature = vhu_protocol_feature_info(gate);

	if (feature != NULL)
		snprintf(cell, CELL_MAX, "%s (%u)", feature->name, feature->bit);
	else if (gate == VHU_GATE_PROTOCOL_FEATURES)
		snprintf(cell, CELL_MAX, "virtio feature %d", VHU_F_PROTOCOL_FEATURES);
	else if (gate == VHU_GATE_ACCESS_PLATFORM)
		snprintf(cell, CELL_MAX, "virtio feature %d", VHU_VIRTIO_F_ACCESS_PLATFORM);
	else
		snprintf(cell, CELL_MAX, "nothing");
}

static const char *
action_text(enum vhu_action action)
{
	switch (action) {
	case VHU_DO_RELAY:
		return "relays it";
	case VHU_DO_WINDOW:
		return "changes the frontend-memory window (shmid 1)";
	case VHU_DO_KICK:
		return "binds the kick to a driver vector";
	case VHU_DO_CALL:
		return "arms the call doorbell";
	case VHU_DO_ERR:
		return "arms the err doorbell";
	case VHU_DO_LOG:
		return "maps the log (shmid 2) or arms its doorbell";
	case VHU_DO_INFLIGHT:
		return "maps the inflight area (shmid 3)";
	case VHU_DO_CHANNEL:
		return "opens the backend channel";
	case VHU_DO_REFUSE:
		return "disconnects the sender";
	}
	return "";
}

static void
print_messages(const struct format *format, enum vhu_space space)
{
	static const char *const columns[] = {
		"id", "name", "request", "fds", "reply", "needs", "the device",
	};
	char id[16], name[CELL_MAX], request[CELL_MAX], reply[CELL_MAX], gate[CELL_MAX];
	const struct vhu_message_info *info;
	const char *cells[7];
	uint32_t i;

	format->begin_table(columns, 7);
	for (i = 1; (info = vhu_message_info(space, i)) != NULL; i++) {
		snprintf(id, sizeof(id), "%u", info->id);
		snprintf(name, sizeof(name), "%s%s%s", format->code, info->name, format->code);
		layout_cell(request, info->request);
		reply_cell(reply, info);
		gate_cell(gate, info->gate);
		cells[0] = id;
		cells[1] = name;
		cells[2] = request;
		cells[3] = fds_text(info->fds);
		cells[4] = reply;
		cells[5] = gate;
		cells[6] = action_text(info->action);
		format->row(cells, 7);
	}
}

static void
print_features(const struct format *format)
{
	static const char *const columns[] = { "bit", "name", "the device", "why" };
	const struct vhu_protocol_feature_info *info;
	char bit[16], name[CELL_MAX];
	const char *cells[4];
	unsigned int i;

	format->begin_table(columns, 4);
	for (i = 0; (info = vhu_protocol_feature_info(i)) != NULL; i++) {
		snprintf(bit, sizeof(bit), "%u", info->bit);
		snprintf(name, sizeof(name), "%s%s%s", format->code, info->name, format->code);
		cells[0] = bit;
		cells[1] = name;
		cells[2] = info->pass ? "passes it" : "masks it";
		cells[3] = info->why;
		format->row(cells, 4);
	}
	snprintf(bit, sizeof(bit), "%u and above", i);
	cells[0] = bit;
	cells[1] = "unknown";
	cells[2] = "masks it";
	cells[3] = "what a message means is not known";
	format->row(cells, 4);
}

static void
print_manual(const struct format *format)
{
	format->heading(1, "Messages and protocol features");
	print_paragraph(
		"Every vhost-user message and protocol feature there is, and what a\n"
		"virtio-vhost-user device does with it. A message that is not listed, that has\n"
		"another size or number of file descriptors, or that needs what was not\n"
		"negotiated, disconnects its sender.");
	print_paragraph(
		"\"with REPLY_ACK\": a u64 answers, 0 for success, if REPLY_ACK was negotiated\n"
		"and the request has need_reply set. All other replies are always sent.");
	format->heading(2, "From the frontend to the backend");
	print_messages(format, VHU_SPACE_FRONTEND);
	format->heading(2, "From the backend to the frontend");
	print_paragraph("On the channel that SET_BACKEND_REQ_FD opens.");
	print_messages(format, VHU_SPACE_BACKEND);
	format->heading(2, "Protocol features");
	print_paragraph(
		"A masked feature is removed from the reply to GET_PROTOCOL_FEATURES; a frontend\n"
		"that sets it all the same is disconnected.");
	print_features(format);
}

static void
print_dict_entry(const char *prefix, const char *name, const char *suffix,
		 const struct vhu_header *hdr)
{
	const uint8_t *p = (const uint8_t *)hdr;
	size_t i;

	printf("%s_%s%s=\"", prefix, name, suffix);
	for (i = 0; i < sizeof(*hdr); i++)
		printf("\\x%02x", p[i]);
	printf("\"\n");
}

/* In little-endian order, and in this host's where that is another. */
static void
print_dict_header(const char *name, const char *suffix, uint32_t id, uint32_t flags,
		  uint32_t size)
{
	const struct vhu_header native = { id, flags, size };
	const struct vhu_header little = { htole32(id), htole32(flags), htole32(size) };

	print_dict_entry("le", name, suffix, &little);
	if (memcmp(&native, &little, sizeof(native)) != 0)
		print_dict_entry("native", name, suffix, &native);
}

static void
print_dict_message(const struct vhu_message_info *info)
{
	const struct vhu_layout *request = vhu_layout(info->request);
	const struct vhu_layout *reply = vhu_layout(vhu_payload_shape(info, true));

	print_dict_header(info->name, "", info->id, VHU_VERSION, request->min_size);
	if (request->max_size != request->min_size)
		print_dict_header(info->name, "_max", info->id, VHU_VERSION, request->max_size);
	print_dict_header(info->name, "_need_reply", info->id, VHU_VERSION | VHU_FLAG_NEED_REPLY,
			  request->min_size);
	print_dict_header(info->name, "_reply", info->id, VHU_VERSION | VHU_FLAG_REPLY,
			  reply->min_size);
}

static void
print_fuzz_dict(void)
{
	const struct vhu_message_info *info;
	uint32_t i;

	printf("# Headers of every vhost-user message: request, need_reply, reply.\n");
	for (i = 1; (info = vhu_message_info(VHU_SPACE_FRONTEND, i)) != NULL; i++)
		print_dict_message(info);
	for (i = 1; (info = vhu_message_info(VHU_SPACE_BACKEND, i)) != NULL; i++)
		print_dict_message(info);
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--markdown") == 0) {
		print_manual(&markdown);
	} else if (argc == 2 && strcmp(argv[1], "--rst") == 0) {
		print_manual(&rst);
	} else if (argc == 2 && strcmp(argv[1], "--fuzz-dict") == 0) {
		print_fuzz_dict();
	} else {
		fprintf(stderr, "usage: %s --markdown | --rst | --fuzz-dict\n", argv[0]);
		return 2;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("vvu-messages: standard output");
		return 1;
	}
	return 0;
}
