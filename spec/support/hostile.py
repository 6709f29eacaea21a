#!/usr/bin/python3
"""An HTTP server that misbehaves on request, for specs. Only the standard library, raw sockets.

usage: hostile.py [FOLDER]      FOLDER: where certificates may be made; without it there is no TLS
Prints one line when ready: a JSON object with its ports:
  main, other   two origins with the same paths (below)
  control       GET /requests: what was asked (JSON), /forget: drop that, /quit: stop
  tls           main over TLS with a certificate for localhost; `ca` is the file to trust
  h2            HTTP/2 over TLS, as far as needed here: refuses the first N streams (/refuse/N)
  mute          accepts connections and says nothing (a handshake that never ends)
  slam          accepts connections and resets them at once

A path's first segment names the behaviour; see `class Behaviour`. Every request is recorded before
anything of an answer is sent.
"""
import ctypes
import fcntl
import gzip
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

SIOCOUTQ = 0x5411

records = []
applied = {}
lock = threading.Lock()
connections = 0
refused = 0
refusal = 7


def die_with_parent():
    """No server outlives a spec that crashed."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    signal.alarm(600)


class Gone(Exception):
    """The peer has closed, or the behaviour is over and the connection with it."""


class Connection:
    def __init__(self, sock, origin, number):
        self.sock, self.origin, self.number = sock, origin, number
        self.buffer = b""
        self.served = 0

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            self.more()
            if self.buffer[0] == 0x16:  # somebody speaks TLS to a server that does not
                self.answer(400)
                raise Gone
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = [line.split(":", 1) for line in lines[1:]]
        headers = [[name, value.strip()] for name, value in headers]
        length = int(dict((n.lower(), v) for n, v in headers).get("content-length", 0))
        while len(self.buffer) < length:
            self.more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Request(method, target, headers, body)

    def send(self, data):
        self.sock.sendall(data)

    def answer(self, status, body=b"", headers=(), reason="Status"):
        head = ["HTTP/1.1 %d %s" % (status, reason)]
        names = [name.lower() for name, _ in headers]
        if "content-length" not in names and status not in (204, 304):
            head.append("Content-Length: %d" % len(body))
        head += ["%s: %s" % pair for pair in headers]
        self.send(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body)

    def hold(self):
        """Says nothing more, for as long as the peer stays."""
        while True:
            self.more()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Gone


    def reset_when_read(self):
        """Resets once the peer's kernel has everything: a reset overtakes what is on its way."""
        while struct.unpack("i", fcntl.ioctl(self.sock.fileno(), SIOCOUTQ, b"\0" * 4))[0]:
            time.sleep(0.001)
        self.reset()


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urlsplit(target)
        self.path = parts.path
        self.query = {k: v[0] for k, v in parse_qs(parts.query).items()}

    def number(self, name, default):
        return int(self.query.get(name, default))


class Behaviour:
    """One method a first segment; what it does is its name, dashes for underscores."""

    def ok(self, c, r):
        body = b'{"ok":true}'
        c.answer(200, b"" if r.method == "HEAD" else body,
                 [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])

    def echo(self, c, r):
        seen = {"method": r.method, "target": r.target, "headers": r.headers,
                "body": r.body.decode("latin-1")}
        c.answer(200, json.dumps(seen).encode())

    def status(self, c, r):
        headers = [(k[2:], v) for k, v in sorted(r.query.items()) if k.startswith("h.")]
        c.answer(r.number("code", 200), r.query.get("body", "").encode(), headers)

    def close(self, c, r):
        c.answer(200, b"bye", [("Connection", "close")])
        raise Gone

    def surplus(self, c, r):
        """The second answer on a connection comes behind what the first had too much."""
        if c.served:
            c.send(b"what nobody asked for\r\n")
        c.answer(200, b"ok")

    def apply_then_drop(self, c, r):
        """The first POST of a key is applied and never answered."""
        with lock:
            count = applied[r.path] = applied.get(r.path, 0) + 1
        if count == 1:
            raise Gone
        c.answer(201, b'{"id":3}')

    def reset_before(self, c, r):
        c.reset()

    def reset_headers(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        c.reset()

    def reset_body(self, c, r):
        c.send(b"HTTP/1.1 %d OK\r\nContent-Length: 1000\r\n\r\n0123456789"
               % r.number("code", 200))
        c.reset_when_read()

    def truncate(self, c, r):
        c.send(b"HTTP/1.1 %d OK\r\nContent-Length: 1000\r\n\r\n0123456789"
               % r.number("code", 200))
        raise Gone

    def truncate_chunked(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        raise Gone

    def garbage(self, c, r):
        c.send(b"\x16\x03\x01 this is no HTTP at all\r\n\r\n")
        raise Gone

    def garbage_status(self, c, r):
        c.send(b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n")
        raise Gone

    def garbage_chunk(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n")
        raise Gone

    def garbage_gzip(self, c, r):
        c.answer(200, b"this is not compressed", [("Content-Encoding", "gzip")])

    def stall_before(self, c, r):
        c.hold()

    def stall_headers(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n")
        c.hold()

    def stall_body(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
        c.hold()

    def dribble(self, c, r):
        """One byte at a time, each a segment of its own, `pause` milliseconds apart."""
        count = r.number("n", 50)
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count + b"d" * count:
            c.send(bytes([byte]))
            time.sleep(r.number("pause", 0) / 1000)

    def big(self, c, r):
        count, block = r.number("n", 100 << 20), b"0123456789abcdef" * 4096
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % count)
        while count > 0:
            c.send(block[:count])
            count -= len(block)

    def big_chunked(self, c, r):
        count, block = r.number("n", 100 << 20), b"x" * 65536
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while count > 0:
            c.send(b"10000\r\n" + block + b"\r\n")
            count -= len(block)
        c.send(b"0\r\n\r\n")

    def bomb(self, c, r):
        c.answer(200, gzip.compress(b"\0" * r.number("n", 100 << 20), 1),
                 [("Content-Encoding", "gzip")])

    def gzip(self, c, r):
        asked = dict((n.lower(), v) for n, v in r.headers).get("accept-encoding", "")
        body = b"compressed " * r.number("n", 1000)
        if "gzip" in asked:
            c.answer(200, gzip.compress(body), [("Content-Encoding", "gzip")])
        else:
            c.answer(200, body)

    def chunked(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n"
               b"5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nX-After: seen\r\n\r\n")

    def until_close(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        raise Gone

    def informational(self, c, r):
        c.send(b"HTTP/1.1 100 Continue\r\nX-Early: no\r\n\r\n"
               b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n")
        c.answer(200, b"final", [("X-Final", "yes")])

    def many_headers(self, c, r):
        c.answer(200, b"ok", [("X-Number-%d" % i, str(i)) for i in range(r.number("n", 500))])

    def huge_header(self, c, r):
        c.answer(200, b"ok", [("X-Huge", "h" * r.number("n", 50000))])

    def headers_without_end(self, c, r):
        c.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            c.send(b"X-More: " + b"m" * 1000 + b"\r\n")

    def redirect(self, c, r):
        c.answer(r.number("code", 302), r.query.get("body", "").encode(),
                 [("Location", r.query["to"])])

    def loop(self, c, r):
        c.answer(302, b"", [("Location", r.path + "/x")])

    def refuse(self, c, r):
        """/refuse/N?error=E: the h2 origin ends its next N streams with that error (7: refused
        unseen; 0: it says goodbye to the connection and closes it instead)."""
        global refused, refusal
        with lock:
            refused = int(r.path.split("/")[2])
            refusal = int(r.number("error", 7))
        c.answer(204)

    def part(self, c, r):
        """A 206 for `Range: bytes=N-`, unless ?whole=1."""
        body = b"0123456789"
        asked = dict((n.lower(), v) for n, v in r.headers).get("range")
        if asked and not r.query.get("whole"):
            start = int(asked.split("=")[1].rstrip("-"))
            c.answer(206, body[start:],
                     [("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))])
        else:
            c.answer(200, body)


behaviour = Behaviour()


def record(c, r):
    with lock:
        records.append({"origin": c.origin, "connection": c.number, "method": r.method,
                        "target": r.target, "path": unquote(r.path), "headers": r.headers,
                        "body": r.body.decode("latin-1"), "served": c.served})


def serve(sock, origin, number):
    c = Connection(sock, origin, number)
    try:
        while True:
            r = c.read_request()
            record(c, r)
            name = r.path.split("/")[1].replace("-", "_")
            getattr(behaviour, name)(c, r)
            c.served += 1
    except (Gone, OSError, ssl.SSLError):
        pass
    finally:
        try:
            sock.close()
        except OSError:
            pass


def control(sock, origin, number):
    c = Connection(sock, origin, number)
    try:
        while True:
            r = c.read_request()
            with lock:
                body = json.dumps({"requests": records}).encode()
                if r.path == "/forget":
                    records.clear()
                    applied.clear()
            c.answer(200, body)
            if r.path == "/quit":
                os._exit(0)
    except (Gone, OSError):
        sock.close()


def mute(sock, origin, number):
    try:
        Connection(sock, origin, number).hold()
    except (Gone, OSError):
        sock.close()


def slam(sock, origin, number):
    c = Connection(sock, origin, number)
    try:
        c.more()
        c.reset()
    except (Gone, OSError):
        sock.close()


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(
        ">I", stream) + payload



def http2(sock, origin, number):
    """Enough HTTP/2: the streams of a connection are counted, their headers not even decoded."""
    global refused
    c = Connection(sock, origin, number)
    try:
        while len(c.buffer) < 24:
            c.more()
        c.buffer = c.buffer[24:]
        c.send(frame(4, 0, 0))
        while True:
            while len(c.buffer) < 9 or len(c.buffer) < 9 + int.from_bytes(c.buffer[:3], "big"):
                c.more()
            length = int.from_bytes(c.buffer[:3], "big")
            kind, flags = c.buffer[3], c.buffer[4]
            stream = int.from_bytes(c.buffer[5:9], "big")
            c.buffer = c.buffer[9 + length:]
            if kind == 4 and not flags & 1:
                c.send(frame(4, 1, 0))
            if kind != 1:
                continue
            with lock:
                refuse, refused = refused > 0, max(refused - 1, 0)
                records.append({"origin": "h2", "connection": number, "method": "?", "path": "?",
                                "target": "?", "headers": [], "body": "", "served": stream})
            if refuse and refusal == 0:
                c.send(frame(7, 0, 0, struct.pack(">II", stream, 0)))  # GOAWAY
                raise Gone
            if refuse:
                c.send(frame(3, 0, stream, struct.pack(">I", refusal)))  # RST_STREAM
            else:
                c.send(frame(1, 4, stream, b"\x88") + frame(0, 1, stream, b"over h2"))
    except (Gone, OSError, ssl.SSLError):
        sock.close()


def listen(origin, handler, wrap=None):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)

    def run(sock, number):
        try:
            if wrap:
                sock = wrap.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError):
            sock.close()
            return
        handler(sock, origin, number)

    def accept():
        global connections
        while True:
            sock, _ = listener.accept()
            with lock:
                connections += 1
                number = connections
            threading.Thread(target=run, args=(sock, number), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                    "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return cert, key


def tls(cert, key, protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(protocols)
    return context


def main():
    die_with_parent()
    ports = {"main": listen("main", serve), "other": listen("other", serve),
             "control": listen("control", control), "mute": listen("mute", mute),
             "slam": listen("slam", slam)}
    if len(sys.argv) > 1:
        cert, key = certificate(sys.argv[1])
        ports["ca"] = cert
        ports["tls"] = listen("tls", serve, tls(cert, key, ["http/1.1"]))
        both = tls(cert, key, ["h2", "http/1.1"])

        def either(sock, origin, number):
            if sock.selected_alpn_protocol() == "h2":
                http2(sock, origin, number)
            else:
                serve(sock, origin, number)

        ports["h2"] = listen("h2", either, both)
    print(json.dumps(ports), flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
