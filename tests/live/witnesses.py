"""witnesses.py - what a mail server tells others of its clients: a policy service, a milter and an SPF checker behind it"""
import socketserver
import struct
import subprocess
import threading

import world


class Server:
    def __init__(self, handle):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    handle(self)
                except (OSError, struct.error):
                    pass

        class Threads(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads = True, True

        self.server = Threads(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        world.ENDERS.append(self.server.shutdown)


class Policy(Server):
    """Keeps the attributes of each request (Postfix's SMTPD_POLICY_README), and refuses nothing."""

    def __init__(self):
        self.asked = []
        super().__init__(self.answer)

    def answer(self, session):
        attributes = {}
        for line in session.rfile:
            name, _, value = line.decode().rstrip("\n").partition("=")
            if name:
                attributes[name] = value
                continue
            self.asked.append(attributes)
            attributes = {}
            session.wfile.write(b"action=DUNNO\n\n")


class Milter(Server):
    """Keeps what a milter is told of the connection and of HELO, by the protocol of sendmail's libmilter."""

    def __init__(self):
        self.told = []
        super().__init__(self.answer)

    def answer(self, session):
        told = {}
        while True:
            (length,) = struct.unpack(">I", session.rfile.read(4))
            packet = session.rfile.read(length)
            command, rest = packet[:1], packet[1:]
            if command == b"O":
                session.wfile.write(struct.pack(">Ic3I", 13, b"O", 6, 0, 0))
                continue
            if command in (b"Q", b"D", b"K", b"A"):
                if command == b"Q":
                    return
                continue
            if command == b"C":
                name, _, address = rest.partition(b"\0")
                told = {"name": name.decode()}
                if address[:1] in (b"4", b"6"):
                    told["port"] = struct.unpack(">H", address[1:3])[0]
                    told["address"] = address[3:].rstrip(b"\0").decode()
            elif command == b"H":
                told["helo"] = rest.rstrip(b"\0").decode()
            elif command == b"M":
                self.told.append(dict(told))
            session.wfile.write(struct.pack(">Ic", 1, b"c"))


class SpfPolicy(Server):
    """postfix-policyd-spf-python, a process for each of the server's connections; it asks the name server of resolv.conf."""

    def __init__(self):
        self.config = world.WORK + "/policyd-spf.conf"
        with open(self.config, "w") as out:
            out.write("debugLevel = 1\nHELO_reject = False\nMail_From_reject = False\nPermError_reject = False\n"
                      "TempError_Defer = False\nskip_addresses = 127.0.0.0/8\n")
        super().__init__(self.answer)

    def answer(self, session):
        subprocess.run(["policyd-spf", self.config], stdin=session.connection, stdout=session.connection, check=False)
