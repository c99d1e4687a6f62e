"""Filing stories share the cast and nobody's keys: nothing leaves the house here, except where a story signs."""

from tests.exchange.conftest import committed, peer, signers

__all__ = ["committed", "peer", "signers"]
