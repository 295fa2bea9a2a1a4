"""One module for each container; each gives the columns it fills."""

from benchmarks.conformance.adapters import dishka, fastapi, lifescope, svcs, wireup
from benchmarks.conformance.protocol import Peer

PEERS: dict[str, Peer] = {
    peer.column: peer
    for peer in (
        lifescope.LifescopePeer(),
        dishka.DishkaPeer(),
        dishka.DishkaPeer(opted_in=True),
        wireup.WireupPeer(),
        wireup.WireupPeer(opted_in=True),
        svcs.SvcsPeer(),
        svcs.SvcsPeer(opted_in=True),
        fastapi.FastAPIPeer(),
    )
}
"""The columns, in their order."""
