-- What analysts leave at cases: who looks after one, notes, silenced entries, what waits for a second person, who looked.

-- The user who looks after the case, by name.
ALTER TABLE leak_case ADD COLUMN assignee TEXT;
CREATE INDEX leak_case_assignee ON leak_case (assignee) WHERE assignee IS NOT NULL;

CREATE TABLE case_note (
    id TEXT NOT NULL PRIMARY KEY,
    leak_case TEXT NOT NULL REFERENCES leak_case (id),
    organization TEXT NOT NULL,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    sealed_text BYTEA NOT NULL
);
CREATE INDEX case_note_case ON case_note (leak_case, at);

-- Entries that are not looked for on a source any more: what is found there is known to be nothing.
CREATE TABLE silence (
    organization TEXT NOT NULL REFERENCES organization (id),
    kind TEXT NOT NULL,
    entry TEXT NOT NULL,
    source TEXT NOT NULL REFERENCES source (id),
    -- The case in which it was said.
    leak_case TEXT NOT NULL,
    since BIGINT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (organization, source, kind, entry)
);
CREATE INDEX silence_case ON silence (leak_case);

-- What somebody has asked for and a second person must agree to: confirmed, reveal.
CREATE TABLE pledge (
    leak_case TEXT NOT NULL REFERENCES leak_case (id),
    what TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    at BIGINT NOT NULL,
    seconded_by TEXT,
    seconded_at BIGINT,
    PRIMARY KEY (leak_case, what, who)
);

-- Who looked at evidence; what was revealed or taken away stands in the audit log.
CREATE TABLE viewing (
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    organization TEXT NOT NULL,
    leak_case TEXT NOT NULL,
    what TEXT NOT NULL
);
CREATE INDEX viewing_case ON viewing (leak_case, at);

CREATE TABLE saved_filter (
    console_user TEXT NOT NULL REFERENCES console_user (id),
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (console_user, name)
);
