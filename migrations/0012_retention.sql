-- Cases whose evidence must stay, whatever the retention rules say.
CREATE TABLE case_hold (
    leak_case TEXT NOT NULL PRIMARY KEY REFERENCES leak_case (id),
    since BIGINT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL
);

-- What a purge took: rows stay as long as the store.
ALTER TABLE capture ADD COLUMN purged_at BIGINT;
