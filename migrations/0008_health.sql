-- How sources, networks and the product itself fare, so that blindness is seen.

-- open, tor, i2p: a network whose way in is down gives nothing to claim.
ALTER TABLE source ADD COLUMN network TEXT NOT NULL DEFAULT 'open';
UPDATE source SET network = 'tor' WHERE id LIKE '%.onion' OR id LIKE '%.onion:%';
UPDATE source SET network = 'i2p' WHERE id LIKE '%.i2p' OR id LIKE '%.i2p:%';
-- By how much our clock was ahead of the site's at its last dated answer.
ALTER TABLE source ADD COLUMN clock_ahead_ms BIGINT;
ALTER TABLE source ADD COLUMN clock_seen_at BIGINT;

-- What each hour brought from a source, by outcome: read, unchanged, unread, login-wanted, denied, not-found, or the
-- class of a failure.
CREATE TABLE source_hour (
    source TEXT NOT NULL REFERENCES source (id),
    hour_at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    visits BIGINT NOT NULL,
    -- Posts not seen before; of them, those made lately.
    posts BIGINT NOT NULL,
    fresh BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (source, hour_at, outcome)
);
CREATE INDEX source_hour_at ON source_hour (hour_at);

-- Networks whose way in is down.
CREATE TABLE lane_down (
    network TEXT NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    tried_at BIGINT NOT NULL
);

-- What is not well now; a row goes when it is well again.
CREATE TABLE alarm (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    mend TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (kind, subject)
);

-- The operator's outbox: once when an alarm comes, once when it goes.
CREATE TABLE operator_mail (
    id TEXT NOT NULL PRIMARY KEY,
    recipient TEXT NOT NULL,
    message_id TEXT NOT NULL,
    thread_root TEXT,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    -- queued, sent, dead
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    lease TEXT,
    lease_until BIGINT,
    last_error TEXT,
    sent_at BIGINT
);
CREATE INDEX operator_mail_queue ON operator_mail (due_at) WHERE state = 'queued';

CREATE TABLE drill (
    place TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- Empty if it went the whole way.
    failed_step TEXT NOT NULL,
    detail TEXT NOT NULL,
    took_ms BIGINT NOT NULL,
    PRIMARY KEY (place, at)
);
