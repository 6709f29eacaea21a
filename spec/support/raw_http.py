"""Speaks bytes over one TCP connection, as it is told, and prints what came back.

usage: raw_http.py HOST PORT STEP...

send:TEXT       sends TEXT (percent-encoded)
repeat:N:TEXT   sends TEXT N times
until:TEXT      reads until what was received ends with, or holds, TEXT
bytes:N         reads until N bytes were received in all
answers:N       reads N whole answers (to requests other than HEAD)
say             prints a line at once, so that whoever started this knows how far it is
abort           closes with a reset, at once
deaf            reads nothing more until its own stdin ends
keep            ends here, with the connection open
eof             reads to the end (implied at the end)

After the lines of `say`, one line of the output says how the connection ended (eof, reset,
aborted, kept, or timeout when the other side was silent for 20 s); everything after it is what was
received, as it came.
"""
import re
import socket
import struct
import sys
from urllib.parse import unquote_to_bytes


def length_of_answer(data):
    """Bytes of the first answer in data, or None while its head is not whole."""
    head, separator, _ = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    bodiless = re.match(rb"HTTP/1\.1 (1\d\d|204|304) ", head)
    return len(head) + 4 + (int(found.group(1)) if found and not bodiless else 0)


def talk(connection, steps):
    received = b""

    def more():
        nonlocal received
        data = connection.recv(65536)
        received += data
        return bool(data)

    try:
        for step in steps + ["eof"]:
            word, _, rest = step.partition(":")
            if word == "send":
                connection.sendall(unquote_to_bytes(rest))
            elif word == "repeat":
                count, _, text = rest.partition(":")
                connection.sendall(unquote_to_bytes(text) * int(count))
            elif word == "until":
                wanted = unquote_to_bytes(rest)
                while wanted not in received:
                    if not more():
                        return "eof", received
            elif word == "bytes":
                while len(received) < int(rest):
                    if not more():
                        return "eof", received
            elif word == "answers":
                at = 0
                for _ in range(int(rest)):
                    while (size := length_of_answer(received[at:])) is None \
                            or len(received) < at + size:
                        if not more():
                            return "eof", received
                    at += size
            elif word == "say":
                sys.stdout.write("said\n")
                sys.stdout.flush()
            elif word == "deaf":
                sys.stdin.read()
                return "kept", received
            elif word == "keep":
                return "kept", received
            elif word == "abort":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return "aborted", received
            elif word == "eof":
                while more():
                    pass
            else:
                raise SystemExit("unknown step " + step)
        return "eof", received
    except (ConnectionResetError, BrokenPipeError):
        # What arrived before the reset is still to be had.
        try:
            while more():
                pass
        except OSError:
            pass
        return "reset", received
    except socket.timeout:
        return "timeout", received


def main():
    host, port, steps = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    connection = socket.create_connection((host, port), 20)
    end, received = talk(connection, steps)
    connection.close()
    sys.stdout.buffer.write(end.encode() + b"\n" + received)


main()
