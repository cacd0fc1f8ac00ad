#!/usr/bin/python3
"""Hostile peers and a machine that fails, against the real daemon: bounded in memory and time, nothing lost.

Figures are told as comments.  The peers are our own code, since nobody else's misbehaves on purpose.
"""
import concurrent.futures
import ctypes
import multiprocessing
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import world

MB = 1024.0
FLOOD_S = 2.0                   # how long each flood goes on
N_HALF_OPEN = 9000
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

# Mounts of this test are nobody else's.
if ctypes.CDLL(None, use_errno=True).unshare(0x00020000) != 0:
    raise SystemExit("unshare(CLONE_NEWNS): %s (to be run as root)" % os.strerror(ctypes.get_errno()))
subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def rss_mb(relay):
    with open("/proc/%d/status" % relay.process.pid) as status:
        return int([line for line in status if line.startswith("VmRSS")][0].split()[1]) / MB


def path(name):
    return os.path.join(world.WORK, name)


class Hop:
    """A next hop: each connection is given to `serve` in a thread of its own."""

    def __init__(self, serve, receive_buffer=None):
        self.serve, self.n_connections, self.mails, self.is_over = serve, 0, [], False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(100)
        self.port = self.listener.getsockname()[1]
        world.ENDERS.append(self.end)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.n_connections += 1
            threading.Thread(target=self.run, args=(connection, self.n_connections), daemon=True).start()

    def run(self, connection, number):
        connection.settimeout(60)
        try:
            self.serve(self, connection, number)
        except (OSError, EOFError):
            pass
        finally:
            connection.close()

    def end(self):
        self.is_over = True
        self.listener.close()


# --- a server of good manners, and where others differ ---

class Lines:
    def __init__(self, connection):
        self.connection, self.data = connection, b""

    def next(self):
        while b"\r\n" not in self.data:
            piece = self.connection.recv(65536)
            if not piece:
                raise EOFError
            self.data += piece
        line, self.data = self.data.split(b"\r\n", 1)
        return line


EHLO = b"250-hop\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


def converse(hop, connection, steps):
    """Good manners but at the steps given: each maps a verb, "greeting" or "dot" to bytes or a function."""
    lines = Lines(connection)

    def answer(step, usual):
        given = steps.get(step, usual)
        if callable(given):
            given(hop, connection)
            raise EOFError
        connection.sendall(given)

    answer("greeting", b"220 hop\r\n")
    while True:
        verb = lines.next()[:4].upper().decode()
        if verb == "DATA":
            answer("DATA", b"354 go on\r\n")
            mail = b""
            while True:
                line = lines.next()
                if line == b".":
                    break
                mail += line + b"\r\n"
            if "dot" not in steps:
                hop.mails.append(mail)
            answer("dot", b"250 2.0.0 taken\r\n")
        elif verb == "EHLO":
            answer(verb, EHLO)
        elif verb == "QUIT":
            connection.sendall(b"221 bye\r\n")
            return
        else:
            answer(verb, b"250 2.0.0 ok\r\n")


def good(hop, connection, number):
    converse(hop, connection, {})


def with_steps(**steps):
    return lambda hop, connection, number: converse(hop, connection, steps)


def forever(bytes_):
    def send(hop, connection):
        while not hop.is_over:
            connection.sendall(bytes_)
    return send


def each_second(bytes_):
    def send(hop, connection):
        while not hop.is_over:
            connection.sendall(bytes_)
            time.sleep(1)
    return send


def silence(hop, connection):
    while not hop.is_over and connection.recv(65536):
        pass


def stillness(hop, connection):
    while not hop.is_over:
        time.sleep(0.2)


def slow_reading(hop, connection):
    connection.sendall(b"354 go on\r\n")
    while not hop.is_over:
        connection.recv(1)
        time.sleep(0.5)


def taken_while_it_comes(hop, connection):
    connection.sendall(b"354 go on\r\n")
    for _ in range(20):
        connection.recv(4096)
    connection.sendall(b"250 2.0.0 taken\r\n")
    silence(hop, connection)


def inject(hop, connection):
    connection.sendall(b"220 go ahead\r\n250 injected\r\n250 injected\r\n")
    silence(hop, connection)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


STEPS = ("greeting", "EHLO", "MAIL", "RCPT", "DATA")


def gone_at_each_step(how):
    """Another step each connection."""
    def serve(hop, connection, number):
        def leave(hop, connection):
            how(connection)
            raise EOFError
        converse(hop, connection, {STEPS[number % len(STEPS)]: leave})
    return serve


STARTTLS = b"250-hop\r\n250 STARTTLS\r\n"

# What each may cost is bounded, and nothing any of them says is a delivery.
HOSTILE = {
    "endless-lines": with_steps(greeting=forever(b"220-and more\r\n" * 100)),
    "endless-line": with_steps(greeting=forever(b"220 " + b"x" * 60000)),
    "endless-ehlo": with_steps(EHLO=forever(b"250-X-EXTENSION with words\r\n" * 100)),
    "huge-ehlo": with_steps(EHLO=b"250-X-EXTENSION with words\r\n" * 40000 + b"250 8BITMIME\r\n"),
    "endless-rcpt": with_steps(RCPT=forever(b"250-" + b"y" * 500 + b"\r\n")),
    "all-at-once": with_steps(greeting=b"220 hop\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n221 bye\r\n"),
    "twice-in-ehlo": with_steps(EHLO=EHLO + b"250 ok\r\n250 ok\r\n354 go on\r\n250 taken\r\n"),
    "taken-with-354": with_steps(DATA=b"354 go on\r\n250 2.0.0 taken\r\n"),
    "taken-while-it-comes": with_steps(DATA=taken_while_it_comes),
    "never-speaks": with_steps(greeting=silence),
    "a-byte-a-second": with_steps(greeting=each_second(b"2")),
    "never-reads": with_steps(DATA=lambda hop, connection: (connection.sendall(b"354 go on\r\n"), stillness(hop, connection))),
    "reads-slowly": with_steps(DATA=slow_reading),
    "closes": gone_at_each_step(lambda connection: connection.close()),
    "resets": gone_at_each_step(reset),
    "injects": with_steps(EHLO=STARTTLS, STAR=inject),
    "stalls-in-tls": with_steps(EHLO=STARTTLS, STAR=lambda hop, connection: (connection.sendall(b"220 go\r\n"), stillness(hop, connection))),
    "no-answer-to-the-dot": with_steps(dot=lambda hop, connection: None),
    "nonsense": with_steps(EHLO=b"\0\xff\xfe\r\n250 \x1b[2J\r\n"),
}
LARGE = ("taken-while-it-comes", "never-reads", "reads-slowly")


def hostile_next_hops(tap):
    """Nineteen hostile next hops and a good one"""
    hops = {name: Hop(serve, receive_buffer=4096 if name in LARGE else None) for name, serve in HOSTILE.items()}
    fine = Hop(good)
    sections = "".join('relay "%s.example" { next-hop = { "127.0.0.1:%d" } mode = queue verify-recipients = no check-interval = 1s }\n' % (name, hop.port)
                       for name, hop in hops.items())
    relay = world.Relay('"127.0.0.1:%d"' % fine.port, name="hops", extra=sections + "stop-within = 2s\nretry { first = 1s max = 2s }\n").start()
    before = rss_mb(relay)
    for name in hops:
        body = "x" * 70 + "\r\n"
        world.send(relay.port, world.message("to." + name, body=body * (40000 if name in LARGE else 1)),
                   recipients=("bob@%s.example" % name,))
    slowest = most = 0
    end = time.monotonic() + 5
    n = 0
    while time.monotonic() < end:
        began = time.monotonic()
        n += 1
        world.send(relay.port, world.message("beside.%d" % n))
        world.wait_for("a good mail is delivered", lambda: len(fine.mails) >= n, 20)
        slowest = max(slowest, time.monotonic() - began)
        most = max(most, rss_mb(relay))
        time.sleep(0.2)
    print("# figure: beside them %d mails went through, the slowest in %.0f ms; memory grew from %.1f to %.1f MB"
          % (n, slowest * 1000, before, most))
    tap("other mail goes through meanwhile", slowest < 5, slowest)
    tap("memory stays bounded", most - before < 64, (before, most))
    unasked = [name for name, hop in hops.items() if hop.n_connections == 0]
    tap("each of them was met", not unasked, unasked)
    # Only who really took a mail has one (without TLS, where that is only tried, the injecting one is a good server).
    took = {name for name, hop in hops.items() if hop.mails}
    said = {name for name in hops if any(" delivered " in line and "%s.example" % name in line
                                         for line in relay.log_text().splitlines())}
    tap("none of what they said was taken for a delivery", said == took and took <= {"injects"}, (said, took))
    waiting = relay.queue_size()
    tap("all of it waits", waiting == len(hops) - len(took), (waiting, took))
    began = time.monotonic()
    relay.process.send_signal(signal.SIGTERM)
    relay.process.wait(60)
    print("# figure: with nineteen of them at work a stop takes %.1f s" % (time.monotonic() - began))
    tap("and it stops", relay.process.returncode == 0, relay.log_text()[-2000:])
    for hop in hops.values():
        hop.end()


def hostile_online(tap):
    """The same while clients wait for them"""
    hops = {name: Hop(serve, receive_buffer=4096 if name in LARGE else None) for name, serve in HOSTILE.items()
            if name != "no-answer-to-the-dot"}      # for that a client waits five minutes
    fine = Hop(good)
    sections = "".join('relay "%s.example" { next-hop = { "127.0.0.1:%d" } mode = online  online-timeout = 2s  recipients-unknown = accept'
                       '  check-interval = 1s }\n' % (name, hop.port) for name, hop in hops.items())
    relay = world.Relay('"127.0.0.1:%d"' % fine.port, name="online", relay_extra="mode = online",
                        extra=sections + "stop-within = 2s\nretry { first = 1h max = 1h }\n").start()
    before, said = rss_mb(relay), {}

    def bring(name):
        data = world.message("to." + name, body=("x" * 70 + "\r\n") * (40000 if name in LARGE else 1))
        client, began = world.Client(relay.port), time.monotonic()
        client.say("EHLO client.example.org")
        said[name] = client.mail(data, recipients=("bob@%s.example" % name,)), time.monotonic() - began

    threads = [threading.Thread(target=bring, args=(name,)) for name in hops]
    for thread in threads:
        thread.start()
    slowest = most = n = 0
    while any(thread.is_alive() for thread in threads):
        began = time.monotonic()
        world.send(relay.port, world.message("beside.%d" % n))
        n += 1
        slowest, most = max(slowest, time.monotonic() - began), max(most, rss_mb(relay))
        time.sleep(0.1)
    print("# figure: beside them %d mails were answered, the slowest in %.0f ms; memory grew from %.1f to %.1f MB"
          % (n, slowest * 1000, before, most))
    tap("other mail goes through meanwhile", slowest < 2 and len(fine.mails) == n, (slowest, len(fine.mails), n))
    tap("memory stays bounded", most - before < 64, (before, most))
    late = {name: took for name, (_, took) in said.items() if took > 8}
    tap("each client has an answer within its budgets", len(said) == len(hops) and not late, late)
    odd = {name: reply for name, (reply, _) in said.items() if not reply.startswith(("250 2.0.0 queued as", "4", "5")) and not hops[name].mails}
    tap("which is that of the queue, or a refusal", not odd, odd)
    n_queued = sum("queued as" in reply for reply, _ in said.values())
    tap("all of that is in the queue", relay.log_text().count("fell-back id=") == n_queued >= 15, (n_queued, said))
    relay.process.send_signal(signal.SIGTERM)
    relay.process.wait(60)
    tap("and it stops", relay.process.returncode == 0, relay.log_text()[-2000:])
    for hop in hops.values():
        hop.end()


# --- hostile clients ---

def certificate():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10",
                    "-subj", "/CN=old.example.com", "-keyout", path("key.pem"), "-out", path("cert.pem")],
                   check=True, capture_output=True)
    return 'tls "default" { certificate = "%s" key = "%s" }\n' % (path("cert.pem"), path("key.pem"))


def read_reply(connection):
    data = b""
    while not (data.endswith(b"\n") and data.splitlines()[-1][3:4] == b" "):
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def opened(port, *commands):
    connection = socket.create_connection(("127.0.0.1", port), 30)
    read_reply(connection)
    for command in commands:
        connection.sendall(command)
        read_reply(connection)
    return connection


def flood(port, *how):
    """Comes again when it is thrown out, until the time is over: how often, bytes sent, the last that was said."""
    end, n, n_sent, told = time.monotonic() + FLOOD_S, 0, 0, b""
    while time.monotonic() < end:
        sent, said = flood_once(port, end, *how)
        n, n_sent, told = n + 1, n_sent + sent, said if b"421" in said or not told else told
    return n, n_sent, told


def flood_once(port, end, opening, bytes_, reads=True):
    connection = opened(port, *opening)
    connection.settimeout(0.5)
    n_sent, said = 0, b""
    try:
        while time.monotonic() < end:
            try:
                n_sent += connection.send(bytes_)
            except (TimeoutError, BlockingIOError):
                if not reads:
                    time.sleep(0.1)
            if reads:
                connection.settimeout(0.001)
                try:
                    piece = connection.recv(65536)
                    said = (said + piece)[-300:]
                    if not piece:
                        break
                except (TimeoutError, BlockingIOError):
                    pass
                connection.settimeout(0.5)
    except OSError:
        pass
    connection.close()
    return n_sent, said


EHLO_C = (b"EHLO client.example.org\r\n",)
ENVELOPE = EHLO_C + (b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<bob@example.com>\r\n")
FLOODS = {
    "a line without end": (EHLO_C, b"x" * 60000, True),
    "a header without end": (ENVELOPE + (b"DATA\r\n",), b"X-Field: and so on\r\n" * 3000, True),
    "a header field without end": (ENVELOPE + (b"DATA\r\n",), b"X-Field: and so on\r\n " + b"y" * 60000, True),
    "a mail without end": (ENVELOPE + (b"DATA\r\nSubject: x\r\n\r\n",), b"and so on\r\n" * 6000, True),
    "RSET without end": (EHLO_C, b"RSET\r\n" * 8000, True),
    "NOOP without end": (EHLO_C, b"NOOP\r\n" * 8000, True),
    "EHLO without end": ((), b"EHLO client.example.org\r\n" * 2000, True),
    "MAIL and RSET without end": (EHLO_C, b"MAIL FROM:<a@example.org>\r\nRSET\r\n" * 1000, True),
    "RCPT without end": (ENVELOPE[:2], b"".join(b"RCPT TO:<user%d@example.com>\r\n" % i for i in range(2000)), True),
    "empty chunks without end": (ENVELOPE, b"BDAT 0\r\n" * 8000, True),
    "chunks of a byte without end": (ENVELOPE, b"BDAT 1\r\nx" * 6000, True),
    "NOOP without end, and no reply is read": (EHLO_C, b"NOOP\r\n" * 8000, False),
}


def hostile_clients(tap):
    """Floods and half-open handshakes"""
    fine = Hop(good)
    relay = world.Relay('"127.0.0.1:%d"' % fine.port, name="front", extra=certificate() + """
listen "smtps" { address = { "127.0.0.1:%d" } tls = implicit command-timeout = 6s max-connections = 9100 max-connections-per-address = 9100 }
""" % (tls_port := world.free_port()), listen_extra="command-timeout = 4s data-timeout = 4s max-message = 2M").start()
    before = rss_mb(relay)
    slowest = most = n = 0
    with concurrent.futures.ProcessPoolExecutor(len(FLOODS), multiprocessing.get_context("fork")) as pool:
        running = {name: pool.submit(flood, relay.port, *how) for name, how in FLOODS.items()}
        while not all(future.done() for future in running.values()):
            n += 1
            began = time.monotonic()
            world.send(relay.port, world.message("beside.%d" % n))
            slowest = max(slowest, time.monotonic() - began)
            most = max(most, rss_mb(relay))
            time.sleep(0.05)
        results = {name: future.result() for name, future in running.items()}
    for name, (n_times, n_sent, said) in results.items():
        print("# figure: %s: %.1f MB in %d sessions, the end of one was %r" % (name, n_sent / 1e6, n_times, said[-60:]))
    print("# figure: beside %d floods the slowest of %d mails took %.0f ms; memory grew from %.1f to %.1f MB"
          % (len(FLOODS), n, slowest * 1000, before, most))
    tap("floods of clients: others are served meanwhile", slowest < 3, slowest)
    tap("floods of clients: memory stays bounded", most - before < 48, (before, most))
    ended = [name for name, (_, _, said) in results.items() if b"421" in said or b"500" in said or b"55" in said]
    # Chunks of a byte are a mail, up to max-message; RCPT is answered eleven thousand times; who does not read is not told.
    tap("who floods is told so", set(FLOODS) - set(ended) <= {"chunks of a byte without end", "RCPT without end",
                                                              "NOOP without end, and no reply is read"},
        sorted(set(FLOODS) - set(ended)))
    world.wait_for("what was taken is delivered", lambda: relay.queue_size() == 0, 20)
    tap("what was taken is delivered", len(fine.mails) >= n, (len(fine.mails), n))
    half_open(tap, relay, tls_port)


def half_open(tap, relay, port):
    """9,000 TLS handshakes that stop behind half a ClientHello."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname="old.example.com").do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    before = rss_mb(relay)
    began = time.monotonic()
    connections = []
    for i in range(N_HALF_OPEN):
        connection = socket.create_connection(("127.0.0.1", port), 30)
        connection.sendall(hello[:len(hello) // 2])
        connections.append(connection)
    took = time.monotonic() - began
    most = rss_mb(relay)
    one = time.monotonic()
    world.send(relay.port, world.message("beside.handshakes"))
    one = time.monotonic() - one
    print("# figure: %d half handshakes in %.1f s took %.1f KB each; a mail beside them %.0f ms"
          % (N_HALF_OPEN, took, (most - before) * MB / N_HALF_OPEN, one * 1000))
    tap("half handshakes: others are served meanwhile", one < 3, one)
    tap("half handshakes: each costs little", (most - before) * MB / N_HALF_OPEN < 64, (before, most))
    world.wait_for("they are let go", lambda: [row["listener"]["sessions"] for row in relay.ctl("status")
                                               if "listener" in row and row["listener"]["name"] == "smtps"] == [0], 30)
    print("# figure: the last of them was let go %.1f s after the first came" % (time.monotonic() - began))
    tap("half handshakes: they end in time", time.monotonic() - began < 6 + took + 10)
    for connection in connections:
        connection.close()


# --- a machine that fails ---

def mount(where, *words):
    os.makedirs(where, exist_ok=True)
    subprocess.run(["mount", *words, where], check=True)


def unmount(where):
    subprocess.run(["umount", "-l", where], check=True)


def try_to_send(port, subject, body="Hello.\r\n"):
    try:
        world.send(port, world.message(subject, body=body))
        return 250
    except AssertionError as refusal:
        return refusal.args[0][0]


def full_disk(tap):
    """The spool's disk fills up, and has room again"""
    fine = Hop(good)
    relay = world.Relay('"127.0.0.1:%d"' % fine.port, name="full",
                        extra="spool-reserve = 32M\nretry { first = 1s max = 2s }\n")
    mount(relay.spool, "-t", "tmpfs", "-o", "size=400M,mode=700", "none")
    try:
        relay.start()
        fine.serve = lambda hop, connection, number: None
        taken = [n for n in range(30) if try_to_send(relay.port, "first.%d" % n) == 250]
        tap("a disk with room: mail is taken", len(taken) == 30, taken)
        with open(relay.spool + "/others", "wb") as filler:
            try:
                while filler.write(b"\0" * 65536):
                    pass
            except OSError:
                pass
        began = time.monotonic()
        code = world.wait_for("new mail is refused", lambda: [c for c in [try_to_send(relay.port, "second")] if c != 250], 20)
        tap("a full disk: new mail gets 452", code == [452], code)
        n_before = len(fine.mails)
        fine.serve = good
        world.wait_for("what waits goes out", lambda: len({m.split(b"Subject: ")[1].split(b"\r")[0] for m in fine.mails
                                                           if b"first" in m}) == 30, 20)
        tap("a full disk: what was taken goes out all the same", True, n_before)
        os.unlink(relay.spool + "/others")
        world.wait_for("mail is taken again", lambda: try_to_send(relay.port, "third") == 250, 20)
        print("# figure: full, drained and in use again within %.1f s" % (time.monotonic() - began))
        tap("with room again mail is taken, by itself", True)
    finally:
        relay.stop()
        unmount(relay.spool)


def read_only(tap):
    """The spool's file system goes read-only under load, as after an I/O error"""
    fine = Hop(lambda hop, connection, number: None)
    relay = world.Relay('"127.0.0.1:%d"' % fine.port, name="aborted", extra="spool-reserve = 32M\nretry { first = 1s max = 2s }\n")
    image = path("image")
    with open(image, "wb") as out:
        out.truncate(700 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    mount(relay.spool, "-o", "loop,errors=remount-ro", image)
    try:
        relay.start()
        taken = [n for n in range(40) if try_to_send(relay.port, "kept.%d" % n) == 250]
        subprocess.run(["mount", "-o", "remount,abort", relay.spool], check=True)
        codes = {try_to_send(relay.port, "not.%d" % n) for n in range(5)}
        tap("a spool that went read-only: new mail gets 451 or 452", codes <= {451, 452}, codes)
        tap("and the daemon goes on", relay.alive())
        fine.serve = good
        world.wait_for("what waits goes out", lambda: len(fine.mails) >= 10, 20)
        tap("what was taken goes out from it", True)
        relay.kill()
        unmount(relay.spool)
        mount(relay.spool, "-o", "loop,errors=remount-ro", image)
        relay.start()
        world.wait_for("the queue is empty", lambda: relay.queue_size() == 0, 30)
        got = {m.split(b"Subject: ")[1].split(b"\r")[0].decode() for m in fine.mails}
        missing = {"kept.%d" % n for n in taken} - got
        print("# figure: %d of 40 were taken before, %d deliveries of them in all" % (len(taken), len(fine.mails)))
        tap("nothing that got a 250 is lost", len(taken) == 40 and not missing, missing)
        tap("nothing that got none is there", not {s for s in got if s.startswith("not.")}, got)
    finally:
        relay.stop()
        unmount(relay.spool)


def log_that_blocks(tap):
    """A log that nobody reads, and one on a full disk"""
    fine = Hop(good)
    fifo = path("fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)     # holds it open, and never reads
    for name, to in (("a log that nobody reads", fifo), ("a log on a full disk", "/dev/full")):
        relay = world.Relay('"127.0.0.1:%d"' % fine.port, name=name.replace(" ", "."),
                            extra='log { to = "%s" level = debug }\n' % to).start()
        before, slowest = rss_mb(relay), 0
        fine.mails.clear()
        for n in range(400):
            began = time.monotonic()
            world.send(relay.port, world.message("logged.%d" % n))
            slowest = max(slowest, time.monotonic() - began)
        world.wait_for("all are delivered", lambda: len(fine.mails) >= 400, 30)
        grown = rss_mb(relay) - before
        print("# figure: %s: the slowest of 400 mails took %.0f ms, memory grew by %.1f MB" % (name, slowest * 1000, grown))
        tap("%s: mail goes through all the same" % name, slowest < 3 and grown < 24, (slowest, grown))
        began = time.monotonic()
        relay.process.terminate()
        if to == fifo:
            time.sleep(0.5)
            os.close(reader)        # nobody will
        relay.process.wait(60)
        tap("%s: it can be stopped" % name, time.monotonic() - began < 30)


world.Tap().run(hostile_next_hops, hostile_online, hostile_clients, full_disk, read_only, log_that_blocks)
