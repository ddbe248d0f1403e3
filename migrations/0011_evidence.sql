-- Captures: what was fetched when a hit was first seen. The body lies in a file named by its SHA-256; here is what was
-- asked and answered, sealed.
CREATE TABLE capture (
    id TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL REFERENCES source (id),
    body_sha256 TEXT NOT NULL,
    body_bytes BIGINT NOT NULL,
    fetched_at BIGINT NOT NULL,
    sealed_document BYTEA NOT NULL
);
CREATE INDEX capture_body ON capture (body_sha256);

-- Where in a capture a hit lies, and by which steps it is read; never changed.
CREATE TABLE capture_hit (
    hit TEXT NOT NULL PRIMARY KEY,
    capture TEXT NOT NULL REFERENCES capture (id),
    organization TEXT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX capture_hit_capture ON capture_hit (capture);

-- Append-only; each row's hash covers the row before it (domain::evidence::ledger).
CREATE TABLE ledger (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    organization TEXT NOT NULL,
    subject TEXT NOT NULL,
    digest TEXT NOT NULL,
    entry_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX ledger_subject ON ledger (kind, subject);

INSERT INTO meta (name, content) VALUES ('ledger_head', '0:');
