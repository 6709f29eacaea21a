"""Several clients that create and cancel pipelines at once, until COUNT answers have come, a write was
refused (--until-refused), or, with --kill PID, the server has been killed after COUNT answers. Prints
what was acknowledged, one line each: "created ID REF", "canceled ID"; and "refused STATUS", or "lost" for an answer that never came.

usage: writers.py URL TOKEN COUNT [--kill PID | --until-refused]
"""
import http.client
import json
import os
import signal
import sys
import threading
from urllib.parse import urlsplit

url, token, count = urlsplit(sys.argv[1]), sys.argv[2], int(sys.argv[3])
victim = int(sys.argv[5]) if sys.argv[4:5] == ["--kill"] else None
until_refused = sys.argv[4:5] == ["--until-refused"]
lock = threading.Lock()
told = []
over = threading.Event()


def tell(line):
    with lock:
        told.append(line)
        if len(told) == count or (until_refused and line.startswith(("refused", "lost"))):
            if victim:
                os.kill(victim, signal.SIGKILL)
            over.set()


def write(connection, path, body):
    connection.request("POST", path, json.dumps(body),
                       {"PRIVATE-TOKEN": token, "Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, text


def writer(number):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    pad = [{"key": "PAD", "value": "x" * 2000}]
    try:
        for turn in range(100000):
            if over.is_set():
                return
            ref = "w%d-%d" % (number, turn)
            status, text = write(connection, "/projects/1/pipeline", {"ref": ref, "variables": pad})
            if status != 201:
                tell("refused %d" % status)
                continue
            made = json.loads(text)
            tell("created %d %s" % (made["id"], ref))
            if turn % 3 == 0:
                status, _ = write(connection, "/projects/1/pipelines/%d/cancel" % made["id"], {})
                tell("canceled %d" % made["id"] if status == 200 else "refused %d" % status)
    except (OSError, http.client.HTTPException):
        tell("lost")  # this answer never came


threads = [threading.Thread(target=writer, args=(n,)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("\n".join(told))
