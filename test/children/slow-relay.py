# Runs a program in a terminal of its own, as sudo does by use_pty, and shows its output a while later.
import os
import pty
import select
import sys
import termios
import time
import tty

program, *words = sys.argv[1:]
if not os.isatty(0):
    os.execv(program, [program, *words])
saved = termios.tcgetattr(0)
pid, inner = pty.fork()
if pid == 0:
    os.execv(program, [program, *words])
termios.tcsetwinsize(inner, termios.tcgetwinsize(0))
tty.setraw(0)
try:
    while True:
        readable, _, _ = select.select([0, inner], [], [])
        if 0 in readable:
            os.write(inner, os.read(0, 4096))
        if inner in readable:
            output = os.read(inner, 4096)
            time.sleep(0.3)
            os.write(1, output)
except OSError:
    # The program has ended.
    pass
_, status = os.waitpid(pid, 0)
termios.tcsetattr(0, termios.TCSADRAIN, saved)
sys.exit(os.waitstatus_to_exitcode(status))
