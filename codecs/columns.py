"""What the numbers mean that the compiled loop is told by: its tables with their columns, and the codes in them."""

from typing import Any, NamedTuple

Array = Any  # of numpy; `kernel.SIGNATURE` has their types


class Runs(NamedTuple):
    """Datums to be read: a run is some that stand back to back, of one writer.

    Attributes:
        data: uint8, in which they stand.
        which: uint16[n], the writer of each run.
        begins: int64[n], where each run begins in `data`.
        ends: int64[n], where it ends.
        counts: int64[n], how many datums it has; empty where all have one.
        row_of: int64[writers], the row of each writer.
    """

    data: Array
    which: Array
    begins: Array
    ends: Array
    counts: Array
    row_of: Array


class Rows(NamedTuple):
    """What is known of writers; see `tables`.

    Attributes:
        rows: int64[n, ROW], a row for each writer.
        fields: int64[…, FIELD], the fields of each row, in the writer's order.
        blob: uint8, pieces of messages; `STEP` bytes behind each of them can be read.
        seeds: uint64[n], of the deduplication ids of each row.
    """

    rows: Array
    fields: Array
    blob: Array
    seeds: Array


class Made(NamedTuple):
    """What becomes of datums.

    Attributes:
        bodies: uint8, messages, a comma behind each.
        ends: int64, where each ends, its comma included.
        ids: uint64, the deduplication id of each.
        slow: int64[…, HANDED], datums for the caller.
        tally: int64[writers, TALLY], is raised by the datums that were read or counted, by those of anonymous users among them, and by the messages.
        state: int64[6], where to go on, and how much was made.
        seen: int64[SECTIONS, SEEN], what the envelope of the datum at hand is.
        drafts: uint8, what each section of its message is; each has an equal part of this.
        drafted: int64[DRAFTED], where each draft ends.
    """

    bodies: Array
    ends: Array
    ids: Array
    slow: Array
    tally: Array
    state: Array
    seen: Array
    drafts: Array
    drafted: Array


# Kinds of values, four bits each. A field's `kinds` holds those of its branches, the first lowest.
NULL, TEXT, WHOLE, TRUTH, TEXTS, DOUBLE, FLOAT = range(7)

# Where a field goes: a section of the message, or of its envelope, or nowhere. Each has an equal part of `drafts`.
TRAITS, DEVICE, PROPERTIES, ID, EXTERNAL, USER, TIME, UNSENT, SECTIONS = range(9)

# Behind the sections in `drafted`: why the datum is for the caller, and why it is if it is to be sent; or -1.
WHY, LATE, DRAFTED = range(SECTIONS, SECTIONS + 3)

# Columns of `fields`: twice the branches of a union (0: it is none), their kinds, where the field goes, and its key: where it begins in `blob`, and its size.
# Behind the key stands a quotation mark, for a text.
BRANCHES, KINDS, SECTION, KEY, KEY_SIZE, FIELD = range(6)

# Columns of `seen`: the kind of a part of the envelope; its value, or where it begins in the data; its size.
KIND, AT, SIZE_OF, SEEN = range(4)

# Columns of `rows`. Pieces stand back to back in `blob`, so that each ends where the next begins.
(
    MODE,  # what is done with its datums
    FIRST, LAST,  # its fields
    ID_ROOM,  # the longest id that is its own messageId, bytes
    DATUM_MOST,  # the longest datum that is read, bytes
    MESSAGE_CONSTANT,  # bytes of a message that do not come from the datum, at the most
    HEAD, AFTER_ID, USER_ID, ANONYMOUS_ID, TIMESTAMP, CONTEXT, IN_TRAITS, IN_DEVICE, CONSTANT, TAIL, PIECES_END,
    ROW,  # how many these are
) = range(18)  # fmt: skip

# What is done with a row's datums: messages are made of them, or they are counted, or they are all for the caller.
FAST, COUNTED, SLOW = range(3)

# Why a datum is for the caller: positions in `outcome.Slow`.
SCHEMA, DATUM, NOT_TEXT, NO_ID, NO_TIME, NOBODY, SIZE, NUMBER = range(8)

# Columns of `slow`: run, number of the datum within it, where it begins and ends (-1: all the rest of the run is for the caller), why, and how many
# messages were made before it.
RUN, NTH, BEGIN, END, REASON, MESSAGES, HANDED = range(7)

# Columns of `state`: where to go on, and what was written.
AT_RUN, AT_NTH, AT_BYTE, WRITTEN, SENT_COUNT, SLOW_COUNT = range(6)

WALKED, ANONYMOUS, SENT, TALLY = range(4)  # columns of `tally`
