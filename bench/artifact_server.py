#!/usr/bin/python3
"""Serves one file of zeros of the given length as the archive of every job: artifact_server.py BYTES.
The kernel sends it from a sparse file, so that it costs the server next to nothing."""
import os
import socket
import sys
import tempfile
import threading

size = int(sys.argv[1])
file = tempfile.TemporaryFile()
file.truncate(size)
# Reading the holes once fills the cache for the first round too.
while file.read(1 << 22):
    pass


def serve(sock):
    buffer = b""
    try:
        while True:
            while b"\r\n\r\n" not in buffer:
                data = sock.recv(65536)
                if not data:
                    return
                buffer += data
            buffer = buffer.split(b"\r\n\r\n", 1)[1]
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\nETag: \"zeros\"\r\n"
                         b"Content-Length: %d\r\n\r\n" % size)
            at = 0
            while at < size:
                at += os.sendfile(sock.fileno(), file.fileno(), at, size - at)
    except OSError:
        pass
    finally:
        sock.close()


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
print("http://127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
