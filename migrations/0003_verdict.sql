-- What was counted in each page and file of a case, so that its verdict grows with what is seen.
CREATE TABLE case_rates (
    leak_case TEXT NOT NULL REFERENCES leak_case (id),
    source TEXT NOT NULL REFERENCES source (id),
    link_key TEXT NOT NULL,
    organization TEXT NOT NULL,
    -- Copies of one file are one proof.
    body_digest TEXT NOT NULL,
    document TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (leak_case, source, link_key)
);
