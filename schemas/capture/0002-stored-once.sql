-- Format 2 of a capture. docs/capture-format.md explains every table and column.
-- (Format 1 stored the bytes of every stream by themselves; no release ever wrote it.)
-- row_crc32 of every table covers the row, so that one that is found without its table proves itself.

-- What is known of the recording as a whole, one row a fact.
CREATE TABLE capture_info (
  key       TEXT PRIMARY KEY,
  value     TEXT NOT NULL,
  row_crc32 INTEGER NOT NULL
) STRICT;

-- The protocol schema files that the recording was made with, so that it can be read for ever.
CREATE TABLE protocol_schema (
  name      TEXT PRIMARY KEY,
  yaml      TEXT NOT NULL,
  row_crc32 INTEGER NOT NULL
) STRICT;

CREATE TABLE connection (
  id        INTEGER PRIMARY KEY,
  label     TEXT NOT NULL,
  opened_ns INTEGER NOT NULL,
  row_crc32 INTEGER NOT NULL
) STRICT;

CREATE TABLE stream (
  id            INTEGER PRIMARY KEY,
  connection_id INTEGER NOT NULL REFERENCES connection (id),
  kind          TEXT NOT NULL CHECK (kind IN ('client', 'old', 'new')),
  first_offset  INTEGER NOT NULL,
  row_crc32     INTEGER NOT NULL,
  UNIQUE (connection_id, kind)
) STRICT;

-- The bytes of all streams, each once, in the order in which they were first seen.
CREATE TABLE block (
  start     INTEGER PRIMARY KEY,
  bytes     BLOB NOT NULL,
  crc32     INTEGER NOT NULL,
  chain     BLOB NOT NULL,
  row_crc32 INTEGER NOT NULL
) STRICT;

-- A run of consecutive chunks of one stream: where each begins, and where in the blocks the bytes are.
CREATE TABLE segment (
  id            INTEGER PRIMARY KEY,
  stream_id     INTEGER NOT NULL REFERENCES stream (id),
  stream_offset INTEGER NOT NULL,
  byte_count    INTEGER NOT NULL,
  chunk_count   INTEGER NOT NULL,
  first_ordinal INTEGER NOT NULL,
  first_time_ns INTEGER NOT NULL,
  last_time_ns  INTEGER NOT NULL,
  crc32         INTEGER NOT NULL,
  chunk_table   BLOB NOT NULL,
  chain         BLOB NOT NULL,
  row_crc32     INTEGER NOT NULL,
  UNIQUE (stream_id, stream_offset)
) STRICT;

-- Chunks that are stored but not yet in a segment; empty in a sealed capture.
CREATE TABLE journal (
  id        INTEGER PRIMARY KEY,
  chunks    BLOB NOT NULL,
  crc32     INTEGER NOT NULL,
  row_crc32 INTEGER NOT NULL
) STRICT;

CREATE TABLE event (
  ordinal       INTEGER PRIMARY KEY,
  time_ns       INTEGER NOT NULL,
  connection_id INTEGER REFERENCES connection (id),
  stream        TEXT CHECK (stream IN ('client', 'old', 'new')),
  kind          TEXT NOT NULL,
  details       BLOB NOT NULL,
  row_crc32     INTEGER NOT NULL
) STRICT;

CREATE TABLE gap (
  id            INTEGER PRIMARY KEY,
  stream_id     INTEGER NOT NULL REFERENCES stream (id),
  place         TEXT NOT NULL CHECK (place IN ('recording', 'mirror')),
  reason        TEXT NOT NULL,
  stream_offset INTEGER NOT NULL,
  byte_count    INTEGER NOT NULL,
  frame_count   INTEGER,
  first_header  BLOB,
  last_header   BLOB,
  first_time_ns INTEGER NOT NULL,
  last_time_ns  INTEGER NOT NULL,
  row_crc32     INTEGER NOT NULL,
  UNIQUE (stream_id, place, stream_offset)
) STRICT;

-- What passed, as the sockets counted it, to be compared with what is here: one row a stream that has ended.
CREATE TABLE account (
  stream_id      INTEGER PRIMARY KEY REFERENCES stream (id),
  seen_bytes     INTEGER NOT NULL,
  mirrored_bytes INTEGER,
  row_crc32      INTEGER NOT NULL
) STRICT;

-- For people with plain sqlite3: one row a stream, with its connection and what was recorded of it.
CREATE VIEW stream_summary AS
SELECT connection.label, stream.kind, stream.id AS stream_id,
       coalesce(sum(segment.byte_count), 0) AS bytes, coalesce(sum(segment.chunk_count), 0) AS chunks,
       min(segment.first_time_ns) AS first_time_ns, max(segment.last_time_ns) AS last_time_ns
FROM stream
JOIN connection ON connection.id = stream.connection_id
LEFT JOIN segment ON segment.stream_id = stream.id
GROUP BY stream.id;
