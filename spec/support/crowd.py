"""Many clients that keep a server's connections without asking for anything, while one asks.

usage: crowd.py HOST PORT COUNT KIND ASKED [PATH TOKEN]

KIND: idle (nothing is sent), head (half of a head), body (half of a body), drip (a head, one byte
a turn), reset (gone again at once, with a reset).
A request is asked on a connection of its own after every COUNT / ASKED clients, ASKED in all, and
at the end. Prints "answered N" and how many clients the server has closed: "closed N".
"""
import resource
import socket
import struct
import sys

host, port, count, kind, asked = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
path, token = (sys.argv[6:8] + ["/", ""][len(sys.argv[6:8]):])
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 200), hard))
HEAD = b"POST / HTTP/1.1\r\nHost: crowd\r\nContent-Length: 1000\r\n"
FIRST = {"idle": b"", "head": HEAD, "body": HEAD + b"\r\nhalf", "drip": b"P",
         "reset": b"GET / HT"}
answered = 0
crowd = []


def ask():
    global answered
    client = socket.create_connection((host, port), 10)
    client.sendall(("GET %s HTTP/1.1\r\nHost: one\r\nPRIVATE-TOKEN: %s\r\nConnection: close\r\n\r\n"
                    % (path, token)).encode())
    data = b""
    while True:
        more = client.recv(65536)
        if not more:
            break
        data += more
    client.close()
    if data.startswith(b"HTTP/1.1 200 "):
        answered += 1
    else:
        print("not answered: %r" % data[:80])


def is_closed(client):
    client.setblocking(False)
    try:
        return client.recv(65536, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


for number in range(count):
    client = socket.socket()
    client.settimeout(10)
    client.connect((host, port))
    client.sendall(FIRST[kind])
    if kind == "reset":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    else:
        crowd.append(client)
    if kind == "drip":
        for other in crowd[-20:]:
            try:
                other.sendall(b"x")
            except OSError:
                pass
    if (number + 1) % max(count // asked, 1) == 0:
        ask()
ask()
print("answered %d" % answered)
print("closed %d" % sum(is_closed(client) for client in crowd))
