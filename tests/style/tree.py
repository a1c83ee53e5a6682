# SPDX-License-Identifier: BSD-3-Clause
"""The files of the source tree, as the style tests see them."""
import functools
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.lru_cache(maxsize=None)
def files():
    """Every file that is tracked or would be: paths relative to ROOT, sorted."""
    command = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") and subprocess.run(command, capture_output=True,
                                              check=False).returncode == 0:
        listing = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
        names = [pathlib.Path(name) for name in listing.split("\0") if name]
    else:  # a source archive
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [name for name in names if name.parts[0] not in (".git", "build")
                 and "__pycache__" not in name.parts]
    return sorted(name for name in set(names) if (ROOT / name).is_file())


def matching(suffixes, *tops):
    """Files with one of the suffixes, below one of the directories if any are given."""
    return [name for name in files()
            if name.suffix in suffixes and (not tops or str(name).startswith(tops))]


def read(name):
    return (ROOT / name).read_text()


def text_files():
    """Files that are text, with their text."""
    for name in files():
        try:
            yield name, read(name)
        except UnicodeDecodeError:
            continue


def strip_comments(text):
    """C without comments, with as many lines as before."""
    return re.sub(r"/\*.*?\*/", lambda match: "\n" * match[0].count("\n"), text, flags=re.S)
