"""The XMPP servers that there are on this machine, as parameters of a test."""

import pytest

from tests.peers import ejabberd
from tests.peers.ejabberd import Ejabberd
from tests.peers.prosody import Prosody

_NO_EJABBERD = pytest.mark.skipif(not ejabberd.installed(), reason="ejabberd is not installed")

SERVERS = [pytest.param(Prosody, id="prosody"), pytest.param(Ejabberd, id="ejabberd", marks=_NO_EJABBERD)]
