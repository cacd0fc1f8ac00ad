"""stage.py - what a measurement stands on: programs that are built, end with it and leave nothing behind"""
import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
ENDERS = []


def end_all():
    while ENDERS:
        try:
            ENDERS.pop()()
        except Exception as trouble:  # the others must end too
            print("bench: at the end: %s" % trouble, file=sys.stderr)


def adopt_orphans():
    """Daemons that leave their parents become ours, so that none is left as a zombie where nobody else waits for them."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)     # PR_SET_CHILD_SUBREAPER


def bury_orphans():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


class Failed(Exception):
    """A peer or a program did not do its part."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed("not within %d s: %s" % (seconds, what))
        time.sleep(0.05)


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except OSError:
        return False


def greets(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            s.settimeout(5)
            return s.recv(3) == b"220"
    except OSError:
        return False


def begin():
    """Whatever happens now, all that ENDERS has is ended."""
    adopt_orphans()
    atexit.register(end_all)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))


def start(what, command, directory, is_ready, patience_s=40, within_s=20):
    """A program that serves until SIGTERM, which must be willing to end within its patience."""
    with open(directory + "/output", "w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def stop():
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    ENDERS.append(stop)
    wait_for(what + " is ready: " + command[0], lambda: process.poll() is not None or is_ready(), within_s)
    if process.poll() is not None:
        raise Failed(what + " ended: " + open(directory + "/output").read()[-1000:])
    return process


def directory(options):
    """An empty one for a measurement, which others than root may enter."""
    path = tempfile.mkdtemp(prefix="smtpfwd-bench.", dir=options.directory)
    os.chmod(path, 0o755)
    ENDERS.append(lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def build(options, program):
    """Optimized as it is installed."""
    if options.build is None:
        options.build = tempfile.mkdtemp(prefix="smtpfwd-bench-build.")
        atexit.register(shutil.rmtree, options.build, True)
        subprocess.run("cd '%s' && '%s/configure' -q && make -s -j%d %s" % (options.build, TOP, os.cpu_count(), program),
                       shell=True, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["make", "-s", "-C", options.build, "bench-programs"], check=True, stdout=subprocess.DEVNULL)
    options.build = os.path.abspath(options.build)
