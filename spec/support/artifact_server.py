#!/usr/bin/python3
"""GitLab's artifact endpoints and an object store, as bad as a spec wants them.

Prints one line when ready: a JSON object with the ports `main` (GitLab), `store` (another origin,
which answers 400 to whoever brings a token) and `control`:
  POST /job/ID     {..}: how the archive of job ID behaves (below), and forget what was asked of it
  GET /requests    what was asked: [{origin, path, headers, sent}], `sent`: bytes of the body
  GET /quit

A job's behaviour:
  versions   list of what the archive is at each attempt; the last one stays. Each is
             {"seed": n, "size": bytes} an archive of random bytes, {"files": n, "size": bytes} one
             of n files of zeros, made while it is sent, or {"path": FILE}
  breaks     list: after so many bytes of the body attempt n ends the connection; null: it does not
  etag       "strong" (default), "weak", "none", "constant" (the same for every version)
  range      "yes" (default), "no" (200 and everything), "shifted" (a 206 one byte off), "capped" (a
             206 that ends early), "unsaid" (a 206 without Content-Range), "416"
  if_range   false: what If-Range says is not heeded
  length     n: bytes more (or less) than are there are announced; "none": chunked
  redirect   "store": to the other origin with a signature that is good for one use
  expired    so many of the first signatures have run out already
  type       Content-Type
  tree       list of rows; or [status, body, content type]; absent: a path like any other
  stall      after so many bytes nothing more comes (attempt by attempt, like breaks)
"""
import ctypes
import itertools
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
import zlib
from urllib.parse import parse_qs, unquote, urlsplit

lock = threading.Lock()
records, jobs, ports = [], {}, {}
signatures = {}
numbers = itertools.count(1)
changed = threading.Condition()


class Gone(Exception):
    """The connection is over."""


class Content:
    """A file in pieces, made when read: [(bytes or None for zeros, length)]."""

    def __init__(self, pieces):
        self.pieces, self.starts, at = pieces, [], 0
        for _, length in pieces:
            self.starts.append(at)
            at += length
        self.size = at

    def read(self, start, count):
        """Yields what stands there, in blocks."""
        end = min(start + count, self.size)
        for (data, length), at in zip(self.pieces, self.starts):
            if at + length <= start or at >= end:
                continue
            low, high = max(start, at) - at, min(end, at + length) - at
            if data is not None:
                yield data[low:high]
                continue
            while low < high:
                yield ZEROS[:min(len(ZEROS), high - low)]
                low += len(ZEROS)


ZEROS = bytes(1 << 18)


def crc_of_zeros(count):
    crc = 0
    while count > 0:
        crc = zlib.crc32(ZEROS[:min(len(ZEROS), count)], crc)
        count -= len(ZEROS)
    return crc


def archive(entries):
    """A zip archive of stored files: [(name, bytes or None, length, crc)]."""
    pieces, directory, at = [], [], 0
    for name, data, length, crc in entries:
        common = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x5821, crc, length, length, len(name), 0)
        head = b"PK\3\4" + common + name
        directory.append(b"PK\1\2" + struct.pack("<H", 0x0314) + common
                         + struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, at) + name)
        pieces += [(head, len(head)), (data, length)]
        at += len(head) + length
    listing = b"".join(directory)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(listing), at, 0)
    return Content(pieces + [(listing, len(listing)), (end, len(end))])


made = {}


def content(version):
    key = json.dumps(version, sort_keys=True)
    with lock:
        if key not in made:
            made[key] = make(version)
        return made[key]


def make(version):
    if "path" in version:
        data = open(version["path"], "rb").read()
        return Content([(data, len(data))])
    if "files" in version:
        each = version["size"] // version["files"]
        crc = crc_of_zeros(each)
        return archive([(b"output/folder/file-number-%06d.bin" % i, None, each, crc)
                        for i in range(version["files"])])
    data = random.Random(version["seed"]).randbytes(version["size"])
    return archive([(b"data.bin", data, len(data), zlib.crc32(data))])


def etag_of(job, version):
    kind = job.get("etag", "strong")
    if kind == "none":
        return None
    name = "constant" if kind == "constant" else "%08x" % zlib.crc32(
        json.dumps(version, sort_keys=True).encode())
    return 'W/"%s"' % name if kind == "weak" else '"%s"' % name


class Connection:
    def __init__(self, sock, origin):
        self.sock, self.origin, self.buffer = sock, origin, b""

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def request(self):
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        while len(self.buffer) < int(headers.get("content-length", 0)):
            self.more()
        length = int(headers.get("content-length", 0))
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return method, target, headers, body

    def head(self, status, headers):
        lines = ["HTTP/1.1 %d Status" % status] + ["%s: %s" % pair for pair in headers]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def answer(self, status, body, kind="application/json", headers=()):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.head(status, [("Content-Type", kind), ("Content-Length", str(len(body)))] + list(headers))
        self.sock.sendall(body)


def range_of(text, total):
    """(first, last) of "bytes=a-b", "bytes=a-" or "bytes=-n"; None: not satisfiable."""
    first, last = text.split("=")[1].split("-")
    if first == "":
        return max(0, total - int(last)), total - 1
    first, last = int(first), int(last) if last else total - 1
    return None if first >= total else (first, min(last, total - 1))


def pick(values, attempt):
    return values[attempt] if attempt < len(values) else None


def send_archive(c, job, headers, record):
    with lock:
        attempt = job["attempts"]
        job["attempts"] += 1
    versions = job["versions"]
    version = versions[min(attempt, len(versions) - 1)]
    file = content(version)
    etag, mode = etag_of(job, version), job.get("range", "yes")
    status, first, last = 200, 0, file.size - 1
    out = [("Content-Type", job.get("type", "application/zip")), ("Content-Transfer-Encoding", "binary")]
    if etag:
        out.append(("ETag", etag))
    heeds = job.get("if_range", True)
    if "range" in headers and mode != "no" and (
            not heeds or headers.get("if-range", etag) == etag and not (etag or "").startswith("W/")
            or "if-range" not in headers):
        span = range_of(headers["range"], file.size)
        if mode == "416" or span is None:
            return c.answer(416, b"", headers=[("Content-Range", "bytes */%d" % file.size)])
        status, (first, last) = 206, span
        if mode == "shifted" and first > 0:
            first -= 1
        if mode == "capped" and last > first:
            last -= 1
        if mode != "unsaid":
            out.append(("Content-Range", "bytes %d-%d/%d" % (first, last, file.size)))
    count, length = last - first + 1, job.get("length", 0)
    chunked = length == "none"
    out.append(("Transfer-Encoding", "chunked") if chunked
               else ("Content-Length", str(count + length)))
    c.head(status, out)
    limit, stall = pick(job.get("breaks", []), attempt), pick(job.get("stall", []), attempt)
    for block in file.read(first, count):
        for end, hold in ((limit, False), (stall, True)):
            if end is not None and record["sent"] + len(block) >= end:
                block = block[:end - record["sent"]]
                c.sock.sendall(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
                record["sent"] += len(block)
                with changed:
                    changed.notify_all()
                if hold:
                    while True:
                        c.more()
                raise Gone
        c.sock.sendall(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
        record["sent"] += len(block)
    if chunked:
        c.sock.sendall(b"0\r\n\r\n")
    if length:
        raise Gone


def send_redirect(c, number):
    with lock:
        signature = "s%d" % next(numbers)
        if jobs[number].get("expired", 0) > 0:
            jobs[number]["expired"] -= 1
        else:
            signatures[signature] = number
    c.answer(302, b"redirected", "text/plain", [
        ("Location", "http://127.0.0.1:%d/bucket/archive.zip?X-Amz-Signature=%s" % (ports["store"], signature))])


def serve_main(c, parts, headers, record):
    # /api/v4/projects/P/jobs/ID/artifacts[/tree]
    number = int(parts[6]) if len(parts) > 7 and parts[6].isdigit() else None
    job = jobs.get(number)
    if headers.get("private-token") is None:
        return c.answer(401, {"message": "401 Unauthorized"})
    if len(parts) < 8 or job is None:
        return c.answer(404, {"message": "404 Not found"})
    if len(parts) > 8:
        tree = job.get("tree")
        if parts[8] != "tree" or tree is None:
            return c.answer(404, b"no such file", "text/plain")
        if tree and not isinstance(tree[0], dict):
            return c.answer(tree[0], tree[1].encode(), tree[2])
        return c.answer(200, tree)
    if job.get("redirect") == "store":
        return send_redirect(c, number)
    return send_archive(c, job, headers, record)


def serve_store(c, query, headers, record):
    if any(name in headers for name in ("private-token", "job-token", "authorization")):
        return c.answer(400, b"<Error>two ways to authenticate</Error>", "application/xml")
    with lock:
        number = signatures.pop(query.get("X-Amz-Signature", [""])[0], None)
    if number is None:
        return c.answer(403, b"<Error>Request has expired</Error>", "application/xml")
    return send_archive(c, jobs[number], headers, record)


def serve_control(c, path, body):
    if path == "/quit":
        c.answer(200, {})
        os._exit(0)
    if path.startswith("/job/"):
        job = json.loads(body)
        job["attempts"] = 0
        with lock:
            jobs[int(path[5:])] = job
            records.clear()
        return c.answer(200, {"size": content(job["versions"][0]).size} if job.get("versions") else {})
    with lock:
        return c.answer(200, {"requests": records})


def serve(sock, origin):
    c = Connection(sock, origin)
    try:
        while True:
            method, target, headers, body = c.request()
            url = urlsplit(target)
            if origin == "control":
                serve_control(c, url.path, body)
                continue
            record = {"origin": origin, "path": unquote(url.path), "headers": headers, "sent": 0}
            with lock:
                records.append(record)
            if origin == "main":
                serve_main(c, url.path.split("/"), headers, record)
            else:
                serve_store(c, parse_qs(url.query), headers, record)
    except (Gone, OSError):
        pass
    finally:
        sock.close()


def listen(origin):
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    ports[origin] = listener.getsockname()[1]

    def accept():
        while True:
            sock, _ = listener.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(sock, origin), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


if __name__ == "__main__":
    # No server outlives a spec that crashed.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    signal.alarm(900)
    for name in ("main", "store", "control"):
        listen(name)
    print(json.dumps(ports), flush=True)
    threading.Event().wait()
    sys.exit(0)
