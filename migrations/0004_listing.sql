-- What posts offer, who is behind them, and how grave a case is.

-- Of posts that offer data: what kind, how many rows, and what is promised. In the clear, to be counted and compared.
ALTER TABLE post ADD COLUMN goods TEXT;
ALTER TABLE post ADD COLUMN volume BIGINT NOT NULL DEFAULT 0;
ALTER TABLE post ADD COLUMN is_fresh BIGINT NOT NULL DEFAULT 0;
ALTER TABLE post ADD COLUMN is_exclusive BIGINT NOT NULL DEFAULT 0;

-- The last assessment of a case, as JSON: level, the rule that fired, the facts it fired on.
ALTER TABLE leak_case ADD COLUMN severity TEXT;

-- What sellers are known by: keyed digests of contacts and handles, one row for each post that offers.
CREATE TABLE seller_mark (
    mark TEXT NOT NULL,
    -- telegram, jabber …; handle
    kind TEXT NOT NULL,
    -- First and last characters, for people.
    short TEXT NOT NULL,
    source TEXT NOT NULL,
    thread TEXT NOT NULL,
    post TEXT NOT NULL,
    PRIMARY KEY (source, thread, post, mark)
);
CREATE INDEX seller_mark_mark ON seller_mark (mark);
