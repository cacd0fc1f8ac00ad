"""milter_client.py - the mail server's side of the milter protocol, by asyncio: for many sessions at once, and for what no Postfix would say"""
import asyncio
import struct

STEPS = 0x1fffff                # all that there are
ACTIONS = 0x1ff
NO_REPLY_HEADER, NO_REPLY_HELO, NO_REPLY_RCPT, NO_REPLY_EOH = 0x80, 0x2000, 0x8000, 0x40000


class Session:
    """One connection, to a port of loopback or the path of a unix socket; a client at an address says HELO."""

    async def open(self, port, actions=ACTIONS, steps=STEPS):
        to = asyncio.open_unix_connection(port) if isinstance(port, str) else asyncio.open_connection("127.0.0.1", port)
        self.reader, self.writer = await to
        code, data = await self.ask(b"O", struct.pack(">III", 6, actions, steps))
        assert code == b"O", (code, data)
        self.version, self.actions, self.steps = struct.unpack(">III", data[:12])
        return self

    def put(self, code, data=b""):
        self.writer.write(struct.pack(">I", len(data) + 1) + code + data)

    async def take(self):
        length, = struct.unpack(">I", await self.reader.readexactly(4))
        packet = await self.reader.readexactly(length)
        return packet[:1], packet[1:]

    async def ask(self, code, data=b""):
        self.put(code, data)
        return await self.take()

    def macros(self, stage, **values):
        self.put(b"D", stage + b"".join(b"%s\0%s\0" % (("{%s}" % k if len(k) > 1 else k).encode(), v.encode()) for k, v in values.items()))

    def greet(self, client="192.0.2.77", helo="client.example.org", **macros):
        self.macros(b"C", j="mx.example.net", client_addr=client, client_name="unknown", client_resolve="FAIL", **macros)
        self.macros(b"H")
        self.put(b"H", helo.encode() + b"\0")

    async def mail(self, sender, recipients, fields, body, chunk=65535):
        """(code, data) of the end, and the changes before it; of MAIL if that was refused."""
        self.macros(b"M")
        code, data = await self.ask(b"M", b"<%s>\0" % sender.encode())
        if code != b"c":
            return code, data, []
        for recipient in recipients:
            self.macros(b"R", i="4XQ")
            self.put(b"R", b"<%s>\0" % recipient.encode())
        for name, value in fields:
            self.put(b"L", name + b"\0" + value + b"\0")
        self.put(b"N")
        for at in range(0, len(body), chunk):
            code, data = await self.ask(b"B", body[at:at + chunk])
            if code != b"c":
                break
        if code not in (b"c", b"s"):
            return code, data, []
        self.macros(b"E", i="4XQ")
        self.put(b"E")
        changes = []
        while True:
            code, data = await self.take()
            if code in (b"c", b"a", b"r", b"t", b"y", b"d"):
                return code, data, changes
            changes.append((code, data))

    async def close(self):
        self.put(b"Q")
        self.writer.close()
