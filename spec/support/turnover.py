#!/usr/bin/python3
"""Servers whose connections end now and then, in front of a simulated GitLab, for specs.

usage: turnover.py MODE FOLDER BACKEND_PORT SEED       one of MODES below
Prints one line when ready: a JSON object with `url`, `ca`, `proxy` (where the mode has one) and
`control`: GET /counts tells how many connections ended while a request was in flight, as the server
saw it, and which creates arrived how often; GET /quit stops.

The server is nginx, or nghttpx. Where a connection has to end at a chosen moment of a request, a
front stands before it: it passes bytes on as they are, or it is the TLS end itself and counts
streams in the frames of HTTP/2.
"""
import asyncio
import ctypes
import json
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import time

H2, H1 = ["h2", "http/1.1"], ["http/1.1"]

# nginx: directives of its servers. reload: seconds between two. front: "raw" passes bytes on, "tls"
# is the TLS end. ends: how a front ends a connection. ports: which of nginx's ports a front uses,
# one connection after the other. alpn: what a TLS end offers, likewise.
MODES = {
    "reload": {"nginx": "keepalive_requests 1000;", "reload": 0.3},
    "requests 1": {"nginx": "keepalive_requests 1;"},
    "requests 5": {"nginx": "keepalive_requests 5;"},
    "requests 20": {"nginx": "keepalive_requests 20;"},
    "requests 50": {"nginx": "keepalive_requests 50;"},
    "idle": {"nginx": "keepalive_timeout 3ms; http2_recv_timeout 3ms;"},
    "reset": {"front": "raw", "ends": "reset", "ports": ["h2"]},
    "cut": {"front": "raw", "ends": "cut", "ports": ["h2"]},
    "alternating": {"front": "raw", "ports": ["h2", "tls"], "nginx": "keepalive_requests 20;"},
    "alternating, reset": {"front": "raw", "ends": "reset", "ports": ["h2", "tls"]},
    "goaway": {"front": "tls", "ends": "goaway", "alpn": [H2]},
    "notify before": {"front": "tls", "ends": "notify before", "alpn": [H2, H1]},
    "notify after": {"front": "tls", "ends": "notify after", "alpn": [H2, H1]},
    "http/1.1": {"front": "raw", "ends": "reset", "ports": ["tls"]},
    "plain": {"front": "raw", "ends": "reset", "ports": ["plain"], "plain": True},
    "tunnel": {"front": "raw", "ends": "reset", "ports": ["h2"], "connect": True},
    "nghttpx": {"front": "raw", "ends": "reset", "ports": ["nghttpx"]},
    "nghttpx, goaway": {"front": "tls", "ends": "goaway", "alpn": [H2], "nghttpx": True},
}

CONF = """
daemon off; worker_processes 2; %(user)s pid %(folder)s/pid; error_log %(folder)s/error.log crit;
worker_shutdown_timeout 10ms;
events { worker_connections 512; }
http {
  log_format wire '$connection "$request_completion" $request_method $request_body';
  access_log %(folder)s/access.log wire;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/fastcgi; uwsgi_temp_path %(folder)s/uwsgi;
  scgi_temp_path %(folder)s/scgi;
  ssl_certificate %(folder)s/cert.pem; ssl_certificate_key %(folder)s/key.pem;
  upstream gitlab { server 127.0.0.1:%(backend)s; keepalive 32; }
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_ignore_client_abort on;
  lingering_close off; %(directives)s
  server { listen 127.0.0.1:%(h2)d ssl http2; location / { proxy_pass http://gitlab; } }
  server { listen 127.0.0.1:%(tls)d ssl; location / { proxy_pass http://gitlab; } }
  server { listen 127.0.0.1:%(plain)d; location / { proxy_pass http://gitlab; } }
  server { listen 127.0.0.1:%(h2c)d http2; location / { proxy_pass http://gitlab; } }
}
"""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
REF = re.compile(rb'"ref\\?":\\?"(r\d+)')

in_flight_ends = 0
connections = 0
posts = {}


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder + "/key.pem", "-out",
                    folder + "/cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def wait_for(port, process):
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None:
                raise SystemExit("turnover.py: a server ended")
            time.sleep(0.01)
    raise SystemExit("turnover.py: a server did not start")


def start_servers(mode, folder, backend):
    """nginx, and nghttpx where the mode wants it: their ports by name, and nginx."""
    ports = {name: free_port() for name in ("h2", "tls", "plain", "h2c", "nghttpx", "nghttpx_h2c")}
    user = "user root;" if os.getuid() == 0 else ""
    with open(folder + "/nginx.conf", "w") as conf:
        conf.write(CONF % dict(ports, folder=folder, user=user, backend=backend,
                               directives=mode.get("nginx", "")))
    nginx = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", folder + "/nginx.conf", "-e",
                              folder + "/error.log"], preexec_fn=die_with_parent)
    wait_for(ports["plain"], nginx)
    processes = [nginx]
    if mode.get("nghttpx") or "nghttpx" in mode.get("ports", []):
        nghttpx = subprocess.Popen(
            ["/usr/sbin/nghttpx", "-LFATAL", "--workers=1", "--conf=/dev/null",
             "-f127.0.0.1,%d" % ports["nghttpx"], "-f127.0.0.1,%d;no-tls" % ports["nghttpx_h2c"],
             "-b127.0.0.1,%d" % ports["plain"], "--no-server-rewrite", "--errorlog-file=/dev/null",
             folder + "/key.pem", folder + "/cert.pem"], preexec_fn=die_with_parent)
        wait_for(ports["nghttpx"], nghttpx)
        processes.append(nghttpx)
    return ports, processes


class Frames:
    """Requests that are open on one connection, from the bytes of both directions."""

    def __init__(self, protocol):
        self.h2 = protocol == "h2"
        self.buffers = [b"", b""]
        self.preface = self.h2
        self.open = set()
        self.seen = 0
        self.last = 0

    def feed(self, side, data):
        """side 0: the client's bytes, 1: the server's. How many requests began or ended."""
        self.buffers[side] += data
        return self.feed_h2(side) if self.h2 else self.feed_h1(side)

    def feed_h2(self, side):
        count, buffer = 0, self.buffers[side]
        if side == 0 and self.preface and len(buffer) >= len(PREFACE):
            buffer, self.preface = buffer[len(PREFACE):], False
        while len(buffer) >= 9 and not (side == 0 and self.preface):
            length, kind, flags = int.from_bytes(buffer[:3], "big"), buffer[3], buffer[4]
            stream = int.from_bytes(buffer[5:9], "big") & 0x7fffffff
            if len(buffer) < 9 + length:
                break
            buffer = buffer[9 + length:]
            if side == 0 and kind == 1:
                self.open.add(stream)
                self.seen += 1
                self.last = stream
                count += 1
            elif (side == 1 and kind in (0, 1) and flags & 1) or kind == 3:
                if stream in self.open:
                    self.open.discard(stream)
                    count += side
        self.buffers[side] = buffer
        return count

    def feed_h1(self, side):
        count = 0
        while b"\r\n\r\n" in self.buffers[side]:
            head, rest = self.buffers[side].split(b"\r\n\r\n", 1)
            found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
            chunked = re.search(rb"\r\ntransfer-encoding: *chunked", head, re.I)
            if chunked:
                end = rest.find(b"0\r\n\r\n")
                length = end + 5 if end >= 0 else len(rest) + 1
            else:
                length = int(found.group(1)) if found else 0
            if len(rest) < length:
                break
            body, self.buffers[side] = rest[:length], rest[length:]
            count += 1
            if side == 0:
                self.seen += 1
                self.open.add(self.seen)
                ref = REF.search(body)
                if ref:
                    ref = ref.group(1).decode()
                    posts[ref] = posts.get(ref, 0) + 1
            elif self.open:
                self.open.discard(min(self.open))
        return count


class Front:
    def __init__(self, mode, ports, folder, seed):
        self.mode, self.ports, self.folder = mode, ports, folder
        self.random = random.Random(seed)
        self.ends = mode.get("ends")
        self.contexts = []
        self.links = set() # the loop itself keeps no task alive
        for protocols in mode.get("alpn", []):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
            context.set_alpn_protocols(protocols)
            self.contexts.append(context)

    async def listen(self):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen(256)
        sock.setblocking(False)
        self.accepting = asyncio.get_running_loop().create_task(self.accept(sock))
        return sock.getsockname()[1]

    async def accept(self, listener):
        global connections
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(listener)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections += 1
            task = loop.create_task(self.guarded(sock, connections))
            self.links.add(task)
            task.add_done_callback(self.links.discard)

    async def guarded(self, sock, number):
        try:
            await self.serve(sock, number)
        except (OSError, ssl.SSLError, EOFError, asyncio.IncompleteReadError):
            pass

    async def serve(self, sock, number):
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        context = self.contexts[number % len(self.contexts)] if self.contexts else None
        # Like any server, it does not wait long for the peer to take its leave as well.
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, sock, ssl=context, ssl_shutdown_timeout=0.05 if context else None)
        try:
            await self.link(reader, transport, asyncio.StreamWriter(transport, protocol, reader, loop),
                            number)
        except BaseException:
            transport.abort()
            raise

    async def link(self, reader, transport, writer, number):
        loop = asyncio.get_running_loop()
        if self.mode.get("connect"):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        if self.contexts:
            spoken = transport.get_extra_info("ssl_object").selected_alpn_protocol() or "http/1.1"
            name = "h2c" if spoken == "h2" else "plain"
            if self.mode.get("nghttpx"):
                name = "nghttpx_h2c"
            frames = Frames(spoken)
        else:
            name = self.mode["ports"][number % len(self.mode["ports"])]
            frames = None
        server = await asyncio.open_connection("127.0.0.1", self.ports[name])
        link = Link(self, (reader, writer), server, frames)
        tasks = [loop.create_task(link.pass_on(0)), loop.create_task(link.pass_on(1))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        link.close()
        for task in tasks:
            task.cancel()


class Link:
    """One connection and the one behind it."""

    def __init__(self, front, client, server, frames):
        self.front, self.frames = front, frames
        self.sides = (client, server)
        self.over = False
        # After so many requests (or, unread, pieces of the client's data) the connection ends.
        self.life = front.random.randint(1, 6)
        # What comes before the first request of a TLS connection is not counted.
        self.chunks = 0 if front.mode.get("plain") else -3
        self.waits = False # the client's last piece is unanswered

    async def pass_on(self, side):
        reader, writer = self.sides[side][0], self.sides[1 - side][1]
        try:
            while not self.over:
                data = await reader.read(65536)
                if not data:
                    return
                if not await self.passes(side, data, writer):
                    return
        except (OSError, ssl.SSLError):
            return

    async def passes(self, side, data, writer):
        """Hands data on; False when the connection has ended by it."""
        if self.frames:
            count = self.frames.feed(side, data)
            if count and self.is_due(side):
                return await self.end_by_frames(side, data, writer)
        writer.write(data)
        await writer.drain()
        self.waits = side == 0
        if not self.frames and side == 0 and self.front.ends:
            self.chunks += 1
            if self.chunks >= self.life:
                await asyncio.sleep(self.front.random.random() * 0.003)
                self.end_unread()
                return False
        return True

    def end_unread(self):
        """Of HTTP/1.1, a piece without an answer is a request; of HTTP/2, nginx knows better."""
        global in_flight_ends
        if self.waits and self.front.mode["ports"][0] in ("tls", "plain"):
            in_flight_ends += 1
        if self.front.ends == "reset":
            self.reset()
        else:
            self.cut()

    def is_due(self, side):
        if self.front.ends == "goaway" and not self.frames.h2:
            return False
        before = self.front.ends == "notify before"
        return self.frames.seen >= self.life and side == (1 if before else 0)

    async def end_by_frames(self, side, data, writer):
        global in_flight_ends
        ends = self.front.ends
        if ends == "notify before":
            writer.write(data)
        elif self.front.random.random() < 0.5:
            self.sides[1][1].write(data)
        if ends == "goaway":
            # The last request counts as seen, or it does not.
            last = self.frames.last - self.front.random.choice([0, 2])
            body = struct.pack(">II", max(last, 0), 0)
            self.sides[0][1].write(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + body)
        if side == 0:
            await asyncio.sleep(self.front.random.random() * 0.003)
        if self.frames.open:
            in_flight_ends += 1
        return False

    def reset(self):
        sock = self.sides[0][1].get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sides[0][1].transport.abort()

    def cut(self):
        """A FIN, without what TLS says at its end."""
        self.sides[0][1].transport.abort()

    def close(self):
        self.over = True
        for _, writer in self.sides:
            writer.close() # over TLS: says so, then closes


def logged(folder):
    """What nginx saw: connections that ended before a request was complete, creates by ref."""
    broken, seen = set(), dict(posts)
    with open(folder + "/access.log", "rb") as log:
        for line in log:
            number, completion, method = line.split(b" ", 3)[:3]
            if completion != b'"OK"':
                broken.add(number)
            ref = REF.search(line.replace(b"\\x22", b'"'))
            if method == b"POST" and ref:
                ref = ref.group(1).decode()
                seen[ref] = seen.get(ref, 0) + 1
    # A front that is the TLS end has counted the same creates already, and those it kept.
    for ref in posts:
        seen[ref] = posts[ref]
    return len(broken), seen


async def control(reader, writer, folder, stop):
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"GET /quit"):
        stop.set()
    broken, seen = logged(folder)
    body = json.dumps({"in_flight": max(in_flight_ends, broken), "connections": connections,
                       "posts": seen}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
    writer.write(body)
    await writer.drain()
    writer.close()


async def reload_now_and_then(pid, seconds):
    while True:
        await asyncio.sleep(seconds)
        os.kill(pid, signal.SIGHUP)


async def main():
    name, folder, backend, seed = sys.argv[1:]
    die_with_parent()
    signal.alarm(1800)
    mode, stop = MODES[name], asyncio.Event()
    certificate(folder)
    ports, processes = start_servers(mode, folder, backend)
    ready = {"ca": folder + "/cert.pem", "url": "https://localhost:%d" % ports["h2"]}
    if mode.get("front"):
        front = Front(mode, ports, folder, int(seed))
        port = await front.listen()
        if mode.get("connect"):
            ready["proxy"] = "http://127.0.0.1:%d" % port
        else:
            ready["url"] = "%s://localhost:%d" % ("http" if mode.get("plain") else "https", port)
    if mode.get("reload"):
        reloading = asyncio.get_running_loop().create_task(
            reload_now_and_then(processes[0].pid, mode["reload"]))
    server = await asyncio.start_server(lambda r, w: control(r, w, folder, stop), "127.0.0.1", 0)
    ready["control"] = server.sockets[0].getsockname()[1]
    print(json.dumps(ready), flush=True)
    await stop.wait()
    if mode.get("reload"):
        reloading.cancel()
    await asyncio.sleep(0.05)
    for process in processes:
        process.terminate()
        process.wait()
    sys.stdout.flush()
    os._exit(0) # what is left on connections is of no interest


if __name__ == "__main__":
    asyncio.run(main())
