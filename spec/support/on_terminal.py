"""Runs a command on a terminal of so many columns and passes on what it writes there, stdout and
stderr alike: on_terminal.py COLUMNS COMMAND..."""
import fcntl
import os
import struct
import sys
import termios

ours, theirs = os.openpty()
fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(theirs, descriptor)
    os.closerange(3, 64)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(theirs)
while True:
    try:
        data = os.read(ours, 65536)
    except OSError:  # the other end is closed
        break
    if not data:
        break
    sys.stdout.buffer.write(data.replace(b"\r\n", b"\n"))
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
