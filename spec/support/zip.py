"""Makes zip archives for specs, good and bad: zip.py KIND PATH"""
import stat
import sys
import zipfile

kind, path = sys.argv[1], sys.argv[2]


def entry(name, mode=None, method=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo(name, (2024, 5, 22, 12, 43, 46))
    info.compress_type = method
    if mode is not None:
        info.create_system = 3
        info.external_attr = mode << 16
    return info


def good(archive):
    archive.writestr(entry("build.env", stat.S_IFREG | 0o644), "BUILD_ID=42\n")
    archive.writestr(entry("dist/", stat.S_IFDIR | 0o755), "")
    archive.writestr(entry("dist/run.sh", stat.S_IFREG | 0o755), "#!/bin/sh\n")
    archive.writestr(entry("dist/deep/er/data.bin", stat.S_IFREG | 0o600, zipfile.ZIP_STORED), bytes(range(256)) * 400)
    archive.writestr(entry("empty"), "")


def one(name, mode=None):
    def write(archive):
        archive.writestr(entry("fine.txt"), "fine")
        archive.writestr(entry(name, mode), "target")
    return write


def many(archive):
    for i in range(1000):
        archive.writestr(entry("files/%04d.txt" % i), "number %d\n" % i)


def bomb(archive):
    archive.writestr(entry("bomb"), b"\0" * (8 << 20))


def small_bombs(archive):
    for i in range(40):
        archive.writestr(entry("%d" % i), b"\0" * 1000000)


def through_file(archive):
    archive.writestr(entry("a"), "a file")
    archive.writestr(entry("a/b"), "below it")


KINDS = {
    "good": good, "many": many, "bomb": bomb, "small-bombs": small_bombs, "through-file": through_file,
    "parent": one("../outside"), "inner-parent": one("x/../../outside"), "absolute": one("/etc/evil"),
    "drive": one("C:/evil"), "share": one("\\\\host\\share\\evil"), "backslash": one("x\\..\\..\\evil"),
    "link": one("link", stat.S_IFLNK | 0o777), "device": one("dev", stat.S_IFCHR | 0o600),
    "through-link": one("planted/file"), "empty-archive": lambda archive: None,
}

if kind in ("damaged", "truncated", "encrypted", "lying"):
    with zipfile.ZipFile(path, "w") as archive:
        good(archive)
    data = bytearray(open(path, "rb").read())
    if kind == "damaged":  # a bit of the stored file's contents
        data[data.index(bytes(range(256))) + 5000] ^= 1
    if kind == "truncated":
        del data[len(data) // 2:]
    if kind == "encrypted":  # the flag bit of every entry in the directory and before it
        for mark, at in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
            start = data.find(mark)
            while start >= 0:
                data[start + at] |= 1
                start = data.find(mark, start + 4)
    if kind == "lying":  # the first entry claims to be longer than it is
        start = data.find(b"PK\1\2")
        data[start + 24:start + 28] = (99).to_bytes(4, "little")
    open(path, "wb").write(data)
else:
    with zipfile.ZipFile(path, "w") as archive:
        KINDS[kind](archive)
        if kind == "good":
            archive.comment = b"a comment"
