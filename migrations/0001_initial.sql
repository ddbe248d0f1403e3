-- One text for SQLite and PostgreSQL: TEXT, BIGINT, DOUBLE PRECISION and BYTEA only; times are milliseconds UTC.
-- Columns named sealed_* hold XChaCha20-Poly1305 (ports::seal); everything else may be read by an operator.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL,
    sealed_content BYTEA
);

CREATE TABLE organization (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    sealed_document BYTEA NOT NULL,
    document_digest TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    -- Counts recordings of hits; updating it locks the organization's grouping.
    groupings BIGINT NOT NULL
);

CREATE TABLE canary (
    organization TEXT NOT NULL REFERENCES organization (id),
    id TEXT NOT NULL,
    dataset TEXT NOT NULL,
    holders TEXT NOT NULL,
    sealed_document BYTEA NOT NULL,
    document_digest TEXT NOT NULL,
    -- A removed canary stays: cases that hold it still name its holders.
    removed_at BIGINT,
    PRIMARY KEY (organization, id)
);

CREATE TABLE delivery (
    organization TEXT NOT NULL REFERENCES organization (id),
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (organization, id)
);

CREATE TABLE contact (
    organization TEXT NOT NULL REFERENCES organization (id),
    address TEXT NOT NULL,
    document TEXT NOT NULL,
    confirmed_at BIGINT,
    confirmed_by TEXT,
    PRIMARY KEY (organization, address)
);

CREATE TABLE source (
    id TEXT NOT NULL PRIMARY KEY,
    label TEXT NOT NULL,
    start_url TEXT NOT NULL,
    pace_ms BIGINT NOT NULL,
    concurrency BIGINT NOT NULL,
    engine TEXT,
    added_at BIGINT NOT NULL,
    last_success_at BIGINT,
    last_failure TEXT,
    last_failure_at BIGINT,
    -- The pace, for all workers: nothing is claimed before.
    next_allowed_at BIGINT NOT NULL,
    -- A lower bound of when anything can be claimed; NULL when nothing can. Lets a claim skip idle sources.
    ready_at BIGINT,
    -- Who was served last stands last in the row.
    turn BIGINT NOT NULL
);
CREATE INDEX source_turn ON source (turn, id);

CREATE TABLE frontier (
    source TEXT NOT NULL REFERENCES source (id),
    link_key TEXT NOT NULL,
    url TEXT NOT NULL,
    kind TEXT NOT NULL,
    kind_rank BIGINT NOT NULL,
    thread TEXT,
    post TEXT,
    name TEXT,
    mark TEXT,
    found_at BIGINT NOT NULL,
    due_at BIGINT,
    lease TEXT,
    lease_until BIGINT,
    attempts BIGINT NOT NULL,
    etag TEXT,
    last_modified TEXT,
    body_digest TEXT,
    body_bytes BIGINT,
    status BIGINT,
    last_visited_at BIGINT,
    last_failure TEXT,
    oddities TEXT,
    PRIMARY KEY (source, link_key)
);
CREATE INDEX frontier_due ON frontier (source, kind_rank, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX frontier_free ON frontier (source, due_at) WHERE due_at IS NOT NULL AND lease IS NULL;
CREATE INDEX frontier_leased ON frontier (source, lease_until) WHERE lease IS NOT NULL;

CREATE TABLE thread (
    source TEXT NOT NULL REFERENCES source (id),
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    title TEXT,
    board TEXT,
    author TEXT,
    created_at BIGINT,
    replies BIGINT,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (source, id)
);

CREATE TABLE post (
    source TEXT NOT NULL REFERENCES source (id),
    thread TEXT NOT NULL,
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    author TEXT,
    posted_at BIGINT,
    sealed_text BYTEA NOT NULL,
    -- Keyed, so that it tells nobody without the key what the text is.
    text_digest TEXT NOT NULL,
    sale DOUBLE PRECISION NOT NULL,
    sealed_listing BYTEA NOT NULL,
    seen_at BIGINT NOT NULL,
    changed_at BIGINT,
    PRIMARY KEY (source, thread, id)
);

CREATE TABLE leak_case (
    id TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    state TEXT NOT NULL,
    offer BIGINT NOT NULL,
    -- Order in which cases were opened, within the organization.
    opened BIGINT NOT NULL,
    -- Counts changes; a mail rendered from an older one is not frozen.
    revision BIGINT NOT NULL,
    merged_into TEXT REFERENCES leak_case (id),
    first_posted_at BIGINT,
    first_matched_at BIGINT NOT NULL,
    first_mailed_at BIGINT,
    first_confirmed_at BIGINT
);
CREATE INDEX leak_case_organization ON leak_case (organization, first_matched_at);
CREATE INDEX leak_case_merged ON leak_case (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE hit (
    id TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    leak_case TEXT NOT NULL REFERENCES leak_case (id),
    kind TEXT NOT NULL,
    entry TEXT NOT NULL,
    field TEXT NOT NULL,
    source TEXT NOT NULL REFERENCES source (id),
    url TEXT NOT NULL,
    thread TEXT,
    post TEXT,
    attachment TEXT,
    member TEXT NOT NULL,
    span_start BIGINT NOT NULL,
    span_end BIGINT NOT NULL,
    masked TEXT NOT NULL,
    steps TEXT NOT NULL,
    strength BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX hit_case ON hit (leak_case, seen_at);
CREATE INDEX hit_organization ON hit (organization, seen_at);

-- An entry belongs to one living case of its organization.
CREATE TABLE case_entry (
    organization TEXT NOT NULL,
    kind TEXT NOT NULL,
    entry TEXT NOT NULL,
    leak_case TEXT NOT NULL REFERENCES leak_case (id),
    added_at BIGINT NOT NULL,
    PRIMARY KEY (organization, kind, entry)
);
CREATE INDEX case_entry_case ON case_entry (leak_case);

CREATE TABLE case_sighting (
    organization TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    leak_case TEXT NOT NULL REFERENCES leak_case (id),
    url TEXT NOT NULL,
    thread TEXT,
    post TEXT,
    attachment TEXT,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (organization, source, place)
);
CREATE INDEX case_sighting_case ON case_sighting (leak_case);
CREATE INDEX case_sighting_thread ON case_sighting (organization, source, thread) WHERE thread IS NOT NULL;

-- Append-only; each row's hash covers the row before it.
CREATE TABLE case_move (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    organization TEXT NOT NULL,
    leak_case TEXT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX case_move_case ON case_move (leak_case, number);

CREATE TABLE alert (
    id TEXT NOT NULL PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organization (id),
    leak_case TEXT NOT NULL REFERENCES leak_case (id),
    -- Empty while the organization has no confirmed contact.
    contact TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- queued, sent, dead, dropped
    state TEXT NOT NULL,
    message_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease TEXT,
    lease_until BIGINT,
    attempts BIGINT NOT NULL,
    last_error TEXT,
    sealed_frozen BYTEA,
    frozen_at BIGINT,
    sent_at BIGINT
);
CREATE INDEX alert_queue ON alert (due_at) WHERE state = 'queued';
CREATE INDEX alert_case ON alert (leak_case);
CREATE INDEX alert_organization ON alert (organization, state);

INSERT INTO meta (name, content) VALUES ('watchlist_revision', '0');
INSERT INTO meta (name, content) VALUES ('audit_head', '0:');
