# SPDX-License-Identifier: BSD-3-Clause
"""Reading callgrind's output: what calls from one object file into another cost."""
import re

# fn=(12) name defines number 12; a later fn=(12) means the same name.
NAMED = re.compile(r"\((\d+)\)(?: (.*))?$")


class Names:
    def __init__(self):
        self.known = {}

    def __call__(self, text):
        match = NAMED.match(text)
        if not match:
            return text
        if match[2] is not None:
            self.known[match[1]] = match[2]
        return self.known.get(match[1], "")


def calls(lines):
    """(caller, called object, calls, inclusive cost) per record."""
    objects, functions = Names(), Names()
    current = caller = called_object = ""
    count = None
    for line in lines:
        line = line.rstrip("\n")
        if count is not None:
            # The line after calls= : position, inclusive cost.
            yield caller, called_object or current, count, int(line.split()[1])
            count = None
            called_object = ""
        elif line.startswith("ob="):
            current = objects(line[3:])
        elif line.startswith("cob="):
            called_object = objects(line[4:])
        elif line.startswith("fn="):
            caller = functions(line[3:])
        elif line.startswith("cfn="):
            functions(line[4:])
        elif line.startswith("calls="):
            count = int(line[6:].split()[0])


def into(path, caller, called):
    """(calls, instructions of all that they did) from functions of this name into objects whose
    name contains called."""
    sums = [0, 0]
    with open(path, encoding="utf-8", errors="replace") as file:
        for function, target, count, cost in calls(file):
            if function == caller and called in target:
                sums[0] += count
                sums[1] += cost
    return tuple(sums)
