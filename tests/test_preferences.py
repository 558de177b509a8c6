"""What users want of calls in is kept, and asked at each call."""

from pathlib import Path

import pytest

from gateway.errors import PeerError, StoreError
from gateway.policy.preference import UNSAID, Preference
from gateway.policy.rules import PolicySettings
from gateway.policy.screening import Caller
from gateway.preferences import Preferences
from gateway.store.database import Database

ROMEO = "romeo@montague.example"
WANTED = Preference(blocked=("+1900*", "\"'; DROP TABLE preferences"), anonymous=False, do_not_disturb=True)


@pytest.mark.parametrize("wanted", [WANTED, Preference(missed_calls=True), Preference(anonymous=True)])
async def test_what_is_wanted_is_known_after_a_restart(tmp_path: Path, wanted: Preference) -> None:
    for turn in range(2):
        database = Database(tmp_path / "store.sqlite")
        await database.open()
        known = Preferences(database, PolicySettings())
        await known.start()
        if turn:
            assert known.of(ROMEO) == wanted
            await known.put(ROMEO, UNSAID)
            assert await database.read(lambda it: it.execute("SELECT count(*) FROM preferences").fetchone()) == (0,)
        else:
            assert known.of(ROMEO) == UNSAID
            await known.put(ROMEO, wanted)
        await database.close()


async def test_what_cannot_be_kept_is_not_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite")
    await database.open()
    known = Preferences(database, PolicySettings())
    await known.start()
    await database.close()
    with pytest.raises(StoreError):
        await known.put(ROMEO, WANTED)
    assert known.of(ROMEO) == UNSAID


async def test_a_caller_is_held_against_what_the_user_wants() -> None:
    database = Database(None)
    await database.open()
    known = Preferences(database, PolicySettings())
    await known.start()
    known.screen(Caller("+1900555"), ROMEO)
    await known.put(ROMEO, Preference(blocked=("+1900*",)))
    with pytest.raises(PeerError):
        known.screen(Caller("+1900555"), ROMEO)
    known.screen(Caller("+1900555"), "juliet@capulet.example")
    await database.close()
