"""What the ledger holds: jobs, their rows, and who works on them. Plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["campaign", "import"]
# planning: its audience is still being read, or the reading was cut off; nothing can be sent.
JobState = Literal["planning", "planned", "running", "stopped", "done"]
# left_out: not part of the job, for a reason. planned: nothing was sent. claimed: a worker is sending it now.
# in_doubt: it may have been sent. The head count is all but left_out.
RowState = Literal["left_out", "planned", "claimed", "accepted", "rejected", "in_doubt"]
COUNTED = ("planned", "claimed", "accepted", "rejected", "in_doubt")
# States in which a person has a message, or may have it: no other job may send it, too.
TAKEN = ("claimed", "accepted", "in_doubt")
# Whoever sends a row knows what its answer says, even if others have given up on the sender meanwhile: then a
# look may have missed the message, or a person may want it sent again.
BY_SENDER: Mapping[str, tuple[RowState, ...]] = {
    "accepted": ("claimed", "in_doubt", "rejected", "planned"),
    "rejected": ("claimed", "in_doubt"),
    "in_doubt": ("claimed",),
    "planned": ("claimed", "in_doubt"),  # nothing left this machine
}
BY_LOOK: Mapping[str, tuple[RowState, ...]] = {"accepted": ("in_doubt",), "rejected": ("in_doubt",)}

BEAT_SECONDS = 5.0
GONE_SECONDS = 30.0  # without a beat; then another worker takes over
# A request leaves within this time of its claim, or never: whoever is given up sends nothing any more.
LEAVES_SECONDS = 25.0

NOT_SEEN = "not_seen"  # the reason of a rejected row: a look did not find it
ALREADY_SENT = "already_sent"  # another job, or the journal, has sent this message, or may have


class Job(NamedTuple):
    """A plan, and how far it is. `plan` never changes: what its script made of the arguments."""

    id: int
    name: str
    kind: Kind
    state: JobState
    content: str  # the digest of the arguments and files that the plan was made from
    plan: dict[str, Any]
    summary: dict[str, Any]  # `data` of the document that the person said yes to
    digest: str  # of all rows; with the head count, it is the value to confirm
    head_count: int
    planned_at: float
    started_at: float | None
    ended_at: float | None
    problem: str  # why it stopped by itself; "" if it did not

    @property
    def confirm(self) -> str:
        return f"{self.head_count}-{self.digest[:8]}"


class Row(NamedTuple):
    """One person of a job."""

    position: int
    chunk: int
    receiver: str  # the number, or id, as the audience has it
    person: str  # all spellings of a number are one person (contract/numbers.py)
    name: str
    content: dict[str, Any]  # campaign: {"customParams": [...]}; import: {"action", "name", "customParams"}
    zone: str  # of the quiet hours: IANA names that all have to allow it, with commas; "" = no quiet hours
    state: RowState
    reason: str = ""  # of left_out and rejected: a code, such as opted_out or 131026
    detail: str = ""  # of rejected: WATI's words
    answered: str = ""  # the number that the answer gave
    message_id: str = ""  # WATI's localMessageId
    send: int | None = None  # its number in the journal
    settled_at: float | None = None
    claim: int = 0  # how often it was claimed
    claimed_at: float | None = None  # the last time
    again: bool = False  # a person wants it sent once more


class Settled(NamedTuple):
    """What became of a claimed row. `claim`: that of the row; None = the worker's own last one."""

    position: int
    state: RowState
    reason: str = ""
    detail: str = ""
    answered: str = ""
    message_id: str = ""
    send: int | None = None
    claim: int | None = None


class Worker(NamedTuple):
    """A process that works on jobs."""

    id: int
    name: str  # unique, such as host-pid-random; the engine's executor id
    beats: int
    seen_at: float  # by the database's clock
    state: Literal["working", "ended", "gone"]
