# SPDX-License-Identifier: BSD-3-Clause
"""What the manual says about messages and features is what the code does."""
import os
import pathlib
import re
import subprocess

import tree

BUILD = pathlib.Path(os.environ.get("VVU_BUILD_PLAIN", tree.ROOT / "build/plain"))


def test_message_table_is_generated_from_the_code():
    program = BUILD / "tools/vvu-messages"
    assert program.exists(), f"{program} is not built; run ./run build"
    printed = subprocess.run([program, "--markdown"], check=True,
                             stdout=subprocess.PIPE, text=True, timeout=30).stdout
    assert printed == tree.read("docs/messages.md"), \
        "run: build/plain/tools/vvu-messages --markdown >docs/messages.md"


def test_every_page_is_in_the_table_of_contents():
    index = tree.read("docs/index.md")
    pages = {name.stem for name in tree.matching({".md"}, "docs/")} - {"index"}
    listed = set(re.findall(r"^([a-z-]+)$", index, re.M))
    assert pages == listed


def test_installed_packages_are_explained():
    """docs/dependencies.md has a word on each package that the set-up installs."""
    setup = tree.read("scripts/setup.sh")
    packages = set()
    for body in re.findall(r"^PACKAGES_\w+=\((.*?)\)", setup, re.M | re.S):
        packages.update(body.split())
    page = tree.read("docs/dependencies.md")
    assert packages
    assert not sorted(name for name in packages if f"`{name}`" not in page)
