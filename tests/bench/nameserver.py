"""nameserver.py - the DNS of a measurement (names.c)"""
import json
import subprocess

from stage import ENDERS, Failed


class Names:
    """Every selector's key is `record`; answers come after a delay."""

    def __init__(self, options, directory, record, delay_ms=0):
        with open(directory + "/record", "w") as out:
            out.write(record + "\n")
        self.process = subprocess.Popen([options.build + "/tests/bench/names", "--delay-ms", str(delay_ms)], stdin=open(directory + "/record"),
                                        stdout=subprocess.PIPE, text=True)
        ENDERS.append(self.end)
        word = self.process.stdout.readline().split()
        if word[:1] != ["ready"]:
            raise Failed("no name server")
        self.port = int(word[1])

    def end(self):
        """What it counted: "asked", "dropped", and by how much the latest answer was late, "latest_ms"."""
        if self.process.poll() is None:
            self.process.terminate()
            return json.loads(self.process.communicate(timeout=10)[0].splitlines()[-1])
        return None
