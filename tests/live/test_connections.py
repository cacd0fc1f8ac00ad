#!/usr/bin/python3
"""9,000 open connections on one loop: each costs little, slow ones cost what they sent, and the next client is served."""
import resource
import socket
import time

import world

N = 9000
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
sink = world.Postfix("new").start()
# Below nine tenths of the limit nobody is hurried (smtpfwd.conf(5), max-connections).
relay = world.Relay('"127.0.0.1:%d"' % sink.port, listen_extra="max-connections = 11000 max-connections-per-address = 9100").start()


def rss_kb():
    with open("/proc/%d/status" % relay.process.pid) as status:
        return int([line for line in status if line.startswith("VmRSS")][0].split()[1])


def read_until(connection, code):
    data = b""
    while not (data.endswith(b"\r\n") and data.splitlines()[-1][:4] == code + b" "):
        piece = connection.recv(4096)
        assert piece, data
        data += piece
    return data


def many(tap):
    """Idle, half a command, half a mail"""
    before = rss_kb()
    connections = []
    for i in range(N):
        connection = socket.create_connection(("127.0.0.1", relay.port), 30)
        connections.append(connection)
        if i % 200 == 199:
            for c in connections[-200:]:
                read_until(c, b"220")
                c.sendall(b"EHLO client.example.org\r\n")
            for c in connections[-200:]:
                read_until(c, b"250")
    idle = rss_kb()
    tap("%d sessions after EHLO take %.1f KB each" % (N, (idle - before) / N), (idle - before) / N < 16,
        (before, idle))
    slowest = 0
    for piece in (b"NO", b"OP", b" x", b"\r\n"):
        for c in connections:
            c.sendall(piece)
        began = time.monotonic()
        world.send(relay.port, world.message("beside.%r" % piece))
        slowest = max(slowest, time.monotonic() - began)
    for c in connections:
        read_until(c, b"250")
    trickling = rss_kb()
    print("# %d commands in four pieces each: the slowest of four mails beside them took %.0f ms" % (N, slowest * 1000))
    tap("commands that trickle in leave nothing behind: %.1f KB each" % ((trickling - idle) / N), (trickling - idle) / N < 4,
        (idle, trickling))
    for c in connections[:3000]:
        c.sendall(b"MAIL FROM:<a@examp")
    for c in connections[3000:4000]:
        c.sendall(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n")
    for c in connections[3000:4000]:
        read_until(c, b"354")
        c.sendall(b"Subject: half\r\n\r\nhalf a li")
    time.sleep(1)
    slow = rss_kb()
    tap("3,000 half commands and 1,000 half mails more take %.1f KB each" % ((slow - idle) / 4000),
        (slow - idle) / 4000 < 32, (idle, slow))
    began = time.monotonic()
    world.send(relay.port, world.message("beside.them"))
    print("# a mail beside them took %.0f ms" % ((time.monotonic() - began) * 1000))
    world.wait_for("it arrives", lambda: any(b"beside.them" in m for m in sink.mails()))
    tap("a mail beside them goes through", True)
    for c in connections[3000:3100]:
        c.sendall(b"ne\r\n.\r\n")
    for c in connections[3000:3100]:
        read_until(c, b"250")
    tap("a slow mail that goes on is taken", True)
    for c in connections:
        c.close()
    world.wait_for("all have gone", lambda: [row["listener"]["sessions"] for row in relay.ctl("status") if "listener" in row] == [0])
    tap("all sessions end with their connections", True)


def limits(tap):
    """More than the limit is told so"""
    small = world.Relay('"127.0.0.1:%d"' % sink.port, name="small", listen_extra="max-connections = 12 max-connections-per-address = 10").start()
    held = [socket.create_connection(("127.0.0.1", small.port), 30) for _ in range(10)]
    greetings = [c.recv(100)[:3] for c in held]
    one_more = socket.create_connection(("127.0.0.1", small.port), 30)
    refusal = one_more.recv(200)
    tap("ten of one address are served, the next gets 421", greetings == [b"220"] * 10 and refusal.startswith(b"421 4."), (greetings, refusal))


world.Tap().run(many, limits)
