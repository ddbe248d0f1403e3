-- What a source may be asked for and when, who reads it, and what has become of its pages.

-- The settings given for it, as JSON; NULL for the usual ones.
ALTER TABLE source ADD COLUMN settings TEXT;
-- Set while the operator has paused it.
ALTER TABLE source ADD COLUMN paused_at BIGINT;
-- Nothing is claimed before; the end of time while a person is needed.
ALTER TABLE source ADD COLUMN wait_until BIGINT;
ALTER TABLE source ADD COLUMN wait_reason TEXT;
-- The pace that its robots.txt asks for.
ALTER TABLE source ADD COLUMN crawl_delay_ms BIGINT NOT NULL DEFAULT 0;

-- The further pages of a board or thread: the key of its first page, and the number.
ALTER TABLE frontier ADD COLUMN series TEXT;
ALTER TABLE frontier ADD COLUMN part BIGINT;
-- What kind of page was read last.
ALTER TABLE frontier ADD COLUMN page TEXT;
-- Revision of the watchlists that it was matched against.
ALTER TABLE frontier ADD COLUMN matched BIGINT;
-- When the site first said that there is no such thing (any more).
ALTER TABLE frontier ADD COLUMN gone_at BIGINT;
CREATE INDEX frontier_series ON frontier (source, series, part) WHERE series IS NOT NULL;
CREATE INDEX frontier_matched ON frontier (source, matched) WHERE last_visited_at IS NOT NULL;

ALTER TABLE thread ADD COLUMN gone_at BIGINT;

-- What was spent on a source, by day of its own time zone.
CREATE TABLE spending (
    source TEXT NOT NULL REFERENCES source (id),
    -- Days since 1970.
    day BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    busy_ms BIGINT NOT NULL,
    PRIMARY KEY (source, day)
);

-- What a site's robots.txt said when it was read last; an empty text if there is none.
CREATE TABLE robots (
    source TEXT NOT NULL PRIMARY KEY REFERENCES source (id),
    fetched_at BIGINT NOT NULL,
    text TEXT NOT NULL
);

-- Who reads a source: its cookies, and how logging in went.
CREATE TABLE session (
    source TEXT NOT NULL PRIMARY KEY REFERENCES source (id),
    -- lost, unproven, member, or what a person must see to
    state TEXT NOT NULL,
    sealed_jar BYTEA NOT NULL,
    -- Changed by the operator only: tells workers to take the cookies anew.
    imported_at BIGINT NOT NULL,
    logged_in_at BIGINT,
    -- Logins tried on this day (days since 1970), and refused in a row.
    login_day BIGINT NOT NULL,
    logins BIGINT NOT NULL,
    refusals BIGINT NOT NULL,
    next_login_at BIGINT
);
