# SPDX-License-Identifier: BSD-3-Clause
"""Layout of C files by clang-format, with some of it left to the author.

clang-format decides where a statement or declaration begins and how far it is indented, where
braces stand, blank lines, and the spaces between tokens. The author decides how a statement that
takes several lines is broken, how macros are laid out, and may align trailing comments. A
statement with a line that is too long is broken anew by clang-format.

usage: layout.py [FILE...]     change files (all of the tree's without arguments)
"""
import difflib
import re
import subprocess
import sys
import tempfile

import tree

# Other versions lay out some things differently.
VERSION = 14
MAX_COLUMNS = 100
LABEL = re.compile(r"(case\b.*|\w+)\s*:$")
CONTROL = re.compile(r"(\} )?(if|else if|for|while|switch|else|do)\b")


def files():
    return [str(name) for name in tree.matching({".c", ".h"})]


def installed_version():
    answer = subprocess.run(["clang-format", "--version"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    return int(re.search(r"version (\d+)", answer)[1])


def formatted(name, text, columns):
    """clang-format's opinion; with no limit of columns it leaves most line breaks alone."""
    style = (tree.ROOT / ".clang-format").read_text()
    style = style.replace("ColumnLimit: 0", f"ColumnLimit: {columns}")
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(style)
        file.flush()
        return subprocess.run(
            ["clang-format", f"--style=file:{file.name}", f"--assume-filename={name}"],
            input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def code_of(line):
    """A line without strings and comments, to look for brackets and its end."""
    line = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'', "0", line)
    return re.sub(r"/\*.*?\*/", "", line).strip()


def statement_ends(line, depth):
    code = code_of(line)
    if depth > 0:
        return False
    if not code or code[-1] in ";{}" or LABEL.match(code):
        return True
    return bool(CONTROL.match(code)) and code[-1] in ")eo"


def units(text):
    """The lines of a text in groups: a statement, a macro, a comment, a blank line."""
    group, depth, inside = [], 0, None
    for line in text.splitlines():
        group.append(line)
        if inside == "comment" or (not depth and line.lstrip().startswith("/*")):
            inside = None if "*/" in line else "comment"
            done = inside is None
        elif inside == "macro" or (len(group) == 1 and line.lstrip().startswith("#")):
            inside = "macro" if line.endswith("\\") else None
            done = inside is None
        else:
            code = code_of(line)
            depth += code.count("(") - code.count(")")
            done = statement_ends(line, depth)
        if done:
            yield group
            group, depth = [], 0
    if group:
        yield group


def essence(group):
    """What of a group clang-format decides."""
    first = group[0]
    if first.lstrip().startswith("#") or "asm" in first:
        return "free"
    indent = re.match(r"[\t ]*", first)[0]
    # The brace of a function body has a line of its own.
    joined = " ".join("<line> {" if line == "{" else line.strip() for line in group)
    joined = re.sub(r"[ \t]+", " ", joined)
    # A broken line has no space after its bracket, and a keyword of another language is
    # a name in this one.
    joined = re.sub(r"([(\[]) | (?=[)\]])", r"\1", joined)
    return indent + re.sub(r"\) (?=new\b)", ")", joined)


def aligned(mine, theirs):
    """Pairs of groups: those of equal essence one by one, others in stretches."""
    matcher = difflib.SequenceMatcher(None, [essence(group) for group in mine],
                                      [essence(group) for group in theirs], autojunk=False)
    for tag, start, end, their_start, their_end in matcher.get_opcodes():
        if tag == "equal":
            yield from ((True, [a], [b]) for a, b in zip(mine[start:end],
                                                         theirs[their_start:their_end]))
        else:
            yield False, mine[start:end], theirs[their_start:their_end]


def too_long(group):
    return any(len(line.expandtabs(8)) > MAX_COLUMNS for line in group)


def wanted(name, text):
    """The text as it should be."""
    groups = []
    for equal, mine, theirs in aligned(list(units(text)), list(units(formatted(name, text, 0)))):
        groups += mine if equal else theirs
    if any(map(too_long, groups)):
        narrow = list(units(formatted(name, text, MAX_COLUMNS)))
        broken = []
        for equal, mine, theirs in aligned(groups, narrow):
            broken += theirs if equal and too_long(mine[0]) else mine
        groups = broken
    return "\n".join(line for group in groups for line in group) + "\n"


def difference(name, text):
    return list(difflib.unified_diff(text.splitlines(), wanted(name, text).splitlines(),
                                     name, "wanted", lineterm="", n=1))


def main():
    if installed_version() != VERSION:
        sys.exit(f"needs clang-format {VERSION}")
    other = [name for name in sys.argv[1:] if not name.endswith((".c", ".h"))]
    if other:
        sys.exit(f"not C: {' '.join(other)}")
    for name in sys.argv[1:] or files():
        text = tree.read(name)
        new = wanted(name, text)
        if new != text:
            (tree.ROOT / name).write_text(new)
            print("changed", name)


if __name__ == "__main__":
    main()
