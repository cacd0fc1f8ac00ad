"""standing.py - a peer that serves, with all that it needs and its load, for as long as it is measured"""
import contextlib

import stage
from load import Load
from nameserver import Names
from peers import PEERS, Scene


@contextlib.contextmanager
def standing(name, options, workload, secrets, mails=None):
    """Of this name, started anew in an empty directory: its load, the peer, its scene."""
    directory = stage.directory(options)
    try:
        names = Names(options, directory, secrets.dkim.record)        # answers at once: the DNS is no part of what is measured
        scene = Scene(directory, options, workload, secrets, names)
        load = Load(options, workload, mails if workload.is_signed else None, directory, secrets.tls.path)
        peer = PEERS[name](scene)
        peer.start()
        yield load, peer, scene
    finally:
        stage.end_all()
        stage.bury_orphans()
