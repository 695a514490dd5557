"""Takes in all that a marking starts from, so that a slip ends it before it has begun."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from marking.deadlines import Deadlines
from marking.handing_back import known_names
from marking.manual import Manual, read_manual
from marking.participants import Participants, join, read_participants
from marking.platforms import from_folder, from_zip
from marking.pseudonyms import pseudonym, read_key
from marking.reading import HandedIn
from marking.store import key_of, printable


@dataclass(frozen=True)
class TakenIn:
    """What was handed in and by whom, and what holds for it."""

    folder: Path
    handed: list[HandedIn]
    listed: Participants | None
    deadlines: Deadlines
    manual: Manual
    # From each way in which a student may be written to the student's own name.
    names: dict[str, str]
    # How students are called where those look who mark.
    shown: Callable[[str], str]
    problems: list[str]

    def key(self, one: HandedIn) -> str:
        """What a file is called in the results."""
        return key_of(one.path, self.folder)


def take_in(
    submissions: Path,
    results: Path,
    deadlines: Deadlines,
    participants: Path | None = None,
    pseudonyms: bool = False,
) -> TakenIn:
    """Read a folder or a platform's zip, and all that belongs to it."""
    listed = read_participants(participants) if participants else None
    if submissions.is_dir():
        download = from_folder(submissions)
    else:
        download = from_zip(submissions, results / "unpacked")
    handed, problems = download.handed, list(download.problems)
    if listed:
        handed, unknown = join(handed, listed)
        problems += unknown
    # As results call them, so that what is given by hand finds them.
    handed = [replace(one, student=printable(one.student)) for one in handed]
    shown = _shown(results) if pseudonyms else str
    names = known_names(handed, listed, shown)
    return TakenIn(
        folder=download.folder,
        handed=handed,
        listed=listed,
        deadlines=deadlines,
        manual=read_manual(results / "manual.csv", names),
        names=names,
        shown=shown,
        problems=problems + deadlines.unknown(handed),
    )


def _shown(results: Path) -> Callable[[str], str]:
    key = read_key(results / "pseudonyms.key")
    return lambda student: pseudonym(student, key)
