# SPDX-License-Identifier: BSD-3-Clause
"""Patch files as git format-patch writes them: message, changed files, added lines."""
import dataclasses
import re

HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
NO_NEWLINE = b"\\ No newline at end of file"


class Malformed(Exception):
    """The file is not a patch of git format-patch."""


@dataclasses.dataclass
class Change:
    """What a patch does to one file."""
    path: str
    mode: str = ""                                # of a new file, as "100644"
    deleted: bool = False
    added: list = dataclasses.field(default_factory=list)  # (line number, line without its end)
    last_line_is_open: bool = False               # the file does not end with a newline

    @property
    def content(self):
        """All of a new file."""
        text = b"".join(line + b"\n" for _, line in self.added)
        return text[:-1] if self.last_line_is_open else text


@dataclasses.dataclass
class Patch:
    """One patch file; the message is everything before the line of three dashes."""
    name: str
    message: str
    changes: list

    def header(self, name):
        """A header line of the message, continuation lines joined; "" without it."""
        match = re.search(rf"^{name}: (.*(?:\n[ \t].*)*)", self.message.split("\n\n", 1)[0], re.M)
        return re.sub(r"\n[ \t]", " ", match[1]) if match else ""


def read(path):
    """The Patch in a file."""
    message, dashes, rest = path.read_bytes().partition(b"\n---\n")
    start = rest.find(b"diff --git ")
    if not dashes or start < 0:
        raise Malformed(f"{path.name}: not a patch of git format-patch")
    lines = rest[start:].split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    try:
        return Patch(path.name, message.decode(), list(changes_in(lines)))
    except (IndexError, ValueError) as wrong:
        raise Malformed(f"{path.name}: {wrong}") from wrong


def changes_in(lines):
    """The changes; hunks are read by their line counts, for a line may look like a header."""
    change = None
    at = 0
    while at < len(lines):
        line = lines[at]
        hunk = HUNK.match(line)
        if line.startswith(b"diff --git a/"):
            if change:
                yield change
            # Both names are the same: there are no renames in the series.
            names = line[len(b"diff --git a/"):]
            change = Change(names[:(len(names) - len(b" b/")) // 2].decode())
            if names != b"%s b/%s" % ((change.path.encode(),) * 2):
                raise ValueError(f"cannot tell the file's name in {line!r}")
        elif line.startswith(b"new file mode "):
            change.mode = line.split()[-1].decode()
        elif line.startswith(b"deleted file mode "):
            change.deleted = True
        elif hunk:
            at = read_hunk(lines, at, hunk, change)
            continue
        elif not line.startswith((b"index ", b"--- ", b"+++ ")) and line:
            raise ValueError(f"cannot read {line!r}")
        at += 1
    if change:
        yield change


def read_hunk(lines, at, hunk, change):
    """The added lines of a hunk go to the change; returns where the hunk ends."""
    old, number, new = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
    at += 1
    while old or new or at < len(lines) and lines[at] == NO_NEWLINE:
        kind, text = lines[at][:1], lines[at][1:]
        if kind == b"\\":
            change.last_line_is_open = lines[at - 1][:1] == b"+"
        elif kind == b"+":
            change.added.append((number, text))
        elif kind not in (b" ", b"-", b""):
            raise ValueError(f"{change.path}: {lines[at]!r} in a hunk")
        old -= kind in (b" ", b"-", b"")
        number += kind in (b" ", b"+", b"")
        new -= kind in (b" ", b"+", b"")
        at += 1
    return at
