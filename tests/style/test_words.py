# SPDX-License-Identifier: BSD-3-Clause
"""Spelling, and that the tree speaks of nothing that its reader cannot see."""
import re
import subprocess

import tree

# Words that are right here: the specification's, names of fields.
SPELLED_RIGHT = "inflight,fo,te,ot,nd,ba,inout,clen,ois,unx"
# A clone is all a reader has: no place on a developer's machine, no number of a tracker, no
# unfinished business, and package sources are what the reader's machine is configured with.
UNSEEN = {
    "a path on someone's machine": r"/home/[a-z]+/|(?<![\w.])/work/|\.\./shared\b",
    "a tracker number": r"\b[Ii]ssues? #?\d+|\b(?:PR|MR) #?\d+",
    "unfinished business": r"\b(?:TODO|FIXME|XXX|HACK)\b",
    "who or what typed it": r"\b(?:AI|LLM|ChatGPT|Copilot|Claude|Anthropic|OpenAI)\b",
    "a package host": r"\b(?:deb|ftp|security|snapshot)\.debian\.org|pypi\.org|pythonhosted\.org"
                      r"|crates\.io|registry\.npmjs|docker\.io|proxy\.golang",
}
SELF = "tests/style/test_words.py"


def test_nothing_the_reader_cannot_see():
    found = []
    for name, text in tree.text_files():
        if str(name) == SELF:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            # Of a patch, what it takes away or leaves alone is not ours.
            if name.suffix == ".patch" and line[:1] in ("-", " "):
                continue
            for what, pattern in UNSEEN.items():
                match = re.search(pattern, line)
                if match:
                    found.append(f"{name}:{number}: {what}: {match[0]}")
    assert not found


def test_spelling():
    names = [str(name) for name, _ in tree.text_files() if not str(name).startswith("LICENSES/")]
    result = subprocess.run(
        ["codespell", "-L", SPELLED_RIGHT, *names], cwd=tree.ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert result.returncode == 0, result.stdout
