"""Makes zip archives for specs, good and bad: zip.py KIND PATH"""
import stat
import struct
import sys
import zipfile
import zlib

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


# ---- Archives that no tool writes: records by hand. ----

def local(name, data, crc, size, extra=b""):
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 33, crc, len(data), size, len(name), len(extra)) \
        + name + extra


def record(name, offset, packed, crc, size, extra=b"", comment=b""):
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 33, crc, packed, size, len(name),
                       len(extra), len(comment), 0, 0, 0, offset) + name + extra + comment


def end(count, size, offset, comment=b""):
    return struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), size, offset,
                       len(comment)) + comment


def end_64(count, size, offset, at):
    return struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset) \
        + struct.pack("<IIQI", 0x07064B50, 0, at, 1)


def packed(data):
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    return press.compress(data) + press.flush()


def whole(body, records, comment=b"", count=None):
    directory = b"".join(records)
    count = len(records) if count is None else count
    if count < 0xFFFF:
        return body + directory + end(count, len(directory), len(body), comment)
    return body + directory + end_64(count, len(directory), len(body), len(body) + len(directory)) \
        + end(count, 0xFFFFFFFF, 0xFFFFFFFF, comment)


def overlap():
    """Two thousand entries that are one and the same."""
    data = b"\0" * 500000
    inner = packed(data)
    crc = zlib.crc32(data)
    body = local(b"0000", inner, crc, len(data)) + inner
    return whole(body, [record(b"%04d" % i, 0, len(inner), crc, len(data)) for i in range(2000)])


def quoted():
    """Each entry holds the next one's header as a stored block, and so all that is behind it."""
    tail = packed(b"\0" * 100000)
    records = []
    chain = [(b"\0" * 100000, tail)]
    for i in range(50):
        header = local(b"%04d" % i, chain[-1][1], zlib.crc32(chain[-1][0]), len(chain[-1][0]))
        block = struct.pack("<BHH", 0, len(header), len(header) ^ 0xFFFF)
        chain.append((header + chain[-1][0], block + header + chain[-1][1]))
    plain, inner = chain[-1]
    body = local(b"last", inner, zlib.crc32(plain), len(plain)) + inner
    for i in range(50, -1, -1):
        name = b"last" if i == 50 else b"%04d" % i
        plain, inner = chain[i]
        records.append(record(name, len(body) - len(inner) - 34, len(inner), zlib.crc32(plain), len(plain)))
    return whole(body, records)


def touching():
    """Entries side by side, as they should be; in the directory in another order."""
    body, records = b"", []
    for i in range(100):
        data = b"number %d" % i
        inner = packed(data)
        records.insert(0, record(b"%04d" % i, len(body), len(inner), zlib.crc32(data), len(data)))
        body += local(b"%04d" % i, inner, zlib.crc32(data), len(data)) + inner
    return whole(body, records)


def empty_entries(names):
    body, records = [], []
    at = 0
    for name in names:
        records.append(record(name, at, 2, 0, 0))
        piece = local(name, b"\3\0", 0, 0) + b"\3\0"
        body.append(piece)
        at += len(piece)
    return whole(b"".join(body), records)


def nested():
    """An archive in an archive, not packed: there is an end record among the contents."""
    inner = touching()
    crc = zlib.crc32(inner)
    head = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 0, 0, 33, crc, len(inner), len(inner), 5, 0)
    entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 33, crc, len(inner), len(inner), 5,
                        0, 0, 0, 0, 0, 0)
    return whole(head + b"a.zip" + inner, [entry + b"a.zip"])


def into_directory():
    body = local(b"a", b"\3\0", 0, 0) + b"\3\0"
    return whole(body, [record(b"a", 0, 40, 0, 0)])


def wide_lie():
    """ZIP64 says that two entries share their place."""
    body = local(b"a", b"\3\0", 0, 0) + b"\3\0"
    extra = struct.pack("<HHQ", 1, 8, 0)
    return whole(body, [record(b"a", 0, 2, 0, 0), record(b"b", 0xFFFFFFFF, 2, 0, 0, extra)])


def wide_beyond():
    extra = struct.pack("<HHQ", 1, 8, 2 ** 64 - 1)
    body = local(b"a", b"\3\0", 0, 0) + b"\3\0"
    return whole(body, [record(b"a", 0xFFFFFFFF, 2, 0, 0, extra)])


def count_lie():
    body = local(b"a", b"\3\0", 0, 0) + b"\3\0"
    directory = record(b"a", 0, 2, 0, 0)
    return body + directory + end_64(2 ** 40, len(directory), len(body), len(body) + len(directory)) \
        + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


def ends_in_comment():
    """A comment full of end records, each of which tells of the whole directory."""
    names = [b"%05d" % i for i in range(20000)]
    plain = empty_entries(names)
    size, offset = struct.unpack("<II", plain[-10:-2])
    # Without a length that fits: the last one alone ends the archive.
    ends = b"".join(end(len(names), size, offset) for _ in range(2900))
    return whole(plain[:offset], [plain[offset:-22]], ends, len(names))


def end_in_directory():
    """A record's comment holds another directory and its end."""
    body = local(b"a", b"\3\0", 0, 0) + b"\3\0"
    inner = record(b"b", 0, 2, 0, 0) * 2
    hidden = inner + end(2, len(inner), len(body) + 47)
    return whole(body, [record(b"a", 0, 2, 0, 0, b"", hidden)])


def two_ends():
    """What ZIP64 tells, and what the end record tells, are two directories; only one is to be seen."""
    data = b"\0" * 500000
    inner = packed(data)
    crc = zlib.crc32(data)
    body = local(b"0000", inner, crc, len(data)) + inner
    bomb = record(b"0000", 0, len(inner), crc, len(data)) * 1000
    tame = record(b"0000", 0, len(inner), crc, len(data))
    at = len(body) + len(bomb) + len(tame)
    return body + bomb + tame + end_64(1000, len(bomb), len(body), at) + end(1, len(tame), len(body) + len(bomb))


def colliding():
    """Names of one hash value: of each pair of letters there are two ways to write it."""
    pairs = (b"Ca", bytes([ord("C") - 1, ord("a") + 33]))
    return empty_entries(b"".join(pairs[i >> k & 1] for k in range(12)) for i in range(4096))


def write_huge(path):
    """The end tells of a directory of a GiB, which is a hole in the file."""
    with open(path, "wb") as out:
        out.truncate(1 << 30)
        out.seek(0, 2)
        out.write(end(60000, 1 << 30, 0))


def folders(count, depth, length):
    return empty_entries(b"/".join(b"%06d%s" % (i, b"x" * length) for _ in range(depth)) for i in range(count))


BY_HAND = {
    "overlap": overlap, "quoted": quoted, "touching": touching, "into-directory": into_directory,
    "wide-lie": wide_lie, "wide-beyond": wide_beyond, "count-lie": count_lie,
    "ends-in-comment": ends_in_comment, "end-in-directory": end_in_directory, "two-ends": two_ends,
    "colliding": colliding,
    "same-names": lambda: empty_entries([b"same"] * 300),
    "nested": nested,
    "deep": lambda: empty_entries([b"a/" * 20000 + b"x"]),
    "long": lambda: empty_entries([b"a" * 5000]),
    "deepest": lambda: empty_entries([b"a/" * 99 + b"x"]),
    "million": lambda: empty_entries(b"%d" % i for i in range(1000000)),
    "one-prefix": lambda: empty_entries(b"a/" * 90 + b"%06d" % i for i in range(20000)),
    "many-folders": lambda: folders(3000, 90, 32),
}

KINDS = {
    "good": good, "many": many, "bomb": bomb, "small-bombs": small_bombs, "through-file": through_file,
    "parent": one("../outside"), "inner-parent": one("x/../../outside"), "absolute": one("/etc/evil"),
    "drive": one("C:/evil"), "share": one("\\\\host\\share\\evil"), "backslash": one("x\\..\\..\\evil"),
    "link": one("link", stat.S_IFLNK | 0o777), "device": one("dev", stat.S_IFCHR | 0o600),
    "through-link": one("planted/file"), "empty-archive": lambda archive: None,
}

if kind == "huge-directory":
    write_huge(path)
elif kind in BY_HAND:
    open(path, "wb").write(BY_HAND[kind]())
elif kind in ("damaged", "truncated", "encrypted", "lying"):
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
