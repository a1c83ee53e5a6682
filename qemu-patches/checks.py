# SPDX-License-Identifier: BSD-3-Clause
"""What must be true of the patch files of the series, whatever source they are applied to."""
import pathlib
import re

import patchfile

# Where in QEMU the copies of lib/ are, and what else is there: build files of the series' own.
COPIES = "subprojects/libvvu-device/"
GLUE_LICENCE = b"SPDX-License-Identifier: GPL-2.0-or-later"
# Where a licence tag is looked for: in QEMU it ends the comment at the head of a file.
HEAD_LINES = 20
# New files that carry a licence tag.
TAGGED = re.compile(r"(\.(c|h|inc|py|sh)|/meson\.build|/Kconfig)$")


class Rules:
    """The checks, with the list of the files that are copied and the tree they come from."""

    def __init__(self, carried_list, root):
        patterns = [line.strip() for line in carried_list.read_text().splitlines()]
        self.patterns = [line for line in patterns if line and not line.startswith("#")]
        self.lib = root / "lib"
        self.directories = {str(pathlib.PurePath(pattern).parent) for pattern in self.patterns}

    def carried(self):
        """What is copied: path in QEMU and content."""
        files = {path for pattern in self.patterns for path in self.lib.glob(pattern)}
        return {COPIES + str(path.relative_to(self.lib)): path.read_bytes()
                for path in sorted(files)}

    def is_copy(self, path):
        """Whether a path in QEMU is for a copy and for nothing else."""
        below = pathlib.PurePath(path.removeprefix(COPIES))
        return path.startswith(COPIES) and str(below.parent) in self.directories

    def carries_copies(self, patch):
        return any(self.is_copy(change.path) for change in patch.changes)

    def problems(self, directory):
        """All that is wrong with the series in a directory, as lines of text."""
        names = sorted(directory.glob("*.patch"))
        if not names:
            return [f"{directory.name}: there is no patch"]
        found = numbering_problems([path.name for path in names])
        patches = []
        for path in names:
            try:
                patches.append(patchfile.read(path))
            except patchfile.Malformed as why:
                found.append(str(why))
        for patch in patches:
            found += message_problems(patch)
            found += white_space_problems(patch)
            found += self.licence_problems(patch)
        return found + order_problems(patches) + self.copy_problems(patches)

    def licence_problems(self, patch):
        return [f"{patch.name}: {change.path} is not marked GPL-2.0-or-later"
                for change in patch.changes
                if change.mode and TAGGED.search(change.path) and not self.is_copy(change.path)
                and not any(GLUE_LICENCE in line for _, line in change.added[:HEAD_LINES])]

    def copy_problems(self, patches):
        """The copies are the files of lib/, all of them and byte for byte."""
        found = []
        carried = self.carried()
        missing = set(carried)
        for patch in patches:
            for change in patch.changes:
                if not self.is_copy(change.path):
                    # QEMU's rules of style are for the others, and apply to whole patches.
                    if self.carries_copies(patch) and not change.path.startswith(COPIES):
                        found.append(f"{patch.name}: has copies of lib/ and {change.path}")
                    continue
                missing.discard(change.path)
                if change.path not in carried:
                    wrong = "has no original in lib/ that carried-files lists"
                elif change.mode != "100644":
                    wrong = "is not added as a plain file, and copies are changed in lib/ only"
                elif change.content != carried[change.path]:
                    wrong = "differs from lib/ (qemu-patches/series.py refresh)"
                else:
                    continue
                found.append(f"{patch.name}: {change.path} {wrong}")
        return found + [f"no patch adds {path} (qemu-patches/series.py refresh)"
                        for path in sorted(missing)]


def numbering_problems(names):
    return [f"{name}: must begin with {number:04}-, as git format-patch numbers"
            for number, name in enumerate(names, 1) if not name.startswith(f"{number:04}-")]


def message_problems(patch):
    found = []
    if not re.match(r"From 0{40} ", patch.message):
        found.append("does not begin as git format-patch --zero-commit writes it")
    if not re.match(r"\[PATCH\] \S+: \S", patch.header("Subject")):
        found.append('has no subject of the form "area: what"')
    if not re.search(r"<\S+@\S+>$", patch.header("From")):
        found.append("has no author")
    if not re.search(r"^Signed-off-by: .+ <\S+@\S+>$", patch.message, re.M):
        found.append("is not signed off")
    return [f"{patch.name}: {what}" for what in found]


def white_space_problems(patch):
    """What git calls white space errors, in the lines that the patch adds."""
    found = []
    for change in patch.changes:
        bad = [number for number, line in change.added
               if line != line.rstrip(b" \t\r") or re.match(rb"\t* +\t", line)]
        if change.mode and change.added and not change.added[-1][1].strip():
            bad.append(change.added[-1][0])
        if change.last_line_is_open:
            bad.append(change.added[-1][0])
        found += [f"{patch.name}: {change.path}:{number}: white space"
                  for number in sorted(set(bad))]
    return found


def order_problems(patches):
    """A file is added once, and changed or deleted after that only."""
    found = []
    adds = [(at, change.path) for at, patch in enumerate(patches)
            for change in patch.changes if change.mode]
    added = {path: at for at, path in reversed(adds)}
    for at, path in adds:
        if added[path] != at:
            found.append(f"{patches[at].name}: {path} is added a second time")
    for at, patch in enumerate(patches):
        found += [f"{patch.name}: {change.path} is added later only"
                  for change in patch.changes if at < added.get(change.path, at)]
    return found
