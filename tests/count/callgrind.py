"""callgrind.py - what callgrind wrote down, told apart into the relay's and what only the simulated world takes

A function's own instructions are the relay's if it does not stand in tests/.  Of base/ and the libraries that holds for what
others than tests/ ask of them: what tests/ asks of them directly is the world's.  (No such call changes the fiber, so what
callgrind says of it is exact; of calls that do it is not.)  The runtime is the relay's altogether, though peers read and write
by it too.
"""
import collections
import functools
import os

WORLD, BASE, RELAY, LIBRARY = "world", "base", "relay", "library"
CALLS_DEEP = 20		# of base/ and libraries into each other; only the list of functions is by it


@functools.lru_cache(maxsize=None)
def in_tree(path, top):
    """The file's name below top; None for what is not ours."""
    parts = os.path.normpath(path).strip("/").split("/")
    for i in range(len(parts) - 1):
        name = "/".join(parts[i:])
        if os.path.isfile(os.path.join(top, name)):
            return name
    return None


def owner_of(place):
    return {"tests": WORLD, "base": BASE}.get(place.split("/")[0], RELAY) if "/" in place else LIBRARY


class Dump:
    def __init__(self):
        self.trigger = None		# the name that the program gave it
        self.total = self.world = 0
        self.functions = collections.Counter()	# own instructions, by place (a file of the tree, or a library) and name
        self.calls = collections.Counter()	# by caller and called: with all that is called in turn
        self.n_mails = 1

    def add(self, place, function, n):
        self.total += n
        self.functions[place, function] += n
        if owner_of(place) == WORLD:
            self.world += n

    def add_call(self, caller, called, n):
        self.calls[caller, called] += n
        if owner_of(caller[0]) == WORLD and owner_of(called[0]) in (BASE, LIBRARY):
            self.world += n

    @property
    def relay(self):
        return round((self.total - self.world) / self.n_mails)

    def shares(self):
        """What part of a function's own instructions is the relay's: as that of its callers, weighed by what they have it do."""
        share = {key: float(owner_of(key[0]) != WORLD) for key in self.functions}
        shared = [key for key in share if owner_of(key[0]) in (BASE, LIBRARY)]
        callers = collections.defaultdict(list)
        for (caller, called), n in self.calls.items():
            if n > 0 and caller in share:
                callers[called].append((caller, n))
        for _ in range(CALLS_DEEP):
            for key in shared:
                if callers[key]:
                    share[key] = sum(share[caller] * n for caller, n in callers[key]) / sum(n for _, n in callers[key])
        return share

    def tell(self, n):
        """Lines; what a function takes itself."""
        if n == 0:
            return
        share = self.shares()
        relays = collections.Counter({key: own * share[key] for key, own in self.functions.items()})
        yield "the world beside it: %d" % round(self.world / self.n_mails)
        for (place, function), own in relays.most_common(n):
            yield "%8d %5.1f %%  %s  %s" % (own / self.n_mails, 100 * own / (self.total - self.world), function, place)


def read(path, top):
    """One dump, written with --compress-strings=no --compress-pos=no; insists that nothing is left out of the sum."""
    dump = Dump()
    summed = None
    at = {"ob": "", "fl": "", "fn": ""}		# the function at hand, fi the file of its lines
    called = {}		# what is said of the one that it calls; else it is where the lines are
    place = called_place = None
    is_call = False

    def place_of(path, library):
        return in_tree(path, top) or os.path.basename(library)

    with open(path, errors="replace") as lines:
        for line in lines:
            word, _, rest = line.rstrip("\n").partition("=")
            if word in ("ob", "fl", "fn"):
                at[word] = rest
                at["fi"] = at["fl"]
                place = place_of(at["fl"], at["ob"])
            elif word in ("fi", "fe"):
                at["fi"] = rest
            elif word in ("cob", "cfi", "cfl"):
                called[word[:2]] = rest
            elif word == "cfn":
                called_place = place_of(called.get("cf", at["fi"]), called.get("co", at["ob"]))
                called = {"name": rest}
            elif word == "calls":
                is_call = True
            elif line[:1].isdigit():
                n = int((line.split() + ["0"])[1])	# a zero is left away
                if is_call:
                    dump.add_call((place, at["fn"]), (called_place, called["name"]), n)
                    is_call = False
                else:
                    dump.add(place, at["fn"], n)
            elif line.startswith("desc: Trigger: Client Request: "):
                dump.trigger = line.split(": ", 3)[3].strip()
            elif line.startswith(("summary:", "totals:")):
                summed = int(line.split()[1])
    assert dump.total == summed, "%s: %d instructions, and it says %s" % (path, dump.total, summed)
    return dump
