# SPDX-License-Identifier: BSD-3-Clause
"""The patch series for QEMU: its copies of lib/ are equal to lib/, its patches well made. What
needs the source of QEMU is in tests/vm/test_series.py."""
import pathlib
import subprocess
import sys

import pytest
import tree

TOOLS = tree.ROOT / "qemu-patches"
sys.path.insert(0, str(TOOLS))

import checks  # noqa: E402
import patchfile  # noqa: E402
import series  # noqa: E402

COPY = "subprojects/libvvu-device/vvu-device/a.c"
GLUE = "hw/virtio/glue.c"
SIGNED = "Signed-off-by: A Writer <a@example.org>"


def test_the_series_is_well_made():
    rules = checks.Rules(TOOLS / "carried-files", tree.ROOT)
    assert len(rules.carried()) > 20
    problems = rules.problems(TOOLS / "v10.0")
    assert not problems, "\n".join(problems)


class Workshop:
    """A source of "QEMU", a lib/ and a series of two patches, all of them small."""

    def __init__(self, path):
        self.root = path
        self.lib = path / "lib/vvu-device"
        self.patches = path / "v10.0"
        self.source = path / "build/src"
        for name, text in {"lib/vvu-device/a.c": "int a;\n\tint tab;\n", "list": "vvu-device/*.c\n",
                           "build/src/VERSION": "10.0.1\n",
                           "build/src/hw/virtio/meson.build": "one\ntwo\nthree\n"}.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
        series.init(self.source)
        self.rules = checks.Rules(path / "list", path)
        self.series = series.Series(self.patches, self.source, self.rules)
        self.series.copy()
        self.commit("libvvu-device: add the device model")
        self.write(GLUE, "/* SPDX-License-Identifier: GPL-2.0-or-later */\nint glue;\n")
        self.write("hw/virtio/meson.build", "one\ntwo\nand a half\nthree\n")
        self.commit("virtio: add the glue")
        self.series.export()

    def write(self, name, text):
        (self.source / name).parent.mkdir(parents=True, exist_ok=True)
        (self.source / name).write_text(text)

    def commit(self, subject):
        series.git(self.source, "add", "--all")
        series.git(self.source, "commit", "-q", "-m", f"{subject}\n\nA reason.\n\n{SIGNED}",
                   date="2024-02-03T04:05:06+0000")

    def problems(self):
        return self.rules.problems(self.patches)

    def change(self, number, old, new):
        """Edit a patch file."""
        path = self.series.files()[number - 1]
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def contents(self):
        return {path.name: path.read_bytes() for path in self.series.files()}


@pytest.fixture(name="workshop")
def a_workshop(tmp_path):
    return Workshop(tmp_path)


def test_a_good_series_has_no_problems(workshop):
    assert [path.name for path in workshop.series.files()] == [
        "0001-libvvu-device-add-the-device-model.patch", "0002-virtio-add-the-glue.patch"]
    assert not workshop.problems()


def test_a_missing_series_is_a_problem(tmp_path):
    rules = checks.Rules(TOOLS / "carried-files", tree.ROOT)
    assert rules.problems(tmp_path / "v10.0") == ["v10.0: there is no patch"]


@pytest.mark.parametrize("number, old, new, problem", [
    (1, "+int a;", "+int b;", f"{COPY} differs from lib/"),
    (1, COPY, COPY.replace("a.c", "b.c"), "b.c has no original in lib/"),
    (1, "new file mode 100644", "new file mode 100755", "is not added as a plain file"),
    (1, SIGNED, "", "is not signed off"),
    (2, "virtio: add the glue", "add the glue", "has no subject"),
    (2, "From 0000", "From 1234", "does not begin as"),
    (2, f"From: {series.NAME}", "Date:", "has no author"),
    (2, "GPL-2.0-or-later", "BSD-3-Clause", f"{GLUE} is not marked GPL-2.0-or-later"),
    (2, "+int glue;", "+int glue; ", f"{GLUE}:2: white space"),
    (2, "+int glue;", "+  \tint glue;", f"{GLUE}:2: white space"),
    (2, "+int glue;", "+", f"{GLUE}:2: white space"),
    (2, GLUE, COPY, f"{COPY} is added a second time"),
    (1, COPY, "hw/virtio/meson.build", "0001-libvvu-device-add-the-device-model.patch: "
     "hw/virtio/meson.build is not marked"),
    (1, COPY, "hw/virtio/meson.build", f"no patch adds {COPY}"),
    (2, GLUE, COPY.replace("a.c", "z.c"), "has copies of lib/ and hw/virtio/meson.build"),
    (2, "@@ -0,0 +1,2 @@", "@@ -0,0 +1,9 @@", "in a hunk"),
    (2, "\n---\n", "\n--\n", "not a patch of git format-patch"),
])
def test_each_fault_is_found(workshop, number, old, new, problem):
    workshop.change(number, old, new)
    assert any(problem in line for line in workshop.problems()), workshop.problems()


def test_a_gap_in_the_numbers_is_found(workshop):
    workshop.series.files()[0].unlink()
    assert "0002-virtio-add-the-glue.patch: must begin with 0001-" in workshop.problems()[0]


def test_a_file_is_not_changed_before_it_is_added(workshop):
    first, second = workshop.series.files()
    first.rename(first.with_name("0003-last.patch"))
    second.rename(second.with_name("0001-first.patch"))
    workshop.change(1, GLUE, "x.c")
    workshop.change(1, "hw/virtio/meson.build", COPY)
    assert any(f"{COPY} is added later only" in line for line in workshop.problems())


def test_content_that_looks_like_a_patch_is_read_as_content(workshop):
    text = b"-- a/x\n++ b/x\n@@ -1 +1 @@\ndiff --git a/x b/x\n\n---\n"
    (workshop.lib / "a.c").write_bytes(text)
    workshop.series.refresh()
    copy = patchfile.read(workshop.series.files()[0]).changes
    assert [(change.path, change.content) for change in copy] == [(COPY, text)]
    assert not workshop.problems()


def test_an_open_last_line_is_kept_and_found(workshop):
    (workshop.lib / "a.c").write_bytes(b"int a;")
    workshop.series.refresh()
    assert [line.split(": ", 1)[1] for line in workshop.problems()] == [f"{COPY}:1: white space"]


def test_refresh_takes_changed_new_and_removed_files(workshop):
    (workshop.lib / "b.c").write_text("int b;\n")
    workshop.series.refresh()
    (workshop.lib / "a.c").unlink()
    (workshop.lib / "b.c").write_text("int b2;\n")
    assert len(workshop.problems()) == 2
    before = workshop.contents()
    workshop.series.refresh()
    assert not workshop.problems()
    after = workshop.contents()
    assert before.keys() == after.keys()
    # The message, its author and date are kept, and so is the other patch.
    first, second = sorted(after)
    assert before[first].split(b"\n---\n")[0] == after[first].split(b"\n---\n")[0]
    assert before[second] == after[second]
    assert not (workshop.source / COPY).exists()
    assert (workshop.source / COPY.replace("a.c", "b.c")).read_text() == "int b2;\n"


def test_refresh_of_an_equal_series_changes_nothing(workshop):
    before = workshop.contents()
    workshop.series.refresh()
    assert workshop.contents() == before


def test_checkout_applies_and_takes_back(workshop):
    glue = workshop.source / GLUE
    kept = workshop.source / COPY
    time = kept.stat().st_mtime_ns
    last = workshop.series.files()[1]
    text = last.read_bytes()
    last.unlink()
    workshop.series.checkout()
    assert not glue.exists()
    last.write_bytes(text)
    workshop.series.checkout()
    assert "int glue;" in glue.read_text()
    # What no patch changed is not written, so that nothing is compiled again for it.
    assert kept.stat().st_mtime_ns == time


def test_a_patch_that_does_not_apply_leaves_the_source_alone(workshop):
    head = series.git(workshop.source, "rev-parse", "HEAD")
    workshop.change(2, " two", " zwei")
    with pytest.raises(series.Refused, match="^0002-virtio-add-the-glue.patch does not apply"):
        workshop.series.checkout()
    assert series.git(workshop.source, "rev-parse", "HEAD") == head
    assert not series.git(workshop.source, "status", "--porcelain")


@pytest.mark.parametrize("committed", [False, True])
def test_work_that_was_not_exported_is_not_thrown_away(workshop, committed):
    workshop.write(GLUE, "precious")
    if committed:
        workshop.commit("virtio: more")
    for command in workshop.series.checkout, workshop.series.refresh:
        with pytest.raises(series.Refused, match="has work that is not in the series"):
            command()
    assert (workshop.source / GLUE).read_text() == "precious"


def test_export_takes_what_was_committed_only(workshop):
    workshop.write("hw/virtio/forgotten.c", "x")
    with pytest.raises(series.Refused, match="not committed:\n.*forgotten.c"):
        workshop.series.export()


def test_export_is_the_same_again(workshop, monkeypatch):
    before = workshop.contents()
    monkeypatch.setenv("GIT_COMMITTER_NAME", "someone else")
    monkeypatch.setenv("HOME", "/nonexistent")
    workshop.series.export()
    assert workshop.contents() == before


def test_the_command_says_what_is_wrong_and_fails():
    result = subprocess.run([TOOLS / "series.py", "--source", "/nonexistent", "export"],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("series.py export: there is no source in /nonexistent")


def test_the_tool_is_where_the_series_is():
    assert pathlib.Path(series.__file__).parent == TOOLS
