"""How much one peer may ask of the other, each limit with its reason.

Both ends enforce them on what they send and on what they receive, so that no rogue peer decides
how much memory the other one spends. All sizes are in bytes.
"""

from __future__ import annotations

KIB = 1024
MIB = 1024 * KIB

# Measured: WebSockets over TLS lose a third of their throughput at 256 KiB, and a waiting control
# message waits for at most one frame.
FRAME_PAYLOAD = 64 * KIB

# Below this, zstd costs more time than the bytes it saves on a local network.
COMPRESS_ABOVE = 1 * KIB

# An alert with eight ancestors of 8 KiB command line each, and the same again in its event, stays
# below 200 KiB; a status report with every source and kind below 64 KiB. A gateway that holds
# 20,000 endpoints must not give any of them more.
UPWARD_MESSAGE = 1 * MIB

# One `ApplyIntel` carries every Signal of the endpoint: 5,000 rules of 2 KiB are 10 MiB before
# compression. Only the console sends it, and it is trusted by its certificate.
DOWNWARD_MESSAGE = 16 * MIB

# `EventRows` holds at most 500 rows of usually 0.6 KiB. The sender cuts the window shorter when
# rows are long: this much is what a browser tab still takes without a pause.
LIVE_UPWARD_MESSAGE = 4 * MIB

# Searches and fetches are a few hundred bytes; an expression with 24 long terms is below 64 KiB.
LIVE_DOWNWARD_MESSAGE = 256 * KIB

# What the recorder writes at once; also what one block of a stored snapshot may hold.
EVENT_BATCH = 16 * MIB

# Anything that stands in an envelope travels in one `Instruct`: the rest is room for its fields.
INSTRUCTION = DOWNWARD_MESSAGE - 64 * KIB

# Streams open at once from one end. Transfers queue behind this; nobody reads 32 files at once.
STREAMS = 32

# Bytes that may be under way on one stream. 1 MiB fills 100 Mbit/s at 80 ms round trip; 32 of
# them are the most that a peer can make the other end hold.
CREDIT_WINDOW = 1 * MIB

# The name of a stream's purpose and the reasons in CANCEL and CLOSE are for logs, not for data.
PURPOSE_TEXT = 256
REASON_TEXT = 512

# A slow peer's messages wait in memory. When this much waits already, no further one is taken:
# the sender must wait, or drop the peer.
SEND_QUEUE = 1 * MIB

# What `frames_to_send` hands out at once: a control message queued behind it waits for this much,
# 20 ms at 100 Mbit/s.
WRITE_BUDGET = 4 * FRAME_PAYLOAD

# Clocks of console and endpoint may differ by this much, after the endpoint corrected its clock
# by `Welcome.server_at`. In microseconds.
CLOCK_DIFFERENCE = 5 * 60 * 1_000_000

# Sequences of the fleet's instructions that an endpoint remembers until they expire. A question a
# second, each open for ten minutes, are 600; 4,096 of them are 64 KiB on the endpoint's disk.
FLEET_WINDOW = 4096
